"""Commands, as somebody at a shell gives them."""

import os
import subprocess
import sys

import psycopg
import pytest
from django.conf import settings
from django.db import connection

pytestmark = pytest.mark.once

on_postgres = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has one process only"
)


@on_postgres
def test_several_processes_may_start_at_once_on_an_empty_database() -> None:
    name = f"test_empty_{os.getpid()}"
    found = connection.settings_dict
    login = {"host": found["HOST"], "port": found["PORT"] or "5432", "user": found["USER"]}
    with psycopg.connect(**login, password=found["PASSWORD"], dbname="postgres") as admin:
        admin.autocommit = True
        admin.execute(f'CREATE DATABASE "{name}"')
        try:
            url = settings.DATABASE_URL.rsplit("/", 1)[0] + f"/{name}"
            environment = {**os.environ, "DATABASE_URL": url}
            for command in ("migrate", "seed_demo"):
                running = [
                    subprocess.Popen(
                        [sys.executable, "manage.py", command],
                        cwd=settings.BASE_DIR,
                        env=environment,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT,
                    )
                    for _ in range(3)
                ]
                for process in running:
                    output, _ = process.communicate(timeout=60)
                    assert process.returncode == 0, output.decode()
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.mark.parametrize("command", ["serve", "seed_demo", "migrate"])
def test_every_command_explains_itself(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", command, "--help"],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "usage:" in done.stdout
    if command == "serve":
        assert "--server {daphne,uvicorn}" in done.stdout and "SIGTERM" in done.stdout
