# One command for each thing one does here. `make` alone lists them.
#
# Everything runs from .venv, which holds exactly what requirements.lock names. It is made again only when the lock or
# pyproject.toml changes, so that after the first time no target needs the network.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# xdist workers. A file stays on one worker, so that fixtures of a module are made once.
TEST_WORKERS ?= 2
PYTEST_ARGS ?=
RUN_ARGS ?=
OUT ?= reports/out

# PYTHON=/path/to/python says which Python to use; else the first of these that is new enough.
CANDIDATES := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)

.PHONY: help venv accredit test test-whole check format bench fuzz lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# `venv` is for people; the stamp is what the other targets stand on.
venv $(VENV): $(STAMP)
venv: ## make .venv from requirements.lock

$(STAMP): requirements.lock pyproject.toml
	@python=; for candidate in $(CANDIDATES); do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo 'make: no Python 3.11 or newer found (tried: $(CANDIDATES)).' >&2; \
	  echo '      Install one, or say where it is: make PYTHON=/path/to/python3.11 …' >&2; \
	  echo '      Debian, Ubuntu: apt-get install python3 python3-venv' >&2; \
	  exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "make: $$python cannot make virtual environments (its venv or ensurepip module is missing)." >&2; \
	  echo '      Debian, Ubuntu: apt-get install python3-venv' >&2; \
	  exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$python" --version)…"; \
	"$$python" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# A run that stopped before it wrote anything leaves `latest` at an older run, which must not pass for its report.
accredit: $(STAMP) ## run the accreditation suite against the bundled authority
	@before=$$(cd $(OUT)/latest 2>/dev/null && pwd -P || true); \
	status=0; $(BIN)/cpis run --out $(OUT) $(RUN_ARGS) || status=$$?; \
	after=$$(cd $(OUT)/latest 2>/dev/null && pwd -P || true); \
	if [ -n "$$after" ] && [ "$$after" != "$$before" ]; then \
	  echo "Report: $$after"; \
	  for page in "$$after"/*.html; do if [ -f "$$page" ]; then echo "Open:   $$page"; fi; done; \
	fi; \
	exit $$status

# CPIS_OFFICIAL_SCHEMAS=folder adds the comparison with the official XML schemas, which are not ours to ship.
test: $(STAMP) ## run the harness's own tests
	$(BIN)/python -m cpis_fixtures.loopback
	$(BIN)/python -m pytest -q -n $(TEST_WORKERS) --dist loadfile $(PYTEST_ARGS) tests

test-whole: $(STAMP) ## the same, with the long files and every row of the long tables of faults
	CPIS_WHOLE_TABLES=1 $(MAKE) test

check: $(STAMP) ## format, lint, types, import contracts, feature files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cpis lint

format: $(STAMP) ## format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## measure against named peers; see bench/
	$(BIN)/python -m bench

# SAMPLES=folder adds messages to begin with; SEED=n spoils them otherwise. What is found goes into build/fuzz.
fuzz: $(STAMP) ## spoil messages at random for SECONDS (60), for the readers and the live endpoints
	$(BIN)/python -m bench.fuzz --seconds $(or $(SECONDS),60) --seed $(or $(SEED),1) $(if $(SAMPLES),--samples $(SAMPLES))

# The only target that always needs the network. The tool gets an environment of its own: what it needs (pip, setuptools)
# has no place in the lock. An empty pip configuration keeps this machine's settings out of the file.
lock: $(STAMP) ## make requirements.lock again from pyproject.toml
	$(BIN)/python -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check pip-tools
	PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= build/lock/bin/pip-compile --quiet --upgrade --generate-hashes --strip-extras \
	  --extra dev --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options --no-header \
	  --annotation-style=line --output-file requirements.lock pyproject.toml
	@if grep -nE '://|(^|[ @])/' requirements.lock; then echo 'make: requirements.lock names an address or a path.' >&2; exit 1; fi

clean: ## remove .venv, caches and what runs wrote
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis reports/out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
