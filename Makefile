# Every target sets itself up: it needs make and Python 3.11 or later, no more. Stamps in .venv/ say what is done.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help

PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin
RUNS := .venv/.runs
READY := .venv/.ready

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

.PHONY: demo
demo: $(RUNS) ## build examples/digits, run it, ask it about a real digit
	@$(BIN)/python examples/digits/demo.py

.PHONY: test
test: $(READY) ## all tests; what needs a program that is not here says so (ARGS="tests/store -k lock": some)
	@$(BIN)/pytest $(if $(ARGS),$(ARGS),--numprocesses=$(WORKERS) --dist=loadgroup --cov --cov-report=term)

.PHONY: lint
lint: $(READY) ## every rule of ruff, mypy strict, the order of the rooms
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --diff .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo > .venv/lint-imports.txt || { cat .venv/lint-imports.txt; exit 1; }
	@echo "lint: clean"

.PHONY: fix
fix: $(READY) ## format the code, mend what ruff can mend
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

.PHONY: bench
bench: bench-torch bench-registry bench-size bench-check ## the four benches below

.PHONY: bench-torch
bench-torch: $(RUNS) ## the GPU-sized image: time and memory against what hashing alone costs (fetches 2.9 GB once)
	@$(BIN)/python -m bench.run

.PHONY: bench-registry
bench-registry: $(RUNS) ## push and pull of that image, and the team's layer index (needs docker-registry)
	@$(BIN)/python -m bench.registry

.PHONY: bench-size
bench-size: $(RUNS) ## examples/digits by wherry and by the usual Dockerfile, side by side (needs root and docker)
	@$(BIN)/python -m bench.size

.PHONY: bench-check
bench-check: $(RUNS) ## wherry check: 150 Dockerfiles, one file, findings per file (hadolint and tally beside it)
	@$(BIN)/python -m bench.check

# A lock holds versions and hashes, never the address they came from: that is each reader's own index.
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-sources $(if $(UPGRADE),--upgrade)

.PHONY: lock
lock: $(RUNS) ## renew the hashed locks from the pyproject.toml files (UPGRADE=1: to the newest versions)
	@$(COMPILE) --universal --python-version 3.11 pyproject.toml --output-file requirements/run.txt
	@$(COMPILE) --universal --python-version 3.11 pyproject.toml --group dev --output-file requirements/dev.txt
	@echo uv | $(COMPILE) --universal --no-annotate --constraint requirements/run.txt - --output-file requirements/uv.txt
	@$(COMPILE) --universal --python-version 3.11 examples/digits/pyproject.toml \
	  --output-file examples/digits/requirements.txt
	@$(COMPILE) --universal --python-version 3.11 --constraint examples/digits/requirements.txt \
	  --group examples/digits/pyproject.toml:train --output-file examples/digits/requirements-train.txt
	@$(COMPILE) --python-version 3.11 --python-platform x86_64-manylinux_2_28 bench/torch/pyproject.toml \
	  --output-file bench/torch/requirements.txt
	@printf 'filelock<4.2.11\nidna<3.20\ntqdm<4.70\n' | $(COMPILE) --python-version 3.11 --no-annotate --no-deps \
	  --python-platform x86_64-manylinux_2_28 - --output-file bench/torch/bumps.txt

.PHONY: clean
clean: ## remove what make made here (the store of images, ~/.cache/wherry, stays)
	@rm -rf .venv .uv .coverage .coverage.* .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
	  bench/out dist

# ---- set-up: uv (found, or installed by hash through pip), a venv, what the locks name, wherry itself ----

UV := $(or $(shell uv --version > /dev/null 2>&1 && command -v uv),.uv/bin/uv)
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),) # trust what pip and the rest of this machine trust
export UV_SYSTEM_CERTS ?= 1
endif
INSTALL = VIRTUAL_ENV=.venv $(UV) pip install --quiet --compile-bytecode

.venv/bin/python: | $(filter .uv/bin/uv,$(UV))
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than 3.11"; echo "  mend: make PYTHON=python3.11"; exit 2; } >&2
	@$(UV) venv --quiet --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv

# pip may be absent (Debian), or forbidden to touch the system (PEP 668): --target asks neither of the two.
.uv/bin/uv: requirements/uv.txt
	@rm -rf .uv
	@if $(PYTHON) -m pip --version > /dev/null 2>&1; then pip="$(PYTHON) -m pip"; \
	elif $(PYTHON) -m venv .uv/pip > /dev/null 2>&1; then pip=".uv/pip/bin/python -m pip"; \
	else echo "error: neither uv nor pip is here"; echo "  mend: apt-get install python3-pip"; exit 3; fi >&2; \
	PIP_BREAK_SYSTEM_PACKAGES=1 $$pip install --quiet --disable-pip-version-check --root-user-action=ignore \
	  --require-hashes --no-deps --only-binary=:all: --target .uv --requirement requirements/uv.txt

$(RUNS): requirements/run.txt requirements/dev.txt pyproject.toml | .venv/bin/python
	@$(INSTALL) --require-hashes --requirement requirements/run.txt
	@$(INSTALL) --no-deps --build-constraints requirements/dev.txt --editable .
	@touch $@

$(READY): $(RUNS)
	@$(INSTALL) --require-hashes --requirement requirements/dev.txt
	@touch $@
