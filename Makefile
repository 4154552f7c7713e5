PYTHON ?= python3
PROFILE ?= configs/embedded.yaml
BIN := .venv/bin

# A bundle made by `make offline-bundle` carries its packages and asks no index.
ifneq ($(wildcard wheels),)
export PIP_NO_INDEX := 1
export PIP_FIND_LINKS := $(CURDIR)/wheels
export UV_OFFLINE := 1
export UV_FIND_LINKS := $(CURDIR)/wheels
endif

.PHONY: run test test-deploy lint lock voices offline-bundle pictures clean
.DEFAULT_GOAL := run

run: .venv/installed
	@exec $(BIN)/python -m serve_app $(PROFILE)

test: lint
	$(BIN)/pytest

# What breaks clusters on purpose: replicas and nodes that die, upgrades under load. About ten minutes.
test-deploy: .venv/installed
	$(BIN)/pytest tests/deploy

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

# Everything that a machine without a network needs, in offline/: this project as committed, wheels of
# every locked package, and models: make offline-bundle MODELS="cosyvoice2 mms"
offline-bundle: .venv/installed
	rm -rf offline
	mkdir -p offline/wheels offline/models
	git archive HEAD | tar -x -C offline
	$(BIN)/python -m pip wheel --disable-pip-version-check --no-deps --wheel-dir offline/wheels \
	  --requirement requirements.lock uv
	PATH="$(CURDIR)/$(BIN):$$PATH" sh deploy/fetch_models.sh "$(CURDIR)/offline/models" $(MODELS)

# Pictures of the page in docs/, taken in Chromium from the running service.
pictures: .venv/installed
	$(BIN)/pytest tests/serve/page/pictures.py

clean:
	rm -rf .venv logs offline
