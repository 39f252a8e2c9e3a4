# `make demo` and `make test` set up all they need on a fresh Debian machine; see packaging/setup.sh.
PYTHON := .venv/bin/python
ARGS ?=

.PHONY: setup demo test check bench fuzz soak run-patient run-provider run-clinic lock clean

setup:
	@packaging/setup.sh

demo: setup
	@$(PYTHON) -m app demo $(ARGS)

# Python may keep what it has compiled, whatever the machine's environment says: the tests start hundreds of processes.
export PYTHONDONTWRITEBYTECODE :=

# What needs no core to itself shares them; what mostly waits for another one's answer does so in twos, a file at a
# time; what talks in real time has the machine to itself. With ARGS, only what they name.
TOGETHER := tests/clinic tests/fuzz tests/net tests/offline tests/soak tests/ui tests/wire
TOGETHER += $(addprefix tests/media/test_,$(addsuffix .py,assembly picture_payloads playout_networks \
  playout rate_controller rate_estimators rate_ladder rate_scenarios rate_speech still_reference still_shot))
IN_TWOS := tests/e2e tests/presenters

test: setup
ifeq ($(strip $(ARGS)),)
	$(PYTHON) -m pytest -n 2 $(TOGETHER)
	$(PYTHON) -m pytest -n 2 --dist loadfile $(IN_TWOS)
	$(PYTHON) -m pytest $(addprefix --ignore=,$(TOGETHER) $(IN_TWOS))
else
	$(PYTHON) -m pytest $(ARGS)
endif

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
	$(PYTHON) -m pytest --hypothesis-profile=default $$(grep -rlE "^from hypothesis import .*given" tests --include="test_*.py")

# Each part goes on when another has failed; the exit code tells. `make soak JOBS=4` uses four processes.
# kill9 and diskfull take every point there is, service 1,006 submissions.
SOAK := powerloss:100000 machines:1000000 simulation:20000 damage:20000
JOBS ?= 2

soak: setup
	@failed=0; for part in $(SOAK); do \
	  $(PYTHON) -m tests.soak.$${part%:*} --count $${part#*:} --jobs $(JOBS) $(ARGS) || failed=1; done; \
	for part in kill9 diskfull service canaries; do $(PYTHON) -m tests.soak.$$part $(ARGS) || failed=1; done; exit $$failed

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
