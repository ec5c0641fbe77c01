# Everything a newcomer needs is `make demo` and `make test`; `make` alone lists the rest.
PYTHON ?= python3
VENV   ?= .venv
# Anything pip should know besides, for example an index with CPU builds of torch.
PIP_FLAGS ?=

BIN := $(VENV)/bin
# --no-compile: a module is compiled when it is first imported; most of these packages' modules never are.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt $(PIP_FLAGS)

.DEFAULT_GOAL := help
.PHONY: help install demo test tests test-window check check-fast format docs bench fuzz kill image clean

help: ## list these commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

# torch first and by itself: pip then has no reason to look for another build of it.
$(VENV)/torch: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch
	@touch $@

$(VENV)/installed: $(VENV)/torch
	$(PIP) -e .
	@touch $@

$(VENV)/tested: $(VENV)/torch
	$(PIP) -e '.[test,docs]'
	@touch $@ $(VENV)/installed

install: $(VENV)/installed ## virtual environment in .venv with pointnc in it

demo: $(VENV)/installed ## make rooms, train on them, evaluate, write a report (minutes, no GPU)
	$(BIN)/python -m pointnc.train

check: $(VENV)/tested ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check-fast: check ## check, then the quick tests of what differs from the branch main (about a minute)
	$(BIN)/python -m tests.changed | OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE xargs -r \
		$(BIN)/python -m pytest -q -m 'not slow' -n auto --maxprocesses 2 --dist loadfile

test: $(VENV)/tested ## check and the tests, side by side
	$(MAKE) --no-print-directory --jobs 2 check tests

tests: $(VENV)/tested
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile \
		--no-loadscope-reorder

test-window: $(VENV)/tested ## the tests of Open3D's window (a download of 400 MB; what Debian lacks needs root)
	.ci/window
	$(PIP) -e '.[view]'
	$(BIN)/python -m pytest tests/viewer/test_window.py tests/viewer/test_window_parts.py

format: $(VENV)/tested ## let ruff fix what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/tested ## the site, into site/; any warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

bench: $(VENV)/tested ## speed of the parts, beside slow references
	$(BIN)/python -m bench

fuzz: $(VENV)/tested ## read fifty thousand damaged files, and see that each is read or refused in a line (half an hour)
	$(BIN)/python -m tests.robustness.fuzz inputs=50000

kill: $(VENV)/tested ## kill the commands a hundred times, and see that nothing is lost (minutes)
	$(BIN)/python -m tests.robustness.kills 100

image: ## container image for a CPU (docker/cpu.Dockerfile)
	docker build -f docker/cpu.Dockerfile -t pointnc:cpu .

clean: ## remove the environment and caches; data/ and runs/ stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist site
