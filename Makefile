# The verbs of this project. `make demo` and `make test` need Python 3.11 or newer and make, nothing else.
PYTHON ?= $(or $(shell for name in python3.11 python3 python3.12 python3.13; do \
	$$name -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null && echo $$name && break; done),python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
export OMP_NUM_THREADS = 1
export OPENBLAS_NUM_THREADS = 1

.PHONY: help setup demo test mutants check docs lock clean

help:
	@echo "make demo    watch a shift of 60 simulated minutes (sets everything up first)"
	@echo "make test    all tests, on two cores"
	@echo "make check   style, types, import contracts, tidy, schemas, configuration"
	@echo "make mutants change the release statistics a thousand times: a test must fail each time (up to 40 min, not in CI)"
	@echo "make docs    write the pages and schemas that are made from code and registers"
	@echo "make setup   the environment alone; make lock: pin the dependencies anew; make clean: remove .venv and runs"

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(0 if sys.version_info >= (3, 11) else 'kilter needs Python 3.11 or newer: install it, or name it as make PYTHON=...')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(STAMP)

demo: setup
	$(BIN)/kilter demo

test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile -rs

mutants: setup
	$(BIN)/python tests/mutants.py --page docs/mutants.md

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/tidy
	$(BIN)/kilter schema --check configs/schema
	$(BIN)/kilter check configs

docs: setup
	$(BIN)/python docs/generate.py
	$(BIN)/kilter schema configs/schema

lock: setup
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --only-binary :all: --all-extras pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) runs
