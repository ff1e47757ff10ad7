# Every target does its own set-up, in .venv; nothing outside the checkout is touched.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# the first Python that is new enough; `make PYTHON=/path/to/python` names another
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && exit; \
	done; echo python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
PIP_LOUD := -m pip --disable-pip-version-check --no-cache-dir
PIP := $(PIP_LOUD) --quiet
# what a person is told meanwhile, of pip's hundreds of lines
PROGRESS = /^Collecting/ && ++n % 20 == 0 { print "  " n " of about " all " packages are here" } \
	/^Installing collected/ { print "  all are here; unpacking them takes about as long again" } \
	{ fflush() }
PREPARE = $(BIN)/python -m mls_assets.demo.checkout "$(CURDIR)"
# what the tools would otherwise keep in the home folder
export PYRIGHT_PYTHON_CACHE_DIR := $(CURDIR)/$(VENV)/pyright
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

# of the long property tests; each run takes another and names it, so that it can be repeated
SEED := $(or $(SEED),$(shell date +%s))

.PHONY: help install demo test test-matrix test-long model mutants dev lint lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml setup.cfg constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	    "Name another: make PYTHON=/path/to/python3.12 install" >&2; exit 2; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version): one minute, or more on a slow network"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(PIP_LOUD) install --constraint constraints.txt --editable '.[test]' \
	  | awk -v all="$$(grep -c == constraints.txt)" '$(PROGRESS)'
	@$(PREPARE)
	@touch $@

install: $(READY) ## set up .venv, and .env for a bare `dagster dev`
	@$(PREPARE)
	@echo "Ready: $(BIN)/mls-assets, $(BIN)/dagster. Next: make demo, or make dev."

demo: $(READY) ## the whole way on the built-in sandbox: download, changes, removals, purge, proof
	@$(BIN)/mls-assets demo

test: $(READY) ## the test suite (about ten minutes on two processors)
	@$(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder -m "not long"

test-matrix: $(READY) ## a quick part of it on the lowest versions allowed, and on the newest Python here
	@.ci/matrix

# three at once, the largest modules first: those with a daemon mostly wait
test-long: $(READY) ## what needs longer: model runs, kills, the demo, a real daemon, the UI in Chromium
	@echo "SEED=$(SEED)"
	@$(BIN)/pytest -n 3 --dist loadscope -m long --hypothesis-seed=$(SEED)

model: $(READY) ## the models of both markets for longer: MODEL_EXAMPLES (2000) of MODEL_STEPS (50)
	@echo "SEED=$(SEED)"
	@MODEL_EXAMPLES=$${MODEL_EXAMPLES:-2000} $(BIN)/pytest -n 2 --dist loadscope \
	  mls_assets_tests/stateful --timeout 0 --hypothesis-seed=$(SEED)

mutants: $(READY) ## mutation testing of plan, guard, digest and sweep proof (half an hour)
	@$(BIN)/python $(PIP) install --constraint constraints.txt 'mutmut>=3.8,<4'
	@PYTHONPATH=. $(BIN)/mutmut run --max-children 2
	@$(BIN)/mutmut results

# of `make dev`, on 127.0.0.1
PORT ?= 3000
SANDBOX_PORT ?= 8400

dev: $(READY) ## sandbox and Dagster UI (PORT=3000 SANDBOX_PORT=8400), sensors on, data begun afresh
	@exec $(BIN)/python -m mls_assets.demo.dev --port "$(PORT)" --sandbox-port "$(SANDBOX_PORT)"

lint: $(READY) ## style, types, and the one-way imports between rooms
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports

lock: ## write anew the constraints: newest versions that setup.cfg allows, and lowest
	@rm -rf $(VENV)/lock && $(PYTHON) -m venv $(VENV)/lock
	@$(VENV)/lock/bin/python $(PIP) install --editable '.[test,postgres]'
	@$(VENV)/lock/bin/python $(PIP) freeze --exclude-editable | grep -E '^[A-Za-z0-9._-]+==' \
	  > $(VENV)/constraints.txt
	@mv $(VENV)/constraints.txt constraints.txt
	@UV_CACHE_DIR=$(VENV)/uv $(VENV)/lock/bin/uv pip compile --quiet --resolution lowest-direct \
	  --python-version 3.11 --extra test --no-annotate --no-header setup.cfg \
	  > $(VENV)/constraints.txt
	@rm -rf $(VENV)/lock && mv $(VENV)/constraints.txt constraints-lowest.txt
	@wc -l constraints.txt constraints-lowest.txt

clean: ## remove what these targets made, but no data
	@rm -rf $(VENV) .dev .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	@rm -rf *.egg-info mutants
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
