# The developer's menu. `make` lists it; ARGS passes words on: make train ARGS="problem=poisson display=plain"
.DEFAULT_GOAL := help
.PHONY: help train test test-slow lint types wheel clean

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
READY := $(VENV)/.ready

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

train: $(READY)  ## train with the default config; ARGS="key=value ..." overrides it
	$(VENV)/bin/pinnrun train $(ARGS)

test: $(READY)  ## run the tests that take seconds
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -m "not slow" -n 2 --dist worksteal $(ARGS)

test-slow: $(READY)  ## run the tests that take minutes
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -m slow -n 2 --dist worksteal $(ARGS)

lint: $(READY)  ## check style and format
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(READY)  ## check types
	$(VENV)/bin/pyright --pythonpath $(VENV)/bin/python

wheel: $(READY)  ## build dist/pinnrun-*.whl, configs included
	$(VENV)/bin/python -m pip wheel -q --no-deps --no-build-isolation -w dist .

clean:  ## remove the environment, caches and builds; outputs/ stays
	rm -rf $(VENV) dist build .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is touched last: an installation that was cut off is taken up again.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@
