# Everything runs in .venv, which `make venv` makes with the first Python ≥ 3.11 that it finds.
PYTHONS := python3.13 python3.12 python3.11 python3.14 python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: help venv demo test check docs-check sim sim-links sim-http mutants soak
.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/'

venv: $(STAMP) ## make .venv with syncd and all that its tests need

$(STAMP): pyproject.toml
	@test -x $(BIN)/python || for python in $(PYTHONS); do \
		if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "making .venv with $$python"; $$python -m venv .venv; exit $$?; fi; \
	done; test -x $(BIN)/python || { echo "no Python 3.11 or newer with venv found; install one (python3-venv on Debian)" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: venv ## Salesforce, HubSpot (as sandboxes) and a database in sync on this machine, with a report
	$(BIN)/syncd demo

test: venv ## all tests; ARGS="-k lease tests/store" narrows them
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

SEED ?= 0
RUNS ?= 100
PROCESSES ?= 2
sim: venv ## seeded schedules of the whole engine: SEED= RUNS= PROCESSES= ARGS=--shrink
	PYTHONHASHSEED=0 $(BIN)/python -m tests.sim.twin --seed $(SEED) --runs $(RUNS) --processes $(PROCESSES) $(ARGS)

sim-links: venv ## schedules of the link machine alone: SEED= RUNS=1000000 PROCESSES=
	$(BIN)/python -m tests.sim.links --seed $(SEED) --runs $(RUNS) --processes $(PROCESSES)

mutants: venv ## plant each known bug; is it found? ARGS="--seeds 200" looks in the seeds from 0 on
	$(BIN)/python -m tests.sim.twin.planted --processes $(PROCESSES) $(ARGS)

MINUTES ?= 10
KILLS ?= 200
STALLS ?= 50
soak: venv ## a live sync of three systems under kill -9 and SIGSTOP: SEED= MINUTES= KILLS= STALLS= ARGS="--json FILE"
	$(BIN)/python -m tests.soak --seed $(SEED) --minutes $(MINUTES) --kills $(KILLS) --stalls $(STALLS) $(ARGS)

sim-http: venv ## the same against the HTTP sandboxes: SEED= RUNS= PROCESSES= ARGS="--story FILE"
	$(BIN)/python -m tests.sim.http --seed $(SEED) --runs $(RUNS) --processes $(PROCESSES) $(ARGS)

check: venv docs-check ## style, types, who may import whom, generated pages
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs-check: venv
	@if test -f docs/generate.py; then $(BIN)/python docs/generate.py --check; fi
