"""`manage.py check`: each mistake is told, with what to do about it, and nothing else is."""

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as project
from django.core import checks as django_checks
from django.core.checks import CheckMessage
from django.core.management import call_command
from django.db import connection

from messenger.checks import stores, strangers, web
from tests.faults.services import Missing, Postgres


def production(root: Path) -> dict[str, str]:
    """The environment that the documentation recommends, with keys."""
    lines = (root / "docker" / "production.env").read_text().splitlines()
    listed = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    keys = {name: secrets.token_urlsafe(50) for name in ("SECRET_KEY", "JWT_KEY")}
    return {**listed, **keys, "PATH": os.environ["PATH"]}


def deploy_check(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=project.BASE_DIR,
        env=environment,
        text=True,
        capture_output=True,
    )


def test_there_is_nothing_to_complain_of() -> None:
    call_command("check", databases=["default"], fail_level="WARNING")
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_the_settings_for_production_are_clean_for_every_check(root: Path) -> None:
    done = deploy_check(production(root))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "no issues (2 silenced)" in done.stdout


def test_what_is_missing_in_production_is_told_all_at_once(root: Path) -> None:
    careless = {"HTTPS": "off", "DEBUG": "on", "SECRET_KEY": "short", "RATE_LIMITS": "off"}
    careless |= {"ALLOWED_HOSTS": "*", "JWT_KEY": "k", "DEMO": "on"}
    done = deploy_check({**production(root), **careless})
    assert done.returncode == 1
    for id in ("W004", "W008", "W009", "W012", "W016", "W018"):
        assert f"(security.{id})" in done.stderr
    for id in ("W001", "W002", "W003", "W012"):
        assert f"(messenger.{id})" in done.stderr


# Each check, what makes it speak, and what it says then. Nothing set: what the tests run with.
GOOD = {"HTTPS": True, "PROXIES": 1, "ALLOWED_HOSTS": ["chat.example.org"]}
REAL = {
    "ENGINE": "django.db.backends.postgresql",
    "REDIS_URL": "redis://:x@redis.internal:6379/0",
}
SQLITE = {**REAL, "ENGINE": "django.db.backends.sqlite3"}
Check = Callable[..., list[CheckMessage]]
TOLD: list[tuple[Check, dict[str, Any], list[str]]] = [
    (web.https_is_spoken_by_a_proxy, GOOD, []),
    (web.https_is_spoken_by_a_proxy, {**GOOD, "PROXIES": 0}, ["messenger.E003"]),
    (web.https_is_spoken_by_a_proxy, {"HTTPS": False, "PROXIES": 0}, []),
    (strangers.hosts_are_ours, GOOD, []),
    (strangers.hosts_are_ours, {"HTTPS": False, "ALLOWED_HOSTS": ["localhost"]}, []),
    (strangers.hosts_are_ours, {"ALLOWED_HOSTS": ["a.example", "*"]}, ["messenger.W001"]),
    (strangers.hosts_are_ours, {**GOOD, "ALLOWED_HOSTS": ["127.0.0.1", "[::1]"]},
     ["messenger.W004"]),
    (strangers.keys_are_secret, {}, []),
    (strangers.keys_are_secret, {"JWT_KEY": "short"}, ["messenger.W002"]),
    (strangers.keys_are_secret, {"JWT_KEY": "a" * 40}, ["messenger.W002"]),
    (strangers.keys_are_secret, {"JWT_KEY": project.SECRET_KEY}, ["messenger.W002"]),
    (strangers.keys_are_secret, {"SECRET_KEY": "for-development-only-" + "0" * 43},
     ["messenger.W005"]),
    (strangers.limits_are_on, {"RATE_LIMITS": True}, []),
    (strangers.limits_are_on, {"RATE_LIMITS": False}, ["messenger.W003"]),
    (strangers.demo_is_off, {"DEMO": False}, []),
    (strangers.demo_is_off, {"DEMO": True}, ["messenger.W012"]),
    (strangers.access_is_short, {}, []),
    (strangers.access_is_short, {"ACCESS_TOKEN_LIFE": project.ACCESS_TOKEN_LIFE * 2},
     ["messenger.W006"]),
    (stores.stores_are_for_several_processes, REAL, []),
    (stores.stores_are_for_several_processes, SQLITE, ["messenger.W007"]),
    (stores.stores_are_for_several_processes, {**REAL, "REDIS_URL": ""}, ["messenger.W008"]),
]  # fmt: skip


@pytest.mark.parametrize(("check", "values", "ids"), TOLD)
def test_a_mistake_is_told_with_its_cure(
    settings: Any, monkeypatch: Any, check: Check, values: dict[str, Any], ids: list[str]
) -> None:
    for name, value in values.items():
        if name == "ENGINE":
            monkeypatch.setitem(project.DATABASES["default"], name, value)
        else:
            setattr(settings, name, value)
    found = check()
    assert [message.id for message in found] == ids
    assert all(message.hint for message in found)


