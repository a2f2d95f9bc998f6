# Every target makes the virtual environment it needs. `make demo` and `make test` are all a newcomer has to know.
# What is about bmv is a command of it, with the same words behind it: make setup-twilio ARGS="--dry-run"

.PHONY: help demo phone run setup-twilio doctor test test-all lint format clean
.DEFAULT_GOAL := help

VENV := .venv
PY := $(VENV)/bin/python
# The first Python that is new enough; PYTHON=… names another.
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11 python; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)

# First what has work to do, a test for each core. Then whole calls, which take real time but hardly any work: many at
# once, and nothing beside them that would make them stutter. Browsers come last, for the same reason.
PYTEST ?= $(PY) -m pytest --dist worksteal
WORK ?= -n auto -m 'not live and not browser'
LIVE ?= -n 8 -m live
BROWSER ?= -n 2 -m browser

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/demo ## Hear and read a translated call between two simulated people; no account, no key
	@$(PY) -m bmv demo $(ARGS)

phone: $(VENV)/demo ## Hold a translated call yourself, in a browser; ARGS="--open" opens it
	@$(PY) -m bmv phone $(ARGS)

run: $(VENV)/run ## Serve with the settings of .env, again after each change of code or settings
	@$(PY) -m bmv serve --reload $(ARGS)

setup-twilio: $(VENV)/serve ## Point your Twilio account at this server; ARGS="--dry-run" shows what would be done
	@$(PY) -m bmv setup $(ARGS)

doctor: $(VENV)/serve ## Find out what is wrong, and how to mend it
	@$(PY) -m bmv doctor $(ARGS)

test: lint ## Style, types, import rules and the tests; needs Python only
	$(PYTEST) $(WORK)
	$(PYTEST) $(LIVE)
	$(PYTEST) $(BROWSER)

test-all: lint ## The same, where a skipped test is a failure
	$(PYTEST) $(WORK) --no-skips
	$(PYTEST) $(LIVE) --no-skips
	$(PYTEST) $(BROWSER) --no-skips

lint: $(VENV)/test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-cache

format: $(VENV)/test ## Put the code into its usual form
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

clean: ## Remove what make made
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "bmv needs Python 3.11 or newer; none was found. PYTHON=/path/to/python make …"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A stamp for each set of packages: installed again when the list of packages changes. Serving itself needs no extra.
INSTALL = $(PY) -m pip install --quiet --disable-pip-version-check --editable

$(VENV)/serve: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(INSTALL) .
	@touch $@

$(VENV)/demo $(VENV)/run $(VENV)/test: $(VENV)/%: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(INSTALL) '.[$*]'
	@touch $@
