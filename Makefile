# Each target is self-sufficient: it makes .venv from the pinned packages if that is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
# What takes a minute or more of both cores is marked long: `make test-long`; what takes several is marked soak: `make test-soak`. The
# other tests run in groups beside each other, as many of them wait for servers and for programs.
# Torch's threads sleep while they wait for each other: of its own accord each spins, which costs small networks half of their time.
PYTEST := OMP_WAIT_POLICY=passive $(BIN)/python -m pytest
CLUSTERS := $(addprefix tests/,whole/test_jobs.py whole/test_resume.py whole/test_users_folder.py cluster/test_services.py cluster/test_runner.py cluster/test_connection.py cluster/test_nodes_without_distune.py)
SEARCHES := $(addprefix tests/,tuning/report/test_browser.py whole/test_commands_in_docs.py whole/test_mlflow.py whole/test_session.py whole/test_door.py whole/test_plugs_search.py tuning/teachers/test_ensemble.py tuning/tracking/test_registry.py fuzz benchmarks tuning/search tuning/champion)

.PHONY: demo test test-long test-soak fuzz lint docs picture site bench
demo: .venv/installed
	$(BIN)/distune search examples/reviews.yaml

test: .venv/installed
	mkdir -p .pytest_cache
	$(PYTEST) -m "not long and not soak" $(CLUSTERS) > .pytest_cache/clusters.log 2>&1 & first=$$!; \
	$(PYTEST) -m "not long and not soak" $(SEARCHES) > .pytest_cache/searches.log 2>&1 & second=$$!; \
	trap "kill $$first $$second" INT TERM; \
	$(PYTEST) -m "not long and not soak" $(addprefix --ignore=,$(CLUSTERS) $(SEARCHES)); failed=$$?; \
	wait $$first || failed=1; wait $$second || failed=1; \
	cat .pytest_cache/clusters.log .pytest_cache/searches.log; exit $$failed

test-long: .venv/installed
	mkdir -p .pytest_cache
	$(PYTEST) -m long $(CLUSTERS) > .pytest_cache/clusters.log 2>&1 & first=$$!; \
	trap "kill $$first" INT TERM; \
	$(PYTEST) -m long $(addprefix --ignore=,$(CLUSTERS)); failed=$$?; \
	wait $$first || failed=1; \
	cat .pytest_cache/clusters.log; exit $$failed

test-soak: .venv/installed
	$(PYTEST) -m soak

# A thousand damaged files of each kind that Distune reads; `make test` tries a few of each.
fuzz: .venv/installed
	FUZZ_N=$${FUZZ_N:-1000} $(PYTEST) tests/fuzz

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers 2
	$(BIN)/python .ci/prose.py

docs: .venv/installed
	$(BIN)/python -m distune.tuning.study.reference > docs/study-file.md

# The rooms and who imports whom, for CONTRIBUTING.md.
picture: .venv/installed
	$(BIN)/python docs/making/rooms.py

# The documentation as pages, made and read without a network.
site: .venv/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "open build/site/index.html"

bench: .venv/installed
	$(BIN)/python -m benchmarks.speed.performance

# The versions are all in requirements.lock: pip looks for no others, and `pip check` says whether they fit each other. Python compiles what
# is imported, which is a small part of all that pip would compile, one file after the other; jieba is compiled here, as it warns meanwhile.
.venv/installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-deps --no-compile --requirement requirements.lock
	$(BIN)/python -W ignore -m compileall -q .venv/lib/python3*/site-packages/jieba
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/pip check
	touch $@
