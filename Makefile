# Two commands: `make book` and `make test`. Both set up .venv first if it is missing or out of date.
PROFILE ?= laptop
SOURCE  ?= simulated
DATA    ?=
PYTHON  ?= python3
BIN     := .venv/bin

.PHONY: help book test env notebooks lint clean
help:
	@echo "make book [PROFILE=smoke|laptop|gpu|paper] [SOURCE=archive|quicklook|sdoml DATA=...]"
	@echo "make test       pytest --nbval-lax over tests/ and notebooks/"
	@echo "make env        only the set-up, into .venv"
	@echo "make notebooks  write every .ipynb from its .py"
	@echo "make lint       ruff, and the audit of the pinned versions"
	@echo "make clean      remove runs/ and the built book (artifacts/ stays)"

env: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "make: $(PYTHON) is not Python 3.11 to 3.13; choose one with PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=24"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	@touch .venv/ready

book: env
	$(BIN)/solarsynth reproduce --profile "$(PROFILE)" --source "$(SOURCE)" --data "$(DATA)"

test: env
	$(BIN)/python -m pytest --nbval-lax --numprocesses 2 --dist loadfile

notebooks: env
	$(BIN)/solarsynth notebooks

lint: env
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/python scripts/audit_pins.py

clean:
	rm -rf runs book/_build
