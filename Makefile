# Each target is self-sufficient: it makes .venv from the pinned packages if that is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
# They wait for servers and for programs most of the time: beside the other tests, and within a group one after the other.
CLUSTERS := $(addprefix tests/,test_jobs.py test_services.py test_tasks.py)
PROGRAMS := $(addprefix tests/,test_benchmarks_growth.py test_benchmarks_search.py test_chaos.py test_commands_in_docs.py \
	test_resume.py)

.PHONY: demo test lint docs bench
demo: .venv/installed
	$(BIN)/distune search examples/reviews.yaml

test: .venv/installed
	mkdir -p .pytest_cache
	$(BIN)/python -m pytest $(CLUSTERS) > .pytest_cache/clusters.log 2>&1 & first=$$!; \
	$(BIN)/python -m pytest $(PROGRAMS) > .pytest_cache/programs.log 2>&1 & second=$$!; \
	trap "kill $$first $$second" INT TERM; \
	$(BIN)/python -m pytest $(addprefix --ignore=,$(CLUSTERS) $(PROGRAMS)); failed=$$?; \
	wait $$first || failed=1; wait $$second || failed=1; \
	cat .pytest_cache/clusters.log .pytest_cache/programs.log; exit $$failed

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/installed
	$(BIN)/python -m tuning.reference > docs/study-file.md

bench: .venv/installed
	$(BIN)/python -m benchmarks.performance

.venv/installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@
