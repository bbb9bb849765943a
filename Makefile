# One obvious command for each job. `make` alone lists them.
# Needs only Python 3.11 or later and make: everything else is installed, locked, into .venv.

SHELL := /bin/sh
VENV := .venv
PEERS := .venv-bench
POLICIES := .venv-policies
BIN := $(VENV)/bin
RENDERED := .rendered
ARGS ?=

# Else each of the many processes that a stack or a test starts would compile the whole project anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install up test bench chaos prove check lock format docs clean

help: ## List the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

# The stamp is older than a requirement file or the project file only when something must be installed again.
$(VENV)/.installed: requirements/dev.txt pyproject.toml tools/install.sh
	@sh tools/install.sh $(VENV) requirements/dev.txt
	@touch $@

install: $(VENV)/.installed ## Install everything, locked, into .venv

up: $(VENV)/.installed ## Run the whole system on this machine until Ctrl-C (ARGS="--port 0 --fresh")
	@exec $(BIN)/gelombang up $(ARGS)

test: $(VENV)/.installed ## Run the tests against real PostgreSQL and Valkey (ARGS="-k nik")
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder $(ARGS)

# The peers have an environment of their own: they need older versions of libraries that we use too.
$(PEERS)/.installed: requirements/bench.txt tools/install.sh
	@sh tools/install.sh $(PEERS) requirements/bench.txt --without-project
	@touch $@

bench: $(VENV)/.installed $(PEERS)/.installed ## Compare the front door with its peers on this machine (ARGS="--rounds 7")
	@exec $(BIN)/gelombang bench $(ARGS)

chaos: $(VENV)/.installed ## Break a running system under load and check the ledger (ARGS="--fault kill-worker")
	@exec $(BIN)/gelombang chaos $(ARGS)

prove: $(VENV)/.installed ## Prove the historic peak's rate on this machine, about 14 quiet minutes (ARGS="loadtest/plans/short.toml")
	@exec $(BIN)/gelombang prove $(ARGS)

# Checkov has an environment of its own: a hundred packages that nothing else here needs.
$(POLICIES)/.installed: requirements/policies.txt tools/install.sh
	@sh tools/install.sh $(POLICIES) requirements/policies.txt --without-project
	@touch $@

check: $(VENV)/.installed $(POLICIES)/.installed ## Format, lint, types, import rules, generated docs, manifests, Containerfile
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/generate_docs.py --check
	$(BIN)/python tools/generate_rules.py --check
	$(BIN)/python tools/generate_dashboards.py --check
	$(BIN)/python tools/monitoring_manifests.py --check
	$(BIN)/python tools/manifests.py $(RENDERED)
	$(BIN)/hadolint Containerfile
	@cp Containerfile $(RENDERED)/Dockerfile # checkov knows it by the older name only
	$(POLICIES)/bin/checkov --config-file k8s/checkov.yaml --directory $(RENDERED)

format: $(VENV)/.installed ## Format the code and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.installed ## Write the generated pages and manifests again
	$(BIN)/python tools/generate_docs.py
	$(BIN)/python tools/generate_rules.py
	$(BIN)/python tools/generate_dashboards.py
	$(BIN)/python tools/monitoring_manifests.py

lock: $(VENV)/.installed ## Compile the requirement files again from pyproject.toml
	sh tools/lock.sh $(BIN)/uv

clean: ## Remove what was installed and cached here; your data dir stays
	rm -rf $(VENV) $(PEERS) $(POLICIES) $(RENDERED) .mypy_cache .ruff_cache .pytest_cache .hypothesis
