# Everything that development needs; `make` lists it. A fresh clone needs Python 3.11 or newer with venv, make and git,
# and the package registries. PYTHON chooses the interpreter: make PYTHON=python3.13 test; KUBERNETES the version of the
# sandbox: make KUBERNETES=1.34 cluster

PYTHON ?= python3
PYTEST_ARGS ?=
KUBERNETES ?=

BIN := .venv/bin
HACK := PYTHONPATH=hack $(BIN)/python
CRD_DIRECTORIES := crds charts/licet/crds
BYPASSES := PYTHONPATH=tests $(BIN)/python -m bypasses
BYPASSES_PAGE := docs/security.md

# uv.lock says which uv installs what it locks.
UV_VERSION = $(shell sed -n '/^name = "uv"$$/{n;s/^version = "\(.*\)"$$/\1/p;}' uv.lock)

OLDEST_KUBERNETES = $(shell sed -n 's|^[[:space:]]k8s.io/kubernetes v\([0-9]*[.][0-9]*\)[.].*|\1|p' hack/tools/kubernetes-oldest/go.mod)

# With the certificates that the machine trusts, as networks need it that look into TLS; some machines have none.
UV_SYNC = env -u VIRTUAL_ENV UV_PROJECT_ENVIRONMENT=.venv UV_PYTHON=$(BIN)/python UV_PYTHON_DOWNLOADS=never \
	UV_COMPILE_BYTECODE=1 $(BIN)/uv sync --frozen

# What is measured in a hurry stays out of docs/.
BENCH ?=
BENCH_FLAGS = $(if $(filter quick,$(BENCH)),--quick --json .bench/benchmark.json,--page --json docs/benchmark.json) $(PARTS)

STEP = @printf '\n==> %s\n'

.DEFAULT_GOAL := help
# Where it is set, each of the hundreds of processes that the tests start compiles all modules anew.
unexport PYTHONDONTWRITEBYTECODE

# With -j as well: the output is read from top to bottom, and the tests want the machine for themselves.
.NOTPARALLEL:
.PHONY: help .venv control-plane control-planes demo cluster cluster-down test test-unit test-integration test-oldest \
	test-e2e bench bench-core fuzz lint format generate check-generated clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9.-]*\):.*## \(.*\)/\1@\2/p' $(MAKEFILE_LIST) | awk -F@ '{ printf "  %-18s%s\n", $$1, $$2 }'

## -- to use it --------------------------------------------------------------------------------------------------------

demo: .venv control-plane ## play the story of a license, with real Helm and a real API server
	@$(HACK) -m demo

cluster: .venv control-plane ## start a sandbox in .cluster that stays, and print how to use it
	@$(HACK) -m sandbox start .cluster $(if $(KUBERNETES),--kubernetes $(KUBERNETES))

cluster-down: $(if $(wildcard .cluster),.venv) ## end the sandbox in .cluster
	@$(if $(wildcard .cluster),$(HACK) -m sandbox stop .cluster,echo 'no sandbox runs in .cluster')

## -- to change it -----------------------------------------------------------------------------------------------------

test: lint check-generated test-unit test-integration test-oldest test-e2e ## check and test everything
	$(STEP) 'everything is fine'

lint: .venv ## check style, types and layers
	$(STEP) 'lint: style'
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(STEP) 'lint: types'
	$(BIN)/mypy
	$(STEP) 'lint: layers'
	$(BIN)/lint-imports

format: .venv ## format the code, and mend what can be mended by itself
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

test-unit: .venv ## run the fast tests
	$(STEP) 'unit tests'
	$(BIN)/pytest --numprocesses auto --maxprocesses 8 tests/unit $(PYTEST_ARGS)

test-integration: .venv control-plane ## run the tests of single parts on a real API server
	$(STEP) 'integration tests'
	$(BIN)/pytest tests/integration $(PYTEST_ARGS)

test-oldest: .venv control-planes ## run those of the admission policies on the oldest Kubernetes that knows their means
	$(STEP) 'tests of the admission policies on Kubernetes $(OLDEST_KUBERNETES)'
	$(BIN)/pytest tests/integration/policies --kubernetes $(OLDEST_KUBERNETES) $(PYTEST_ARGS)

test-e2e: .venv control-plane ## run the tests of all parts together, with real Helm
	$(STEP) 'end-to-end tests'
	$(BIN)/pytest tests/e2e $(PYTEST_ARGS)

fuzz: .venv ## look for payloads of releases that are read wrongly, for some minutes
	$(BIN)/pytest --hypothesis-profile=fuzz tests/unit/core/test_release_fuzzing.py tests/unit/core/test_umbrellas.py \
		tests/integration/test_release_oracle.py $(PYTEST_ARGS)

bench: .venv control-plane ## measure licet beside its peers, 40 minutes on a quiet machine; fewer: make bench BENCH=quick
	@$(HACK) -m bench run $(BENCH_FLAGS)

bench-core: .venv ## count the instructions of the core, and compare them; after a change: make bench-core BENCH=renew
	@$(HACK) -m bench instructions $(if $(filter renew,$(BENCH)),--renew)

generate: .venv ## write what is generated: the CRDs, from the models, and the page of bypasses, from its table
	$(BIN)/python -m licet.resources $(CRD_DIRECTORIES)
	$(BYPASSES) $(BYPASSES_PAGE)

check-generated: .venv ## tell whether what is generated is up to date
	$(STEP) 'generated files'
	$(BIN)/python -m licet.resources --check $(CRD_DIRECTORIES)
	$(BYPASSES) --check $(BYPASSES_PAGE)

clean: cluster-down ## remove what the other targets have made, save the control plane that all clones share
	rm -rf .venv .bench .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

## -- what these need --------------------------------------------------------------------------------------------------

.venv: .venv/.installed ## install Python packages, as uv.lock says

.venv/.installed: pyproject.toml uv.lock
	@printf '\n==> installing Python packages into .venv\n' >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'licet needs Python 3.11 or newer; choose one with: make PYTHON=python3.13 …' >&2; exit 1; }
	@$(BIN)/uv --version 2>/dev/null | grep -qF ' $(UV_VERSION) ' || { \
		$(PYTHON) -m venv .venv && \
		$(BIN)/python -m pip --disable-pip-version-check install --quiet uv==$(UV_VERSION); }
	@$(UV_SYNC) --system-certs || $(UV_SYNC)
	@touch $@

control-plane: .venv ## build the control plane where that is still to be done: minutes, once for all clones
	@$(HACK) -m controlplane build > /dev/null

control-planes: .venv ## the same with each version of Kubernetes that tests run on
	@$(HACK) -m controlplane build --every-kubernetes > /dev/null
