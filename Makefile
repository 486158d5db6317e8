# Everything runs in .venv, which is made by the first target that needs it.
PYTHON ?= python3
EXPERIMENT ?= default
TIMED ?= speed
RESULTS ?= results
ARGS ?=
BIN := .venv/bin
INSTALLED := .venv/.installed

# The experiments of `make answers`, and the figure of each that is kept.
ANSWERS := initialisation learning_rates matched_parameters rows_mnist_tutorial inside_lstm cell_zoo attention_or_recurrence text series
FIGURE_OF_initialisation := accuracy_vs_init
FIGURE_OF_learning_rates := accuracy_vs_lr
FIGURE_OF_matched_parameters := accuracy_by_cell
FIGURE_OF_rows_mnist_tutorial := accuracy_vs_readout
FIGURE_OF_inside_lstm := time_scales
FIGURE_OF_cell_zoo := performance_profile
FIGURE_OF_attention_or_recurrence := learning_curves-selective_copy
FIGURE_OF_text := accuracy_by_cell
FIGURE_OF_series := accuracy_by_cell

# A summary of a run folder, kept in results/reference without its links to figures that stay behind.
keep-summary = sed 's| \[Figure\](figures/[^)]*)\.||' $(1)/summary.md > results/reference/$(2).md

.DEFAULT_GOAL := help
.PHONY: help install sweep smoke time report reference answers catalogue bench docs test test-slow test-browser test-faults lint clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo "EXPERIMENT=name (one of conf/experiment), RESULTS=folder and ARGS='KEY=VALUE ...' go to the harness."

install: $(INSTALLED) ## make .venv and install the harness with its tools

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is older. Name another: make install PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

sweep: $(INSTALLED) ## run or resume the grid EXPERIMENT (default); then write tables and figures
	$(BIN)/harness -m experiment=$(EXPERIMENT) results_dir=$(RESULTS) $(ARGS)

smoke: $(INSTALLED) ## a small grid with report in one to three minutes, into results/smoke
	$(BIN)/harness -m experiment=smoke results_dir=$(RESULTS)/smoke $(ARGS)

time: $(INSTALLED) ## measure the training steps of the grid TIMED (speed) in one process, on a quiet machine
	$(BIN)/harness time experiment=$(TIMED) results_dir=$(RESULTS) $(ARGS)

report: $(INSTALLED) ## write tables and figures of the runs in results/ again
	$(BIN)/harness report $(RESULTS)

reference: $(INSTALLED) ## run the default grid into a folder of its own; keep the summary and the figures that the docs show
	$(BIN)/harness -m experiment=default results_dir=$(RESULTS)/reference-run $(ARGS)
	$(call keep-summary,$(RESULTS)/reference-run,summary)
	cp $(RESULTS)/reference-run/figures/accuracy_vs_length.png results/reference/
	cp $(RESULTS)/reference-run/figures/gradient_flow-adding-init-torch.png \
		results/reference/gradient_flow-adding.png

answers: $(patsubst %,answer-%,$(ANSWERS)) ## run the experiments that results/reference/answers.md answers (an hour or more)

answer-%: $(INSTALLED)
	$(BIN)/harness -m experiment=$* results_dir=$(RESULTS)/$*-run $(ARGS)
	$(call keep-summary,$(RESULTS)/$*-run,$*)
	cp $(RESULTS)/$*-run/figures/$(FIGURE_OF_$*).png results/reference/$*.png

catalogue: $(INSTALLED) ## one LSTM of 64 units on each task, into results/reference/catalogue.md
	$(BIN)/harness -m experiment=catalogue results_dir=$(RESULTS)/catalogue-run
	$(call keep-summary,$(RESULTS)/catalogue-run,catalogue)

bench: $(INSTALLED) ## compare the harness with plain torch.nn, into results/reference (1 to 2 hours on a quiet machine)
	$(BIN)/python -m tests.bench $(ARGS)

docs: $(INSTALLED) ## write docs/tables.md from the code; execute the notebook of examples/ if it has changed
	$(BIN)/python docs/make_tables.py
	$(BIN)/python docs/make_notebook.py

test: $(INSTALLED) ## run the tests
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

test-slow: $(INSTALLED) ## run the slow tests that `make test` leaves out
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal -m slow $(ARGS)

test-browser: $(INSTALLED) ## run the tests of the report's page in Chromium, which must be installed
	$(BIN)/python -m pytest -m browser tests/report/page $(ARGS)

test-faults: $(INSTALLED) ## run every trial of the injected faults (kills, signals, crashes) and print their table
	$(BIN)/python -m pytest -n auto --maxprocesses 4 -m 'faults or not faults' tests/faults $(ARGS)

lint: $(INSTALLED) ## check format, style, types and imports between packages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean: ## remove the files that tools leave behind; .venv and results/ stay
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find harness tests -name __pycache__ -type d -prune -exec rm -rf {} +
