PYTHON ?= python3
PROFILE ?= configs/embedded.yaml
BIN := .venv/bin

.PHONY: run test lint lock voices clean
.DEFAULT_GOAL := run

run: .venv/installed
	@exec $(BIN)/python -m serve_app $(PROFILE)

test: lint
	$(BIN)/pytest

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || \
	  { echo "Python 3.11 or 3.12 is needed; name one: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# Pins every package for every extra; the result holds no address of an index.
lock:
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	  --no-emit-index-url --no-annotate --upgrade --output-file requirements.lock

clean:
	rm -rf .venv logs