@pytest.mark.parametrize(
    ("url", "guarded"),
    [
        ("redis://127.0.0.1:6379/0", True),
        ("redis://localhost/0", True),
        ("redis://[::1]:6379/0", True),
        ("unix:///run/redis.sock", True),
        ("redis://:secret@10.0.0.5:6379/0", True),
        ("", True),
        ("redis://10.0.0.5:6379/0", False),
        ("redis://:secret@10.0.0.5:6379/0,redis://10.0.0.6:6379/0", False),
        ("redis+sentinel://127.0.0.1:26379/main/0", True),
        ("redis+sentinel://:secret@a:26379,b:26379/main/0", True),
        ("redis+sentinel://a:26379,b:26379/main/0?sentinel_password=x", False),
    ],
)
def test_a_redis_that_anybody_may_write_to_is_told(settings: Any, url: str, guarded: bool) -> None:
    settings.REDIS_URL = url
    found = [message.id for message in stores.redis_asks_for_a_password()]
    assert found == ([] if guarded else ["messenger.W009"])


@pytest.mark.parametrize(
    ("origin", "whole"),
    [
        ("https://app.example", True),
        ("http://localhost:3000", True),
        ("https://[::1]:8443", True),
        ("app.example", False),
        ("https://", False),
        ("https://app.example/", False),
        ("https://app.example/path", False),
        ("https://App.example", False),
        ("https://app.example:443", False),
        ("https://app.example:x", False),
        ("https://*.example", False),
        ("https://user@app.example", False),
        ("wss://app.example", False),
        ("*", False),
        ("null", False),
    ],
)
def test_an_origin_that_no_browser_sends_is_a_mistake(
    settings: Any, origin: str, whole: bool
) -> None:
    settings.ALLOWED_ORIGINS = ["https://fine.example", origin]
    found = web.origins_are_whole()
    assert [message.id for message in found] == ([] if whole else ["messenger.E004"])


def test_connections_that_are_kept_are_a_mistake(monkeypatch: Any) -> None:
    assert stores.connections_are_not_kept() == []
    monkeypatch.setitem(project.DATABASES["default"], "CONN_MAX_AGE", 60)
    assert [found.id for found in stores.connections_are_not_kept()] == ["messenger.E002"]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no locales")
def test_a_database_that_knows_no_cyrillic_is_a_mistake() -> None:
    name = connection.settings_dict["NAME"]
    other = f"{name}_c"
    locale = "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
    with psycopg.connect(project.DATABASE_URL, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {other} {locale}")
        connection.close()
        connection.settings_dict["NAME"] = other
        try:
            found = stores.database_knows_cyrillic(databases=["default"])
        finally:
            connection.close()
            connection.settings_dict["NAME"] = name
            server.execute(f"DROP DATABASE {other}")
    assert [message.id for message in found] == ["messenger.E001"]
    assert stores.database_knows_cyrillic(databases=["default"]) == []


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connections")
def test_a_database_with_too_few_connections_is_told(settings: Any) -> None:
    assert stores.database_has_room(databases=["default"]) == []
    assert stores.database_has_room() == []
    settings.DB_READERS, settings.DB_WRITERS = 5_000, 20
    found = stores.database_has_room(databases=["default"])
    assert [message.id for message in found] == ["messenger.W010"]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no log")
def test_a_database_that_logs_what_people_write_is_told() -> None:
    settings = {name: quiet[-1] for name, quiet in stores.QUIET.items()}
    assert stores.database_logs_no_values() == []
    with connection.cursor() as cursor:
        for name, value in settings.items():
            cursor.execute(f"SET {name} = '{value}'")
        assert stores.database_logs_no_values(databases=["default"]) == []
        cursor.execute("SET log_min_error_statement = 'error'")
        (found,) = stores.database_logs_no_values(databases=["default"])
        assert found.id == "messenger.W011" and found.msg.endswith(": log_min_error_statement.")
        assert found.hint == "ALTER ROLE … SET log_min_error_statement = 'panic';"
        cursor.execute("RESET ALL")
    connection.close()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="once is enough")
def test_with_these_settings_postgres_does_not_log_what_people_write() -> None:
    try:
        services = [Postgres(), Postgres(**{n: quiet[-1] for n, quiet in stores.QUIET.items()})]
    except Missing as error:
        pytest.skip(str(error))
    for service in services:
        try:
            service.start()
            service.execute("CREATE TABLE said (id int PRIMARY KEY, content text CHECK (id > 0))")
            for id in (1, 1, -1):
                with contextlib.suppress(psycopg.IntegrityError):
                    service.execute(f"INSERT INTO said VALUES ({id}, 'canary')")
            loud = service is services[0]
            assert ("canary" in service.log) is loud
            assert "violates check constraint" in service.log
        finally:
            service.close()


def test_every_check_of_ours_is_registered_and_has_its_number() -> None:
    ours = {
        check
        for module in (stores, strangers, web)
        for name, check in vars(module).items()
        if getattr(check, "__module__", "") == module.__name__ and not name.startswith("_")
    }
    everyday = django_checks.registry.registry.registered_checks
    deployed = django_checks.registry.registry.deployment_checks
    assert ours == {one for one in everyday | deployed if one in ours}
    assert len(ours) == 13
