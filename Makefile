# One command each; `make run` needs nothing but Python 3.11 or later.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=
# Of each kind and operation: `make fuzz EXAMPLES=1000` looks for longer.
EXAMPLES ?= 100
# Of `make faults`; `make test` has a dozen.
FAULTS ?= 200
# What CI has more of than `make test`, which is for every change on the way.
THOROUGH := RAXX_HANDOFF_INTENTS=1000 RAXX_EXAMPLES=100
# Each worker starts a PostgreSQL and a Valkey of its own; tests/order.py says which files come first, and which together.
WORKERS ?= -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# What Python has compiled is kept, whatever the image says: most of what is started here is started often.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help install compiled run test check conformance faults fuzz openapi screenshots bench soak clean requirements

help:
	@echo "make install       the virtual environment, made again only when requirements change"
	@echo "make compiled      the same, and our code compiled: for processes that may not write here"
	@echo "make run           everything behind one address; ARGS=\"--port 8123\" passes options"
	@echo "make test          the tests; ARGS=\"tests/raxx -q\" narrows them"
	@echo "make check         all that CI checks: format, lint, types, imports, migrations, and the tests at full length"
	@echo "make conformance   numbered cases by the SDK against real processes; ARGS=\"--only 2,6.04\" chooses"
	@echo "make faults        kill processes and servers two hundred times while bots trade; FAULTS=50 for fewer"
	@echo "make fuzz          requests made up from our document and Alpaca's, and trading, much more than make test has"
	@echo "make openapi       write openapi.json, which has to be what is served"
	@echo "make screenshots   pictures of every page in build/screenshots; needs Chromium"
	@echo "make bench         the benchmarks, one JSON line a figure"
	@echo "make soak          twenty minutes of trading while everything is killed; SOAK_MINUTES=2 for fewer"
	@echo "make requirements  pin the packages anew from requirements*.in"
	@echo "make clean         remove caches and test data (the data folder stays)"

install: $(STAMP)

# The interpreter that the environment was made with must be new enough, or pip's errors are a riddle.
$(STAMP): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Raxx needs Python 3.11 or later; set PYTHON=python3.11 (found " + sys.version.split()[0] + ")")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# A process of a user who may not write here would compile what it imports at each start.
compiled: install
	$(BIN)/python -m compileall -q manage.py raxx broker_handoff trading matching accounts

run: install
	@exec $(BIN)/python manage.py up $(ARGS)

test: install
	$(BIN)/python -m pytest $(WORKERS) $(ARGS)

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(THOROUGH) $(BIN)/python -m pytest $(WORKERS) $(ARGS)

conformance: install
	$(BIN)/python -m tests.contract.conformance $(ARGS)

faults: install
	RAXX_FAULT_KILLS=$(FAULTS) RAXX_HANDOFF_INTENTS=1000 RAXX_FAULT_RESULTS=tests/faults/RESULTS.md $(BIN)/python -m pytest -s tests/faults tests/acceptance/test_faults.py tests/broker_handoff/faults $(ARGS)

fuzz: install
	RAXX_FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest $(WORKERS) tests/contract/test_fuzz.py tests/contract/test_fuzz_alpaca.py tests/contract/test_lives.py $(ARGS)
	RAXX_EXAMPLES=$$((10 * $(EXAMPLES))) $(BIN)/python -m pytest $(WORKERS) tests/matching/engine tests/trading/test_books.py $(ARGS)

openapi: install
	$(BIN)/python manage.py openapi

# Of those, the README shows four; `git diff docs/pictures` tells which have changed.
screenshots: install
	mkdir -p build/screenshots docs/pictures
	RAXX_SCREENSHOTS=build/screenshots $(BIN)/python -m pytest tests/browser $(ARGS)
	cp build/screenshots/account-1280-light.png docs/pictures/account.png
	cp build/screenshots/symbol-1280-light.png docs/pictures/ticket.png
	cp build/screenshots/order-1280-dark.png docs/pictures/order.png
	cp build/screenshots/symbol-phone-390-dark.png docs/pictures/phone.png

bench: install
	$(BIN)/python -m bench $(ARGS)

soak: install
	$(BIN)/python -m bench.soak

clean:
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .raxx-test build staticfiles
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

requirements: install
	$(BIN)/uv pip compile --quiet --universal --no-header --upgrade --python-version 3.11 requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --no-header --upgrade --python-version 3.11 requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --no-header --upgrade --python-version 3.11 requirements-otel.in -o requirements-otel.txt
	$(BIN)/uv pip compile --quiet --universal --no-header --upgrade --python-version 3.11 requirements-parquet.in -o requirements-parquet.txt
