# `make help` lists the commands. Set-up is part of each of them: what it needs is installed into .venv once, and
# again after pyproject.toml or constraints.txt has changed.

PYTHON ?= python3
DATASET ?= sample
TWEETS ?=
RATE ?= 0
DATA_ROOT ?= data
RUNS ?= runs
TRAIN_ARGS ?=
MODEL ?= runs/released-model
PYTEST_ARGS ?=
PROFILE ?= quick
BENCH_ARGS ?=
CHAOS_ARGS ?=
TEST_PROCESSES ?= 3

VENV := .venv
RUN := $(VENV)/bin/python -m
# A file's tests stay in one process, which sets up once what they share. More processes than cores: many tests wait.
PARALLEL = -n $(TEST_PROCESSES) --dist loadscope --no-loadscope-reorder
# Standard output belongs to the commands' results.
INSTALL = $(VENV)/bin/python -m pip install --disable-pip-version-check -c constraints.txt 1>&2 -e

.DEFAULT_GOAL := help
.PHONY: help demo up train bench chaos picture reference test check clean
.DELETE_ON_ERROR:

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

demo: $(VENV)/.installed-local ## replay tweets through Kafka, worker and Redis: DATASET=sample TWEETS= RATE=0
	@$(RUN) deploy.local demo --dataset '$(DATASET)' --rate '$(RATE)' $(if $(TWEETS),--tweets '$(TWEETS)')

up: $(VENV)/.installed-local ## the same stack on ports 9092, 6379, 8000 and 8080 (page), until Ctrl-C
	@$(RUN) deploy.local up

train: $(VENV)/.installed-teacher ## make the next bundled model from scratch: DATA_ROOT=data RUNS=runs MODEL=runs/released-model
	@$(RUN) training bundle --data-root '$(DATA_ROOT)' --runs '$(RUNS)' --model '$(MODEL)' $(TRAIN_ARGS)

bench: $(VENV)/.installed-bench ## measure speed beside what others use: PROFILE=quick|full DATASET=sample BENCH_ARGS=
	@$(RUN) benchmarks --profile '$(PROFILE)' --dataset '$(DATASET)' $(BENCH_ARGS)

chaos: $(VENV)/.installed-chaos ## inject faults and verify what comes out: PROFILE=quick|long CHAOS_ARGS=; needs KAFKA_HOME
	@$(RUN) chaos --profile '$(PROFILE)' $(CHAOS_ARGS)

picture: $(VENV)/.installed-dev ## take docs/page.png from a real run; needs Chromium and a font with emoji
	@$(RUN) deploy.page_picture

reference: $(VENV)/.installed-dev ## write docs/reference.md from the code
	@$(RUN) deploy.reference

test: $(VENV)/.installed-dev ## all tests that need no outside service: PYTEST_ARGS= TEST_PROCESSES=3
	@env -u KAFKA_HOME $(RUN) pytest -m 'not gpu and not hub and not apache' $(PARALLEL) $(PYTEST_ARGS)

check: $(VENV)/.installed-dev ## format, lint, types, import contract, then the tests
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy
	@$(VENV)/bin/lint-imports
	@$(MAKE) --no-print-directory test

clean: ## remove .venv and what the tools keep
	rm -rf $(VENV) .bench build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed-%: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo 'installing emotion-stream[$*] into $(VENV) ...' >&2
	@$(INSTALL) '.[$*]'
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'error: Python 3.11 or later is needed; name one with: make PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
