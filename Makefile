# Each target is self-sufficient: it makes .venv from the pinned packages if that is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
# What takes a minute or more of both cores is marked long: `make test-long`; what takes several is marked soak: `make test-soak`.
# Torch's threads sleep while they wait for each other: of its own accord each spins, which costs small networks half of their time.
PYTEST := OMP_WAIT_POLICY=passive $(BIN)/python -m pytest
MARKS := not long and not soak
# The tests start hundreds of processes: each would compile all that it imports anew where the environment tells Python to write no bytecode.
unexport PYTHONDONTWRITEBYTECODE
# The tests run in groups, three beside each other, as many of them wait for servers and for programs; what takes longest begins first. Each
# group starts once what its tests share: clusters has an MLflow server on PostgreSQL and S3, searches has a search that has ended.
GROUPS := rest clusters students corpora searches processes damaged
clusters := $(addprefix tests/,cluster whole/test_jobs.py)
searches := $(addprefix tests/,whole/test_commands_in_docs.py whole/test_mlflow.py whole/test_session.py whole/test_door.py tuning/tracking/test_registry.py tuning/report/test_browser.py)
processes := $(addprefix tests/whole/,test_use.py test_users_folder.py test_resume.py test_plugs_search.py test_from_a_prompt.py test_site.py)
students := $(addprefix tests/tuning/,search teachers champion trial)
corpora := tests/corpora
damaged := tests/fuzz tests/benchmarks
rest := $(addprefix --ignore=,$(clusters) $(searches) $(processes) $(students) $(corpora) $(damaged))

.PHONY: demo test test-long test-soak fuzz lint docs picture site bench
demo: .venv/installed
	$(BIN)/distune search examples/reviews.yaml

test: .venv/installed
	@mkdir -p .pytest_cache
	@echo "$(words $(GROUPS)) groups of tests; what each says comes when it ends, and is in .pytest_cache/GROUP.log meanwhile"
	@$(MAKE) --no-print-directory --keep-going --jobs=3 MARKS="$(MARKS)" $(GROUPS:%=group-%)

test-long: .venv/installed
	@$(MAKE) --no-print-directory test MARKS=long

# One group of tests; an exit code of 5 says that none has these marks.
group-%:
	@$(PYTEST) -m "$(MARKS)" $($*) > .pytest_cache/$*.log 2>&1; failed=$$?; \
	cat .pytest_cache/$*.log; test $$failed -eq 0 -o $$failed -eq 5

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
