"""The tools: check tables, assess, plan, load results."""

import json
from pathlib import Path

from qgis.core import (
    QgsFeature,
    QgsFeatureSink,
    QgsField,
    QgsFields,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingOutputFile,
    QgsProcessingOutputNumber,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFile,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterString,
    QgsProject,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QVariant

from .command import Failed, find_program, run
from .results import add_results, count_layers, find_package
from .words import say

TEXT, WHOLE, NUMBER = QVariant.String, QVariant.LongLong, QVariant.Double
FINDING = {
    "rule": TEXT, "title": TEXT, "unit": TEXT, "low": NUMBER, "high": NUMBER, "target": NUMBER, "due": TEXT,
    "status": TEXT, "source": TEXT,
}  # fmt: skip
FAULT = {
    "severity": TEXT, "kind": TEXT, "file": TEXT, "row": WHOLE, "column": TEXT, "value": TEXT, "message": TEXT,
}  # fmt: skip
FEASIBLE, INFEASIBLE, BAD_INPUT = 0, 4, 3
"""Exit codes of the program."""


class Tool(QgsProcessingAlgorithm):
    """What the tools share: names from the catalogue, the program, its progress."""

    verb = ""

    def createInstance(self):  # noqa: N802
        """Make another of its kind."""
        return type(self)()

    def name(self):
        """Return its name in ``qgis_process``."""
        return self.verb

    def displayName(self):  # noqa: N802
        """Return its name in the toolbox."""
        return say(f"plugin.{self.verb}.name")

    def shortHelpString(self):  # noqa: N802
        """Return what it does."""
        return say(f"plugin.{self.verb}.help")

    def _project(self):
        self.addParameter(
            QgsProcessingParameterFile(
                "PROJECT", say("plugin.project"), fileFilter=say("plugin.project-filter")
            )
        )

    def _program(self):
        """Language and place of the program, under *advanced*."""
        languages = [say("plugin.language-own"), "中文", "English"]
        lang = QgsProcessingParameterEnum("LANGUAGE", say("plugin.language"), languages, defaultValue=0)
        path = QgsProcessingParameterString("PROGRAM", say("plugin.program"), "", optional=True)
        for parameter in (lang, path):
            parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
            self.addParameter(parameter)

    def _table(self, name):
        self.addParameter(
            QgsProcessingParameterFeatureSink(
                name, say(f"plugin.{self.verb}.table"), QgsProcessing.TypeVector
            )
        )

    def _run(self, parameters, context, feedback, words, fine=(0,)):
        """Run the program with progress; what it printed, None if it was cancelled."""
        program = find_program(self.parameterAsString(parameters, "PROGRAM", context))
        if program is None:
            raise QgsProcessingException(say("plugin.no-program"))
        lang = ("", "zh", "en")[self.parameterAsEnum(parameters, "LANGUAGE", context)]
        command = [program, *words, "--progress", "json", *(["--lang", lang] if lang else [])]
        feedback.pushCommandInfo(" ".join(command))
        try:
            code, printed = run(
                command, on_line=lambda line: _show(line, feedback), cancelled=feedback.isCanceled, fine=fine
            )
        except Failed as failed:
            words = say("plugin.too-old", program=program) if failed.too_old else str(failed)
            raise QgsProcessingException(words) from failed
        except OSError as error:
            raise QgsProcessingException(
                say("plugin.no-start", program=program, reason=error.strerror)
            ) from error
        if code is None:
            feedback.pushInfo(say("plugin.cancelled"))
            return None
        return code, printed

    def _fill(self, parameters, context, name, columns, rows):
        """Write rows into a table; its id."""
        fields = QgsFields()
        for column, kind in columns.items():
            fields.append(QgsField(column, kind))
        sink, made = self.parameterAsSink(parameters, name, context, fields, QgsWkbTypes.NoGeometry)
        if sink is None:
            raise QgsProcessingException(self.invalidSinkError(parameters, name))
        for row in rows:
            feature = QgsFeature(fields)
            feature.setAttributes([row.get(column) for column in columns])
            sink.addFeature(feature, QgsFeatureSink.FastInsert)
        return made


def _show(line, feedback):
    """Progress to the bar, what a solver finds and what the program says to the log."""
    if isinstance(line, str):
        feedback.pushInfo(line)
    elif "stage" in line:
        feedback.setProgress(100 * line["share"])
        feedback.setProgressText(line["words"])
    elif line.get("bound") is not None:
        feedback.pushInfo(say("plugin.solving", **{k: line[k] for k in ("level", "best", "bound")}))


class Check(Tool):
    """Check tables: every fault with file, row, column, value and remedy."""

    verb = "check"

    def initAlgorithm(self, _config=None):  # noqa: N802
        """Declare parameters and outputs."""
        self._project()
        self._table("FAULTS")
        self.addOutput(QgsProcessingOutputNumber("FAULT_COUNT", say("plugin.check.faults")))
        self.addOutput(QgsProcessingOutputNumber("NOTE_COUNT", say("plugin.check.notes")))
        self._program()

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Run ``plugspan check --json``."""
        project = self.parameterAsFile(parameters, "PROJECT", context)
        done = self._run(parameters, context, feedback, ["check", project, "--json"], (0, BAD_INPUT))
        if done is None:
            return {}
        if not done[1].strip():  # the project file itself can't be read: told on stderr
            raise QgsProcessingException(say("plugin.check.unread"))
        told = json.loads(done[1])
        rows = [
            {**row, "severity": severity, "kind": row["key"]}
            for severity, part in (("fault", told["faults"]), ("note", told["notes"]))
            for row in part
        ]
        for row in rows:
            (feedback.reportError if row["severity"] == "fault" else feedback.pushInfo)(row["message"])
        return {
            "FAULTS": self._fill(parameters, context, "FAULTS", FAULT, rows),
            "FAULT_COUNT": len(told["faults"]),
            "NOTE_COUNT": len(told["notes"]),
        }


class Assess(Tool):
    """Assess: the rules of the policy, a row each."""

    verb = "assess"

    def initAlgorithm(self, _config=None):  # noqa: N802
        """Declare parameters and outputs."""
        self._project()
        self._table("FINDINGS")
        self.addOutput(QgsProcessingOutputNumber("NOT_MET", say("plugin.assess.not-met")))
        self._program()

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Run ``plugspan assess``."""
        project = self.parameterAsFile(parameters, "PROJECT", context)
        done = self._run(parameters, context, feedback, ["assess", project])
        if done is None:
            return {}
        rows = [{**row, "due": row.get("by")} for row in json.loads(done[1])["findings"]]
        return {
            "FINDINGS": self._fill(parameters, context, "FINDINGS", FINDING, rows),
            "NOT_MET": sum(row.get("status") == "not met" for row in rows),
        }


class Loading(Tool):
    """A tool that ends with the layers of a run in the open project."""

    folder = ""

    def postProcessAlgorithm(self, context, feedback):  # noqa: N802
        """Add the layers; this runs in the main thread, as the project wants it."""
        project = context.project() or QgsProject.instance()
        package = find_package(self.folder) if self.folder else None
        if package is not None:
            added = add_results(package, project, say("plugin.name"))
            feedback.pushInfo(say("plugin.loaded", n=len(added)))
        return {}


class Plan(Loading):
    """Plan: assess, propose what to build, write the run folder."""

    verb = "plan"

    def initAlgorithm(self, _config=None):  # noqa: N802
        """Declare parameters and outputs."""
        self._project()
        self.addParameter(
            QgsProcessingParameterFile(
                "SCENARIO", say("plugin.plan.scenario"), extension="json", optional=True
            )
        )
        self.addParameter(QgsProcessingParameterFolderDestination("RUN", say("plugin.run")))
        self.addParameter(QgsProcessingParameterBoolean("OVERWRITE", say("plugin.plan.overwrite"), False))
        self.addParameter(QgsProcessingParameterBoolean("LOAD", say("plugin.plan.load"), True))
        for name in ("map", "layers", "report", "tables"):
            self.addOutput(QgsProcessingOutputFile(name.upper(), say(f"plugin.plan.{name}")))
        self._program()

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Run ``plugspan run``."""
        project = self.parameterAsFile(parameters, "PROJECT", context)
        scenario = self.parameterAsFile(parameters, "SCENARIO", context)
        folder = Path(self.parameterAsString(parameters, "RUN", context))
        words = ["run", project, "--out", str(folder)]
        words += ["--scenario", scenario] if scenario else []
        words += ["--overwrite"] if self.parameterAsBool(parameters, "OVERWRITE", context) else []
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()  # QGIS makes the folder of a temporary output beforehand; the program wants none
        done = self._run(parameters, context, feedback, words, (FEASIBLE, INFEASIBLE))
        if done is None:
            return {}
        feedback.pushInfo(done[1])
        if done[0] == INFEASIBLE:
            feedback.reportError(say("plugin.plan.infeasible"))
        self.folder = str(folder) if self.parameterAsBool(parameters, "LOAD", context) else ""
        files = {"MAP": "map.html", "LAYERS": "layers.gpkg", "REPORT": "report.docx", "TABLES": "tables.xlsx"}
        return {"RUN": str(folder), **{name: str(folder / file) for name, file in files.items()}}


class Load(Loading):
    """Load results: the styled layers of a run folder."""

    verb = "load"

    def initAlgorithm(self, _config=None):  # noqa: N802
        """Declare parameters and outputs."""
        folder = QgsProcessingParameterFile("RUN", say("plugin.run"), QgsProcessingParameterFile.Folder)
        self.addParameter(folder)
        self.addOutput(QgsProcessingOutputNumber("LAYER_COUNT", say("plugin.load.layers")))

    def processAlgorithm(self, parameters, context, _feedback):  # noqa: N802
        """See that there is a project; the layers are added afterwards, in the main thread."""
        folder = self.parameterAsFile(parameters, "RUN", context)
        package = find_package(folder)
        if package is None:
            raise QgsProcessingException(say("plugin.load.nothing", folder=folder))
        self.folder = folder
        return {"RUN": folder, "LAYER_COUNT": count_layers(package)}


TOOLS = (Check, Assess, Plan, Load)
