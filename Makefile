# MLOps Lab. Every target does the setup it needs, once; `make` alone lists them.

VENV := .venv
BIN := $(VENV)/bin
# The Python to build the environment with; the first of these that is 3.11 or newer is taken.
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
PIP = if command -v uv >/dev/null 2>&1; then set -- uv pip install --python $(BIN)/python; \
	else set -- $(BIN)/python -m pip install --disable-pip-version-check; fi; [ -t 1 ] || set -- "$$@" -q; "$$@"
WIDE := processes or screens
APART := live or docker or kind
# Tests wait more than they compute, so two at a time is right even on two cores.
PYTEST := $(BIN)/pytest -q -n 2

.DEFAULT_GOAL := help
.PHONY: help setup run test test-unit test-wide test-live test-kind check bench bench-serving clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/runtime.stamp ## Start the lab; without a terminal, play the first incident to the end
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN)/lab; else $(BIN)/lab demo hangs-now-and-then; fi

test: test-unit test-wide ## Run every suite that needs nothing but Python

test-unit: $(VENV)/dev.stamp ## Run the unit suites, in less than a minute
	$(PYTEST) -m "not ($(WIDE)) and not ($(APART))"

test-wide: $(VENV)/dev.stamp ## Run the suites that start programs or the whole terminal UI
	$(PYTEST) -m "($(WIDE)) and not ($(APART))"

test-live: $(VENV)/dev.stamp ## Run the suites that start a real stack on this machine
	$(PYTEST) --dist loadfile -m live

KIND_TESTS ?= tests
test-kind: $(VENV)/dev.stamp ## Run the suites that need Docker and kind; KIND_TESTS=FOLDER runs some of them
	$(BIN)/pytest -q -m "kind or docker" $(KIND_TESTS)

check: $(VENV)/dev.stamp ## Lint, types, layers, and the scenarios' and lessons' own checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/lab check

bench: $(VENV)/runtime.stamp ## Measure the stack on this machine against the goals
	$(BIN)/python benchmarks/stack.py

bench-serving: $(VENV)/dev.stamp ## Measure the model server beside the usual ways to serve the same model
	$(BIN)/python -m benchmarks.serving

setup: $(VENV)/dev.stamp ## Install everything that the other targets need

clean: ## Remove the environment and what tools left; labs and progress stay
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/python.stamp:
	@if command -v uv >/dev/null 2>&1; then uv venv -q --clear --python '>=3.11' $(VENV); else \
	found=; for python in $(PYTHON); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; done; \
	if [ -z "$$found" ]; then \
	  echo "MLOps Lab needs Python 3.11 or newer; tried: $(PYTHON)." >&2; \
	  echo "Install one, or name it: make PYTHON=/path/to/python3 run" >&2; exit 3; fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$found cannot make virtual environments: its modules venv and ensurepip are missing." >&2; \
	  echo "On Debian or Ubuntu: sudo apt-get install python3-venv" >&2; exit 3; fi; \
	"$$found" -m venv --clear $(VENV); fi
	@touch $@

$(VENV)/runtime.stamp: pyproject.toml $(VENV)/python.stamp
	@echo "Installing the lab into $(VENV) (once; downloads about 65 MB)"
	@$(PIP) -e .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml $(VENV)/runtime.stamp
	@echo "Installing the tools for tests and checks into $(VENV) (once)"
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"], sep="\n")' > $(VENV)/dev.txt
	@$(PIP) -r $(VENV)/dev.txt
	@touch $@
