# The words to work here. `make` alone tells what they do.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
HOST ?= 127.0.0.1
PORT ?= 8000
DEMO ?= on
NEW_KEY = $(PYTHON) -c "import secrets; print(secrets.token_urlsafe(50))"

help: ## say what there is
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: export DEMO := $(DEMO)
run: .venv/run var/secret ## run it: http://127.0.0.1:8000 (HOST, PORT, DEMO, DATABASE_URL, REDIS_URL, … count)
	@SECRET_KEY="$${SECRET_KEY:-$$(cat var/secret)}"; export SECRET_KEY; \
	 $(BIN)/python manage.py migrate --verbosity 0 && \
	 $(BIN)/python manage.py seed_demo && \
	 HOST="$(HOST)" PORT="$(PORT)" exec $(BIN)/python manage.py serve

test: .venv/dev ## run the tests: embedded, and with PostgreSQL and Redis where they are found
	@$(BIN)/python -m tests

check: export SECRET_KEY = only-for-these-checks
check: export DATABASE_URL =
check: export REDIS_URL =
check: .venv/dev ## lint, types, missing migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check
	@set -a && . docker/production.env && SECRET_KEY=$$($(NEW_KEY)) && JWT_KEY=$$($(NEW_KEY)) && \
	 $(BIN)/python manage.py check --deploy --fail-level WARNING

faults: .venv/dev ## break everything, one after the other, and count what is lost (PROFILE=short, ONLY=F3,F6)
	@$(BIN)/python -m tests.faults --profile $(or $(PROFILE),full) $(if $(ONLY),--only $(ONLY))

soak: .venv/dev ## run for long (MINUTES=60) and see whether anything grows
	@$(BIN)/python -m tests.faults.soak --minutes $(or $(MINUTES),60)

bench: .venv/dev ## measure, against the textbook way, and write docs/benchmarks.md
	@$(BIN)/python -m benchmarks

screenshot: .venv/dev ## make the README's picture anew, while `make run` runs beside
	@$(BIN)/python -m tests.page.screenshot docs/page.png --url http://$(HOST):$(PORT)

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/run: .venv/bin/python requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch .venv/run

.venv/dev: .venv/bin/python requirements.txt requirements-dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch .venv/dev .venv/run

# A key of this machine's own, for running without setting one.
var/secret:
	@mkdir -p var && umask 077 && $(NEW_KEY) > var/secret

.PHONY: help run test check faults soak bench screenshot
