# Every target sets itself up: Python 3.11 or newer and make are all that a machine needs.
#
#   make demo PYTHON=python3.12      choose the interpreter (default: python3)
#   make demo TORCH_INDEX=URL        take torch from another index. On Linux the default build of torch
#                                    brings CUDA along, some gigabytes; PyTorch's own index for CPUs
#                                    (pytorch.org, "Get started") has one of 200 MB.
#   make test WORKERS=2              run the tests in two processes (default: one for each core)
#   make docs ARGS=-q                hand arguments on to the program behind a target

PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
ARGS ?=
WORKERS ?= auto
NAME ?=
DATA_HOME ?=

BIN := $(VENV)/bin
# What reads DNA leaves no line untested; the bound for everything else stands in pyproject.toml.
COVERS_DNA := $(BIN)/coverage report --fail-under=100 --include='*/sequences/*,*/preprocessing/*'
# A worker for each core; the tests of a file stay together, since they share what it sets up.
IN_PARALLEL := -n $(WORKERS) --dist loadfile
PIP_QUIET := --quiet --disable-pip-version-check
TORCH := $(shell grep '^torch==' constraints.txt)

# The environments of the oldest supported and of the newest versions, and the part of the suite that a wheel is tested with:
# tokens, models, the hub and the command, without the checkout beside it.
OLDEST := $(VENV)-oldest
NEWEST := $(VENV)-newest
OF_WHEEL := tests/test_persistence.py tests/test_hub.py tests/preprocessing \
	tests/cli/test_cli_inventory.py

.PHONY: help demo test test-fast test-oldest test-newest test-wheel lint docs bench build fuzz
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help:  ## Show this list
	@sed -n 's/^\([-a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

demo: $(VENV)/.installed-plots  ## Genomes to a label-fraction curve, without network, in minutes
	$(BIN)/python examples/few_labels.py $(ARGS)
	@echo "Look at $(CURDIR)/demo-output/label_fraction_curve.png and tsne.png"

# The networks of the tests are tiny: threads wait for each other longer than they work, and on a busy
# machine very much longer.
test test-fast test-oldest test-newest test-wheel: export OMP_NUM_THREADS = 1
# Every core has a worker of pytest already: what asks joblib for all cores gets one.
test test-fast test-oldest test-newest test-wheel: export LOKY_MAX_CPU_COUNT = 1

test: $(VENV)/.installed-dev  ## All tests, with coverage; some, without it: make test ARGS="-k tokenizer"
	$(BIN)/python -m pytest $(or $(ARGS),$(IN_PARALLEL) --cov=skgenome --cov-report=term:skip-covered)
	@$(if $(ARGS),,$(COVERS_DNA) >/dev/null || { $(COVERS_DNA); exit 1; })

test-fast: $(VENV)/.installed-dev  ## Tests without the slow ones, real data or coverage
	$(BIN)/python -m pytest -m "not slow and not real_data" $(or $(ARGS),$(IN_PARALLEL))

# Old packages warn of each other's newer versions; what we do wrong ourselves, `make test` sees as an error.
test-oldest: $(OLDEST)/.installed  ## test-fast with the oldest versions that pyproject.toml allows
	$(OLDEST)/bin/python -m pytest -W default::DeprecationWarning -W default::FutureWarning \
		-m "not slow and not real_data" $(or $(ARGS),$(IN_PARALLEL))

test-newest: $(NEWEST)/.installed  ## All tests with the newest version of everything
	$(NEWEST)/bin/python -m pytest $(or $(ARGS),$(IN_PARALLEL))

build: $(VENV)/.installed-release  ## The wheel and the source distribution, to dist/
	@rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

test-wheel: build  ## The wheel, installed outside of this checkout, with a short part of the tests
	@set -e; unset PYTHONPATH; place=$$(mktemp -d); trap 'rm -rf "$$place"' EXIT; \
	$(PYTHON) -m venv "$$place/venv"; python="$$place/venv/bin/python"; \
	$$python -m pip install $(PIP_QUIET) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $(TORCH); \
	$$python -m pip install $(PIP_QUIET) -c constraints.txt "$$(echo dist/*.whl)[test]"; \
	cp -r pyproject.toml tests "$$place"; cd "$$place"; \
	echo "Testing the wheel in $$place"; \
	$$python -m pytest -p no:cacheprovider $(or $(ARGS),-q $(OF_WHEEL)); \
	$$place/venv/bin/skgenome --version

lint: $(VENV)/.installed-dev  ## Style, spelling, types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell
	$(BIN)/mypy

docs: $(VENV)/.installed-docs  ## The documentation, to docs/_build/html
	@rm -rf docs/api/generated docs/auto_examples/backreferences  # what names and scripts that are gone had would stay
	@for page in docs/auto_examples/plot_*.rst; do test -e examples/$$(basename $$page .rst).py || rm -f $$page; done
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html $(ARGS)

bench: $(VENV)/.installed-bench  ## One benchmark: make bench NAME=speed [DATA_HOME=folder]
	$(BIN)/python -m benchmarks $(or $(NAME),--help) $(if $(DATA_HOME),--data-home $(DATA_HOME)) $(ARGS)

fuzz: export OMP_NUM_THREADS = 1

fuzz: $(VENV)/.installed-fuzz  ## Damaged files for every reader: make fuzz ARGS="--inputs 100000 --seconds 600"
	$(BIN)/python -m fuzzing $(ARGS)

# One environment for all targets; an extra is added when a target first needs it, and again when the
# versions or the dependencies change.
$(VENV)/.installed-%: pyproject.toml constraints.txt $(VENV)/.torch
	@echo "Installing skgenome with the extra '$*' into $(VENV)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$*]'
	@touch $@

# No constraints at all, and made anew whenever it is asked for: what was newest last week is not.
.PHONY: $(NEWEST)/.installed
$(NEWEST)/.installed:
	$(PYTHON) -m venv --clear $(NEWEST)
	$(NEWEST)/bin/python -m pip install $(PIP_QUIET) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(NEWEST)/bin/python -m pip install $(PIP_QUIET) -e '.[test,bench]'

# torch is the tested one here too; tools/lower_bounds.py says why.
$(OLDEST)/.installed: pyproject.toml constraints.txt tools/lower_bounds.py
	$(PYTHON) -m venv $(OLDEST)
	$(PYTHON) tools/lower_bounds.py > $(OLDEST)/constraints.txt
	$(OLDEST)/bin/python -m pip install $(PIP_QUIET) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $(TORCH)
	$(OLDEST)/bin/python -m pip install $(PIP_QUIET) -c $(OLDEST)/constraints.txt -e '.[test,bench]'
	@touch $@

# torch first and alone: it may come from another index than everything else.
$(VENV)/.torch: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "skgenome needs Python 3.11 or newer, but '$(PYTHON)' is not."; \
		echo "Name one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) || { \
		echo "'$(PYTHON) -m venv' failed; on Debian and Ubuntu it needs the package python3-venv."; exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $(TORCH)
	@touch $@
