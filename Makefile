# Every target makes the virtual environment it needs. `make demo` and `make test` are all a newcomer has to know.
# What is about bmv is a command of it, with the same words behind it: make setup-twilio ARGS="--dry-run"

.PHONY: help demo phone run setup-twilio doctor bench soak test test-all lint format lock audit sbom clean
.DEFAULT_GOAL := help

VENV := .venv
PY := $(VENV)/bin/python
# The first Python that is new enough; PYTHON=… names another.
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11 python; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)

# Where Python is told not to keep what it compiled, each of many processes compiles everything again.
unexport PYTHONDONTWRITEBYTECODE

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

bench: $(VENV)/demo ## Measure how many calls one core carries; ARGS="--quick" for a first impression, see docs/performance.md
	@$(PY) -m bmv bench $(ARGS)

soak: override ARGS := $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)
soak: $(VENV)/demo ## Hold hundreds of calls while everything fails around them; MINUTES=10
	@$(PY) -m bmv soak $(ARGS)

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

lock: $(VENV)/lock ## Choose the image's packages anew, each with its hashes: requirements.txt
	$(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --extra build \
		--custom-compile-command "make lock" --output-file requirements.txt setup.cfg

audit: $(VENV)/test ## Known vulnerabilities and licences of the packages that the image has
	$(PY) scripts/audit.py
	$(PY) scripts/licences.py

sbom: $(VENV)/sbom ## List those packages for other tools: CycloneDX, build/bmv.cdx.json
	@mkdir -p build
	$(VENV)/bin/cyclonedx-py requirements --output-reproducible --validate --output-format JSON \
		--output-file build/bmv.cdx.json requirements.txt

clean: ## Remove what make made
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "bmv needs Python 3.11 or newer; none was found. PYTHON=/path/to/python make …"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A stamp for each set of packages: installed again when the list of packages changes. Serving itself needs no extra, so
# whoever has any of them has it.
INSTALL = $(PY) -m pip install --quiet --disable-pip-version-check --editable

$(VENV)/serve: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(INSTALL) .
	@touch $@

$(VENV)/demo $(VENV)/run $(VENV)/test $(VENV)/lock $(VENV)/sbom: $(VENV)/%: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(INSTALL) '.[$*]'
	@touch $@ $(VENV)/serve
