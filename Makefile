# Each target is self-sufficient: it makes .venv from the pinned packages if that is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint docs
demo: .venv/installed
	$(BIN)/distune search examples/reviews.yaml

test: .venv/installed
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/installed
	$(BIN)/python -m tuning.reference > docs/study-file.md

.venv/installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@
