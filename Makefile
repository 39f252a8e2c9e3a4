# `make demo` and `make test` set up all they need on a fresh Debian machine; see packaging/setup.sh.
PYTHON := .venv/bin/python
ARGS ?=

.PHONY: setup demo test check bench fuzz run-patient run-provider run-clinic lock clean

setup:
	@packaging/setup.sh

demo: setup
	@$(PYTHON) -m app demo $(ARGS)

test: setup
	$(PYTHON) -m pytest $(ARGS)

check: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	packaging/lock.sh check

bench: setup
	$(PYTHON) tests/bench/run.py $(ARGS)

fuzz: setup
	$(PYTHON) -m tests.fuzz.fuzz_media --inputs 10000000 $(ARGS)

run-patient: setup
	@$(PYTHON) -m app patient $(ARGS)

run-provider: setup
	@$(PYTHON) -m app provider $(ARGS)

run-clinic: setup
	@test -d clinic-data || $(PYTHON) -m app clinic init --data clinic-data --address localhost:8443
	@$(PYTHON) -m app clinic serve --data clinic-data $(ARGS)

lock: setup
	packaging/lock.sh write $(ARGS)

clean:
	rm -rf .setup .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist demo-out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
