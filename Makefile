.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench faults screenshots lock clean

PYTHON ?= python3
BIN := .venv/bin
# Many tests wait for a limit of a platform or for a process: two of them for each core keep it busy.
PROCESSES = $(shell $(BIN)/python -c "import os; print(2 * (os.cpu_count() or 1))")
READY := .venv/.ready
READY_FOR_TESTS := .venv/.ready-for-tests

help: ## List these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: $(READY) ## Make the virtual environment and install what the service needs

$(READY): requirements/runtime.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "plausch needs Python 3.11 or newer: set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "Python's venv module is missing: install it (Debian: apt install python3-venv)"; exit 1; }
	@echo "Installing plausch into .venv …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/runtime.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(READY_FOR_TESTS): $(READY) requirements/tests.txt
	@echo "Installing what the tests need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/tests.txt
	@$(BIN)/python -m tests.support.prepare
	@touch $@

demo: $(READY) ## Chat with a real small model through stand-in Slack, stand-in Telegram and the web page (SAY="…" asks once)
	@$(BIN)/plausch demo $(if $(SAY),--say '$(subst ','\'',$(SAY))')

test: $(READY_FOR_TESTS) ## Run all tests (FILES="tests/…" runs some)
	@mkdir -p build/coverage && rm -f build/coverage/data*
	@$(BIN)/python -m pytest --numprocesses=$(PROCESSES) --dist=worksteal $(if $(FILES),$(FILES),--cov --cov-report=) $(ARGS)
	@$(if $(FILES),true,$(BIN)/python -m coverage report --include='conversation/*' --fail-under=100 --show-missing && $(BIN)/python -m coverage report | tail -n 1)

check: $(READY_FOR_TESTS) ## Check format, lint, types and imports
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports | tail -n 1

bench: $(READY_FOR_TESTS) ## Measure speed and memory beside their bars (KEYS="start_s …" measures some, ARGS=--quick is shorter)
	@$(BIN)/python -m benchmarks $(KEYS) $(ARGS)

faults: $(READY_FOR_TESTS) ## Break everything that can break under load, and count what became of each message (NAMES="killed" plays some, ARGS=--small plays little)
	@$(BIN)/python -m tests.faults $(NAMES) $(ARGS)

screenshots: $(READY_FOR_TESTS) ## Take the pictures in docs/images anew, with the real small model
	@$(BIN)/python -m tests.support.pictures
	@ls docs/images

lock: ## Resolve the dependencies anew (needs uv)
	@for name in runtime tests; do uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 --upgrade requirements/$$name.in -o requirements/$$name.txt; done

clean: ## Remove everything that was made here
	@rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis
