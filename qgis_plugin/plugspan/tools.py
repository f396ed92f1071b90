"""The tools: check tables, assess, plan, load results."""

import json
import os
from pathlib import Path

from qgis.core import (
    Qgis,
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
from qgis.PyQt.QtCore import QMetaType, QVariant
from qgis.PyQt.QtGui import QIcon

from .command import LEAST, Failed, as_path, find_program, run, version_of
from .main_thread import in_main_thread
from .results import add_results, count_layers, find_package, regional_folders
from .words import ABOUT, ICON, language, say

if Qgis.QGIS_VERSION_INT >= 33800:  # the older names of the types are gone with Qt 6
    TEXT, WHOLE, NUMBER = QMetaType.Type.QString, QMetaType.Type.LongLong, QMetaType.Type.Double
else:
    TEXT, WHOLE, NUMBER = QVariant.String, QVariant.LongLong, QVariant.Double
FINDING = {
    "rule": TEXT, "title": TEXT, "unit": TEXT, "low": NUMBER, "high": NUMBER, "target": NUMBER, "due": TEXT,
    "status": TEXT, "source": TEXT,
}  # fmt: skip
FAULT = {
    "severity": TEXT, "kind": TEXT, "file": TEXT, "row": WHOLE, "column": TEXT, "value": TEXT, "message": TEXT,
}  # fmt: skip
FEASIBLE, REFUSED, BAD_INPUT, INFEASIBLE = 0, 2, 3, 4
"""Exit codes of the program; the second, if the output is there and must not be replaced."""
MARKER = ".plugspan.json"
"""The list of files that the program has written; it replaces no folder without."""
RESULTS = {
    "MAP": ("map.html", "country.html"), "LAYERS": ("layers.gpkg", "country.gpkg"),
    "REPORT": ("report.docx", "country.docx"), "TABLES": ("tables.xlsx", "country.xlsx"),
}  # fmt: skip
"""Outputs of a plan: files of one region's run, and of many regions'."""
_EXAMPLES = 3
_known = set()
"""Programs that have been asked for their version, each with the time of its file."""


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

    def icon(self):
        """Return its picture."""
        return QIcon(ICON)

    def helpUrl(self):  # noqa: N802
        """Return where the manual is, if the project has a page."""
        return ABOUT.get("homepage", "")

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
            parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
            self.addParameter(parameter)

    def _table(self, name):
        self.addParameter(
            QgsProcessingParameterFeatureSink(
                name, say(f"plugin.{self.verb}.table"), QgsProcessing.SourceType.TypeVector
            )
        )

    def _project_file(self, parameters, context):
        """The project file; said here if it is not there, as the program would name a command."""
        path = self.parameterAsFile(parameters, "PROJECT", context)
        if not os.path.exists(path):  # noqa: PTH110
            raise QgsProcessingException(say("plugin.no-project", path=path))
        return path

    def _run(self, parameters, context, feedback, words, fine=(0,)):
        """Run the program with progress; how it ended."""
        lang = ("", "zh", "en")[self.parameterAsEnum(parameters, "LANGUAGE", context)]
        program = _find(self.parameterAsString(parameters, "PROGRAM", context))
        command = [program, *words, "--progress", "json", *(["--lang", lang] if lang else [])]
        try:
            _ask_version(program, feedback)
            feedback.pushCommandInfo(" ".join(command))
            done = run(
                command, on_line=lambda line: _show(line, feedback), cancelled=feedback.isCanceled, fine=fine,
                lang=language(),
            )  # fmt: skip
        except Failed as failed:
            raise QgsProcessingException(self._failure(failed)) from failed
        except OSError as error:
            raise QgsProcessingException(
                say("plugin.no-start", program=program, reason=error.strerror)
            ) from error
        if done.code is None:
            raise QgsProcessingException(self._cancelled())
        feedback.setProgress(100)
        return done

    def _failure(self, failed):
        """What to say of a run that failed."""
        return str(failed)

    def _cancelled(self):
        """What to say of a cancelled run; said as an error, so that a model does not go on without results."""
        return say("plugin.cancelled")

    def _fill(self, parameters, context, name, columns, rows):
        """Write rows into a table; its id."""
        fields = QgsFields()
        for column, kind in columns.items():
            fields.append(QgsField(column, kind))
        sink, made = self.parameterAsSink(parameters, name, context, fields, QgsWkbTypes.Type.NoGeometry)
        if sink is None:
            raise QgsProcessingException(self.invalidSinkError(parameters, name))
        for row in rows:
            feature = QgsFeature(fields)
            feature.setAttributes([row.get(column) for column in columns])
            sink.addFeature(feature, QgsFeatureSink.Flag.FastInsert)
        return made


def _find(asked):
    """Where the program is; an error names the path that was given."""
    program = find_program(asked)
    if program is None:
        given = as_path(asked) or as_path(os.environ.get("PLUGSPAN", ""))
        raise QgsProcessingException(
            say("plugin.wrong-program", path=given) if given else say("plugin.no-program")
        )
    return program


def _ask_version(program, feedback):
    """See, once, that it is plugspan and not too old for these tools."""
    key = program, Path(program).stat().st_mtime_ns
    if key in _known:
        return
    said = ""
    try:
        version = version_of(program, feedback.isCanceled)
    except Failed as failed:
        version, said = None, str(failed)
    if feedback.isCanceled():
        raise QgsProcessingException(say("plugin.cancelled"))
    if version is None:
        raise QgsProcessingException(say("plugin.other-program", program=program) + f"\n{said}")
    if version < LEAST:
        found, least = (".".join(map(str, numbers)) for numbers in (version, LEAST))
        raise QgsProcessingException(say("plugin.too-old", program=program, found=found, least=least))
    _known.add(key)


def _read(printed, program_said):
    """The JSON that the program printed."""
    try:
        return json.loads(printed)
    except ValueError as error:
        raise QgsProcessingException(program_said or say("plugin.no-json")) from error


def _show(line, feedback):
    """Progress to the bar, what a solver finds and what the program says to the log."""
    if isinstance(line, str):
        feedback.pushInfo(line)
    elif "stage" in line:
        feedback.setProgress(max(feedback.progress(), 100 * line["share"]))
        feedback.setProgressText(line["words"])
    elif "regions" in line:
        feedback.setProgressText(say("plugin.regions", done=line["regions"], n=line["of"]))
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
        project = self._project_file(parameters, context)
        done = self._run(parameters, context, feedback, ["check", project, "--json"], (0, BAD_INPUT))
        told = _read(done.printed, done.said)  # nothing is printed of a project file that can't be read
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
        project = self._project_file(parameters, context)
        done = self._run(parameters, context, feedback, ["assess", project])
        rows = [{**row, "due": row.get("by")} for row in _read(done.printed, done.said)["findings"]]
        return {
            "FINDINGS": self._fill(parameters, context, "FINDINGS", FINDING, rows),
            "NOT_MET": sum(row.get("status") == "not met" for row in rows),
        }


class Loading(Tool):
    """A tool that ends with the layers of a run in the open project."""

    package = None

    def postProcessAlgorithm(self, context, feedback):  # noqa: N802
        """Add the layers."""
        if self.package is not None:
            package, project = self.package, context.project() or QgsProject.instance()
            in_main_thread(lambda: add_results(package, project, say("plugin.name")))
            feedback.pushInfo(say("plugin.loaded", n=count_layers(package)))
        return {}


class Plan(Loading):
    """Plan: assess, propose what to build, write the run folder."""

    verb = "plan"
    folder, refusal = Path(), ""

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
        project = self._project_file(parameters, context)
        scenario = self.parameterAsFile(parameters, "SCENARIO", context)
        overwrite = self.parameterAsBool(parameters, "OVERWRITE", context)
        self.folder = folder = Path(self.parameterAsString(parameters, "RUN", context))
        words = ["run", project, "--out", str(folder)]
        words += ["--scenario", scenario] if scenario else []
        words += ["--overwrite"] if overwrite else []
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()  # QGIS makes the folder of a temporary output beforehand; the program wants none
        self.refusal = say("plugin.plan.not-ours" if overwrite else "plugin.plan.exists", folder=folder)
        if os.path.lexists(folder) and not _may_go_on(folder, overwrite):
            raise QgsProcessingException(self.refusal)
        done = self._run(parameters, context, feedback, words, (FEASIBLE, INFEASIBLE))
        feedback.pushInfo(done.printed)
        found = dict(_results(folder))
        if not found:
            raise QgsProcessingException(done.said or say("plugin.plan.nothing", folder=folder))
        if done.code == INFEASIBLE:
            feedback.reportError(
                say(f"plugin.plan.{'regions-failed' if _of_regions(folder) else 'infeasible'}")
            )
        if self.parameterAsBool(parameters, "LOAD", context):
            self.package = find_package(folder)
        return {"RUN": str(folder), **found}

    def _failure(self, failed):
        """A folder that must not be replaced, in this tool's words."""
        refused = failed.code == REFUSED and os.path.lexists(self.folder)
        return self.refusal if refused else str(failed)

    def _cancelled(self):
        """Regions that have ended stay, and the next run goes on with the others."""
        return say("plugin.plan.cancelled-regions" if _of_regions(self.folder) else "plugin.cancelled")


def _of_regions(folder):
    """Whether a folder is that of many regions, from its first minute on."""
    return (folder / "pieces").is_dir()


def _may_go_on(folder, overwrite):
    """Whether the program will write where something is: regions are taken up again, one region's run is replaced."""
    return _of_regions(folder) or (overwrite and (folder / MARKER).is_file())


def _results(folder):
    """Names of outputs and their files, as far as they are there."""
    for name, files in RESULTS.items():
        for path in (folder / file for file in files):
            if path.is_file():
                yield name, str(path)
                break


class Load(Loading):
    """Load results: the styled layers of a run folder."""

    verb = "load"

    def initAlgorithm(self, _config=None):  # noqa: N802
        """Declare parameters and outputs."""
        folder = QgsProcessingParameterFile(
            "RUN", say("plugin.run"), QgsProcessingParameterFile.Behavior.Folder
        )
        self.addParameter(folder)
        self.addOutput(QgsProcessingOutputNumber("LAYER_COUNT", say("plugin.load.layers")))

    def processAlgorithm(self, parameters, context, _feedback):  # noqa: N802
        """See that there is a project; the layers are added afterwards, in the main thread."""
        folder = self.parameterAsFile(parameters, "RUN", context)
        self.package = find_package(folder)
        if self.package is None:
            regions = ", ".join(map(str, regional_folders(folder)[:_EXAMPLES]))
            key = "plugin.load.of-regions" if regions else "plugin.load.nothing"
            raise QgsProcessingException(say(key, folder=folder, regions=regions))
        return {"RUN": folder, "LAYER_COUNT": count_layers(self.package)}


TOOLS = (Check, Assess, Plan, Load)
