# `make` alone lists the targets. Every target makes the environment it needs; nothing has to run before it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(READY)  ## train on 1,800 photos of solar cells and write the report
	$(BIN)/tellapart demo --out .demo

test: $(READY)  ## run all tests (browser tests need Chromium and skip without)
	$(BIN)/pytest -n $(WORKERS) --dist loadfile

check: $(READY)  ## lint, types (JavaScript too where there is npm), architecture, documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if command -v npm >/dev/null; then npm install --silent --no-audit --no-fund --no-package-lock && npm run --silent check; \
	else echo "no npm: the JavaScript of the reports is not type-checked"; fi
	$(BIN)/pytest -q tests/test_architecture.py tests/test_public_api.py tests/test_docs.py

format: $(READY)  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## run the benchmarks that need no peer and no photos of yours
	$(BIN)/python benchmarks/interval_honesty.py --splits 500
	$(BIN)/python benchmarks/start_up.py

docs: $(READY)  ## write the command-line reference anew
	$(BIN)/python docs/reference/generate.py

build: $(READY)  ## build the wheel and the source archive into dist/
	$(BIN)/pip install -q build
	$(BIN)/python -m build

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev,demo]'
	touch $(READY)

.PHONY: help demo test check format bench docs build
