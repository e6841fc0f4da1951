# Everything happens in this folder, whatever folder make is called from.
ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := $(ROOT)/.venv
BIN := $(VENV)/bin
DATASET ?= digits
SEED ?= 0
PRESET ?= quick
MEMBERS ?= 4
OUT ?= $(ROOT)/runs
# icd10 needs the sentence encoder
EXTRAS := $(if $(filter icd10,$(DATASET)),dev text,dev)
STAMPS := $(foreach e,$(EXTRAS),$(VENV)/.installed-$(e))
export PATH := $(BIN):$(PATH)
export PYTHONPATH := $(ROOT)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

.PHONY: help run curriculum test test-portable results lab docs clean setup check lint notebooks \
        pytest readme benchmarks

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(ROOT)/Makefile | sed 's/:.*## /\t/' | expand -t 15

$(VENV)/bin/python:
	@echo "== virtual environment in .venv ($(PYTHON))"
	@"$(PYTHON)" -c 'import sys; v=sys.version_info[:2]; sys.exit(0 if v>=(3,11) else f"Python 3.11 or newer is needed, {sys.executable} is {v[0]}.{v[1]}: call make PYTHON=/path/to/python3.11")'
	@"$(PYTHON)" -m venv "$(VENV)"

$(VENV)/.installed-%: $(ROOT)/settings.ini $(ROOT)/setup.py $(ROOT)/constraints.txt | $(VENV)/bin/python
	@echo "== installing geofractal_nb[$*] with the versions of constraints.txt"
	@"$(BIN)/python" -m pip install --quiet -c "$(ROOT)/constraints.txt" -e "$(ROOT)[$*]" $(PIP_ARGS)
	@# the kernel has the name that nbdev writes, or JupyterLab would change every notebook it opens
	@"$(BIN)/python" -m ipykernel install --sys-prefix --name python3 --display-name python3 >/dev/null 2>&1
	@touch "$@"

setup: $(STAMPS) ## virtual environment and pinned installation

run: setup ## classifier, then a quick curriculum: make run [DATASET=digits|icd10|clip_like|path] [SEED=0]
	@echo "== training on $(DATASET); results go to $(OUT)"
	@geofractal train-basin "$(DATASET)" --seed $(SEED) -o "$(OUT)"
	@$(MAKE) --no-print-directory -f "$(ROOT)/Makefile" curriculum

curriculum: setup ## self-paced curriculum: make curriculum [PRESET="quick|full|full 8"] [MEMBERS=4] [SEED=0]
	@echo "== curriculum, $(PRESET), $(MEMBERS) members; results go to $(OUT)"
	@geofractal curriculum $(PRESET) --members $(MEMBERS) --seed $(SEED) -o "$(OUT)"

test: setup ## every check, about five minutes; alone: make check, lint, notebooks, pytest
	@cd "$(ROOT)" && python tools/test.py

check lint notebooks pytest: setup
	@cd "$(ROOT)" && python tools/test.py $@

test-portable: setup ## notebooks and tests on other CPUs, threads, seeds: [SETTING="seed=2 avx2"]
	@cd "$(ROOT)" && python tools/portable.py $(SETTING)

results: setup ## which results are out of date, or run one again: make results [NAME=penalty]
	@cd "$(ROOT)" && python tools/results.py $(if $(NAME),refresh $(NAME))

readme: setup ## README.md from nbs/index.ipynb
	@cd "$(ROOT)" && python tools/build_readme.py

docs: setup ## the documentation site in _docs, without Quarto
	@echo "== documentation site"
	@cd "$(ROOT)" && python tools/build_docs.py
	@echo "open _docs/index.html"

lab: setup ## JupyterLab on the notebooks
	@cd "$(ROOT)/nbs" && jupyter lab

benchmarks: setup ## speed, as ratios measured side by side
	@cd "$(ROOT)" && python benchmarks/basin.py && python benchmarks/headline.py && python benchmarks/curriculum.py --whole

clean: ## remove the environment, results and everything generated
	@cd "$(ROOT)" && rm -rf .venv runs _docs _proc build dist *.egg-info .pytest_cache .ruff_cache .hypothesis && find . -name __pycache__ -type d -prune -exec rm -rf {} +
