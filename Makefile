# Two commands do everything on a fresh clone: `make quickstart` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# Where to look for torch without CUDA (0.2 GB instead of several), besides the usual index; if it can't be
# reached, torch comes from the usual index. With CUDA, from the usual index: make install TORCH_INDEX=
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

# Processes that run the tests, one thread each; all tests of a file run in one process.
JOBS   ?= 2
PYTEST := HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

.PHONY: help install quickstart test quick numeric faults lint wheel docs format clean
.DEFAULT_GOAL := help

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(STAMP): pyproject.toml benchmarks/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "drama needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --retries 1 --timeout 15 $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' -e benchmarks
	touch $(STAMP)

install: $(STAMP) ## make .venv and install drama with its development tools

quickstart: $(STAMP) ## the whole pipeline on embedded data: prune, augment, train, evaluate, index, search
	$(BIN)/drama run quickstart

test: $(STAMP) ## all tests
	$(PYTEST)

quick: $(STAMP) ## the tests that are not marked slow
	$(PYTEST) -m 'not slow'

# Kills a stage; the other faults get a tenth of it. One cell: make faults STAGE=train FAULT=kill; one trial: SEED=7
POINTS ?= 100
faults: $(STAMP) ## disturb every stage on purpose, and write the table of docs/reliability.md
	rm -rf .faults
	DRAMA_FAULTS="points=$(POINTS) stage=$(STAGE) fault=$(FAULT) seed=$(SEED) results=$(CURDIR)/.faults" \
	  $(subst loadfile,load,$(PYTEST)) tests/faults/test_sweep.py -k same_command; status=$$?; \
	test -n "$(STAGE)$(FAULT)$(SEED)" || PYTHONPATH=tests/faults $(BIN)/python -m harness.table .faults \
	  docs/reliability.md `git describe --always --dirty` && exit $$status

numeric: $(STAMP) ## the tests marked `numeric` with two instruction sets, and with one and two threads
	BIN=$(BIN) .ci/numeric

lint: $(STAMP) ## style, types, and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

wheel: $(STAMP) ## build the wheel and use it in an empty environment
	VENV=$(VENV) .ci/wheel

docs: $(STAMP) ## rewrite the settings tables in docs/
	$(BIN)/python docs/tables.py

format: $(STAMP) ## let ruff rewrite the tree
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove .venv and caches (runs/ stays)
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
