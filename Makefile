# Everything runs from .venv; `make run` and `make test` set it up. Both are quick the second time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CPU_TORCH ?= https://download.pytorch.org/whl/cpu
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: run setup develop test lint smoke bench docs docs-serve wheel clean
.DEFAULT_GOAL := run

run: setup
	@$(BIN)/phloem name examples --all
	@echo
	@$(BIN)/phloem summarize examples/inventory.py
	@echo
	@$(BIN)/phloem search 'write the items to a file' examples -n 2
	@echo
	@$(BIN)/phloem synth examples/people.csv
	@echo
	@echo 'Now your own code:  $(BIN)/phloem name PATH      why:  $(BIN)/phloem explain examples/inventory.py:load_items'

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml requirements.lock scripts/setup.py
	@$(PYTHON) scripts/setup.py $(VENV) --extras serve,search,tables,mcp,lsp --cpu-index "$(CPU_TORCH)"
	@touch $@

# What tests, linting and building need besides.
develop: $(VENV)/.develop

$(VENV)/.develop: $(VENV)/.ready
	@$(PYTHON) scripts/setup.py $(VENV) --cpu-index "$(CPU_TORCH)"
	@touch $@

test: develop
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadscope

lint: develop
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

smoke: develop
	@for name in $$($(BIN)/phloem systems --names); do $(BIN)/phloem reproduce $$name --scale smoke --out $(VENV)/smoke || exit 1; done

bench: develop
	@$(BIN)/python benchmarks/table.py $(BENCH)

docs: develop
	@$(BIN)/python -m pip install -q -c requirements.lock -e '.[docs]'
	@$(BIN)/python docs/generate.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -q
	@echo 'site/index.html'

docs-serve: docs
	@$(BIN)/mkdocs serve

wheel: develop
	@$(BIN)/python -m build --wheel --outdir dist -q
	@$(PYTHON) scripts/wheel_smoke.py dist

clean:
	@rm -rf $(VENV) dist build site runs .ruff_cache .mypy_cache .import_linter_cache .hypothesis
