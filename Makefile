# make repro   rebuild every number, from an empty clone to the report
# make test    format, lint, types, tests
# make help    the rest

PYTHON ?= python3
# e.g. make repro TORCH_INDEX=https://download.pytorch.org/whl/cpu   (PyTorch's own CPU build: 200 MB and not 3 GB)
TORCH_INDEX ?=
VENV := .venv
# stages run `python`: the environment's must come first
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PYTHONUNBUFFERED := 1

.PHONY: help repro test test-fast test-models bench check experiments sample-backbones lint

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

repro: $(VENV)/ready  ## environment, pipeline, table; open metrics/report/index.html afterwards
	@python -m src.check
	@dvc repro
	@cat metrics/summary.md
	@echo "The page: metrics/report/index.html"

check: $(VENV)/ready  ## read params.yaml and the catalogue, and say what is wrong before anything runs
	@python -m src.check

test: $(VENV)/ready-dev lint  ## format, lint, types, unit tests, and the pipeline end to end on a clone
	@python -m pytest -m "not slow" -n 2
	@python -m pytest -m slow

test-fast: $(VENV)/ready-dev  ## unit tests only
	@python -m pytest -m "not slow" -n 2

test-models: $(VENV)/ready-dev  ## every model in full depth, one at a time: 15 minutes, 11 GB of memory, 14 GB of disk
	@python -m pytest tests/backbones/test_golden.py --full-depth --collect-only | grep :: | \
		xargs -n 1 python -m pytest -s --full-depth

BENCHMARKS = $(patsubst benchmarks/%.py,%,$(shell grep -l __main__ benchmarks/*.py))

bench: $(VENV)/ready  ## all benchmarks, one after the other: an hour or more; benchmarks/README.md says what they measure
	@for name in $(BENCHMARKS); do echo "== python -m benchmarks.$$name"; python -m benchmarks.$$name || exit; echo; done

lint: $(VENV)/ready-dev
	@ruff format --check .
	@ruff check .
	@mypy

# dvc exp show has a column for each of some 2,000 numbers; these are the ones of metrics/summary.json
experiments: $(VENV)/ready  ## the headline of every experiment
	@COLUMNS=240 dvc exp show --no-pager --drop '.*' --keep '^Experiment$$|summary.json:model$$|^model$$|^params.yaml:model$$|^seed$$|^hybrid.method$$|(^|:)(mMP@5|trained_parameters)\.'

sample-backbones: $(VENV)/ready  ## train the three sample backbones anew (minutes) into models/sample/checkpoints/
	@dvc repro models/sample/dvc.yaml
	@cp models/sample/build/*.safetensors models/sample/checkpoints/

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/ready: requirements.txt | $(VENV)/bin/python
	$(if $(TORCH_INDEX),pip install -q --index-url $(TORCH_INDEX) $$(grep -oE '^torch(vision)?==[0-9.]+' requirements.txt))
	pip install -q -r requirements.txt
	@touch $@

$(VENV)/ready-dev: requirements-dev.txt requirements.txt | $(VENV)/ready
	pip install -q -r requirements-dev.txt
	@touch $@
