# `make` alone lists the targets. Each of them works on a fresh clone: what it needs from the
# package index is installed into .venv first, and again when pyproject.toml changes.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup postgres chromium demo test soak check fmt docs clean

# The first Python on the path that the project supports.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c '$(SUPPORTED)' 2>/dev/null && echo $$python && break; done)

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
INSTALLED := .venv/installed

# Modules that must be covered to the last branch: the rules, which no adapter can excuse.
PURE := reversibility/*,compensations/agenda.py,compensations/cycle.py,compensations/plan.py
PURE := $(PURE),sagas/decide.py,sagas/fold.py,sagas/moments.py
PURE := $(PURE),approvals/clause.py,approvals/conditions.py
PURE := $(PURE),approvals/gate.py,approvals/names.py,approvals/principal.py,approvals/quorum.py
PURE := $(PURE),approvals/requirement.py,approvals/standing.py,approvals/subject.py
PURE := $(PURE),approvals/wording.py

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED)-test postgres chromium ## Create .venv, provide PostgreSQL and Chromium for the tests

postgres: $(INSTALLED)-test
	@$(BIN)/python -m tests.postgres

chromium: $(INSTALLED)-test
	@$(BIN)/python -m tests.chromium

demo: $(INSTALLED)-test ## Play the travel example: four trips, one crash; WEB=1: one, decided in a browser
	@$(BIN)/python -m examples.travel.demo $(if $(WEB),--web)

# How many tests run side by side. More than there are processors make none of them faster.
WORKERS ?= 2

# Measured from outside, in each of pytest's workers: pytest loads our own plugin, and with it much
# of what is measured, before any plugin could begin to measure.
test: postgres chromium ## Run every ring of tests and report the coverage
	$(BIN)/coverage erase
	COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml \
		$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	@echo "the pure modules, to the last branch:"
	$(BIN)/coverage report --include='$(PURE)' --fail-under=100

soak: postgres ## Explore correct sagas, and kill processes, for as long as SECONDS says
	$(BIN)/python -m tests.crash.soak $(SECONDS)

check: $(INSTALLED)-check ## Check format, lint, types and architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports

fmt: $(INSTALLED)-check ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: $(INSTALLED)-docs ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean: ## Remove .venv and everything that was built
	rm -rf .venv site dist build .coverage .hypothesis .import_linter_cache
	rm -rf .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; none is on the path" >&2; exit 1; }
	@$(PYTHON) -c '$(SUPPORTED)' || { echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(PIP) --upgrade pip

# One stamp for each dependency group of pyproject.toml.
$(INSTALLED)-%: pyproject.toml | .venv/bin/python
	$(PIP) --editable '.[examples,mail,serve,slack]' --group $*
	@touch $@
