# Everything starts from nothing: `make demo` and `make test` set up .venv first.
# A user with a GPU, or with an environment of their own, needs none of this: `pip install .`

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo test test-viewer viewer docs check format clean

install: $(VENV)/.installed

# PyTorch comes first and pinned, so that nothing pulls in another build of it.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: install
	$(BIN)/tapeout run recipes/demo.yaml --out runs/demo

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# Two processes of one thread each: a second thread for each would make both wait for each other.
WORKERS ?= 2
test: check test-viewer
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile

# The page's script is built from viewer/ and ships inside the package, so users need no Node.
NODE_MODULES := viewer/node_modules/.package-lock.json

$(NODE_MODULES): viewer/package-lock.json
	cd viewer && npm ci --silent --no-audit --no-fund

viewer: $(NODE_MODULES)
	cd viewer && npm run --silent build

test-viewer:
	@if ! command -v npm > /dev/null; then \
	  echo "viewer: its own tests are skipped, as there is no Node here (20.19 or newer)"; \
	elif ! $(MAKE) --silent $(NODE_MODULES); then \
	  echo "viewer: its own tests are skipped, as npm cannot install what they need"; \
	else cd viewer && npm run --silent test; fi

# The site of these pages, in site/; numbers on it come from benchmarks/results/.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist site viewer/node_modules
