# Two commands do everything: `make report` and `make test`. `make` alone lists the rest.
.DEFAULT_GOAL := help
RUN := .venv/bin/

.PHONY: help report test check environment develop lock format docs

help:  ## list what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/'

report: environment  ## set up once, then build every shipped report into reports/
	@$(RUN)ketastats report --out reports

test: develop  ## set up once, then run the tests
	@OMP_NUM_THREADS=1 $(RUN)python -m pytest -n auto --dist loadfile

check: develop  ## formatter, linter, types, import directions
	@$(RUN)ruff format --check .
	@$(RUN)ruff check .
	@$(RUN)mypy
	@$(RUN)lint-imports

format: develop  ## format and mend what the linter can
	@$(RUN)ruff format .
	@$(RUN)ruff check --fix .

environment:
	@locks/install.sh report

develop:
	@locks/install.sh develop

lock:  ## renew locks/*.txt from pyproject.toml
	@locks/renew.sh
