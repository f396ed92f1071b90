# `make demo` and `make test` need nothing but python3 (3.11 or later). Without make: see the README.
PYTHON ?= python3
VENV   ?= .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
READY := $(VENV)/.ready
DATA  ?=

.PHONY: demo test fuzz lint types docs plugin dist lock clean

demo: $(READY)
	$(BIN)/plugspan demo

test: $(READY)
	$(BIN)/python -m pytest tests -n auto --dist loadfile $(if $(DATA),--extra-data=$(DATA)) $(ARGS)

# Spoilt inputs for so many seconds; a seed repeats a run. Cases with findings are kept in fuzz-found/.
TIME ?= 600
fuzz: $(READY)
	$(BIN)/python tests/fuzz/fuzz.py --time $(TIME) $(if $(SEED),--seed $(SEED)) --keep fuzz-found $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

$(READY): requirements.lock pyproject.toml
	$(PYTHON) setup_venv.py $(VENV)

# The manual: English with the notebooks run (one to two minutes, then kept in build/docs-notebooks; NOTEBOOKS=off: as they are), Chinese in zh/.
NOTEBOOKS ?= cache
SPHINX = $(BIN)/python -m sphinx -q -n -W --keep-going -D nb_execution_mode=$(NOTEBOOKS) -d build/doctrees/$(1) $(2)
docs: $(READY)
	$(call SPHINX,en,docs build/docs)
	$(call SPHINX,zh,-c docs -D language=zh_CN docs/zh build/docs/zh)
	@echo build/docs/index.html

# The QGIS plugin as a zip, for Plugins > Install from ZIP.
plugin: $(READY)
	$(BIN)/python qgis_plugin/build.py build

# All that a release consists of, in build/dist: sdist, wheel, plugin, manual, notes, conda recipe, start file for Windows.
# Twice the same bytes: times are those of the last commit, and nothing is left of earlier builds. The wheel is built from the sdist.
SOURCE_DATE_EPOCH ?= $(or $(shell git log -1 --format=%ct 2>/dev/null),315532800)
dist: export SOURCE_DATE_EPOCH := $(SOURCE_DATE_EPOCH)
dist: $(READY) docs
	rm -rf build/dist *.egg-info
	$(BIN)/python -m build --sdist --no-isolation --outdir build/dist .
	$(BIN)/python release/archives.py build/dist build/docs
	umask 022 && $(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --disable-pip-version-check -w build/dist build/dist/*.tar.gz
	$(BIN)/python qgis_plugin/build.py build/dist
	$(BIN)/python release/release.py build/dist

# The lock holds versions and hashes for Python 3.11 and every platform with wheels; no addresses.
lock:
	$(BIN)/python -m piptools compile --quiet --extra test --extra dev --extra docs --extra postgis --generate-hashes --allow-unsafe --strip-extras \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --no-annotate \
	  --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) build *.egg-info plugspan-demo fuzz-found
