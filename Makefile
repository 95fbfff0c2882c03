# make demo: train a GAN on real digits, about a minute on 2 cores.
# make test: every test not marked slow or exhaustive. make compared: of these, the ones
# that need prepared data sets, PyTorch or the weights of an extractor. make slow, make
# exhaustive, make lint: the rest.
# make accelerator: what a GPU or TPU computes and how fast, an hour (docs/accelerators.md).

PYTHON ?= python3
VENV ?= .venv
# Tests that share a run stay together as far as they can.
PYTEST = $(VENV)/bin/python -m pytest -n 2 --dist worksteal
PIP = $(VENV)/bin/pip --disable-pip-version-check

.PHONY: demo test compared slow exhaustive accelerator lint clean

demo: $(VENV)/.installed
	$(VENV)/bin/gan-jax train r3gan --out runs/demo --overwrite \
	  --steps 20000 --log.samples-every 1000

test: $(VENV)/.test
	$(PYTEST)

compared: $(VENV)/.oracle
	$(PYTEST) -m '(data or oracle or embedding) and not slow and not exhaustive'

slow: $(VENV)/.test
	$(PYTEST) -m slow

exhaustive: $(VENV)/.test
	$(PYTEST) -m exhaustive

accelerator: $(VENV)/.test
	$(VENV)/bin/python -m benchmarks.accelerator

lint: $(VENV)/.lint
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/pyright

$(VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "needs Python 3.11 or newer"'
	test -x $(VENV)/bin/pip || $(PYTHON) -m venv $(VENV) || \
	  { echo "No venv module: apt-get install python3-venv (or set PYTHON=)"; rm -rf $(VENV); exit 1; }
	@echo "Installing into $(VENV) (a few minutes the first time) ..."
	$(PIP) install -e .
	touch $@

$(VENV)/.test: $(VENV)/.installed
	$(PIP) install -e '.[test]'
	touch $@

$(VENV)/.oracle: $(VENV)/.test
	$(PIP) install -e '.[oracle,embedding]'
	touch $@

$(VENV)/.lint: $(VENV)/.installed
	$(PIP) install -e '.[lint]'
	touch $@

clean:
	rm -rf $(VENV) runs/demo
