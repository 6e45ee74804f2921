"""Settings: what must be set, what they say when it is wrong, and that none is undocumented."""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from messenger import env

KEY = {"SECRET_KEY": "only-for-tests-" + "0" * 40}
SHOW = """
import json, messenger.settings as s
print(json.dumps({n: repr(v) for n, v in vars(s).items() if n.isupper()}))
"""


def start(variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The settings read by a new process with these variables and no others."""
    return subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=project.BASE_DIR,
        env={"PATH": os.environ["PATH"], **variables},
        text=True,
        capture_output=True,
    )


def read(variables: dict[str, str]) -> dict[str, str]:
    done = start(variables)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


BAD = {
    "Set SECRET_KEY": {},
    "Set SECRET_KEY (or DEBUG=on": {"DEBUG": "off", "SECRET_KEY": "  "},
    "DEBUG is 'maybe': say on or off.": {**KEY, "DEBUG": "maybe"},
    "PROXIES is '-1': say a whole number from 0 to 10.": {**KEY, "PROXIES": "-1"},
    "DB_READERS is '0': say a whole number from 1 to 100.": {**KEY, "DB_READERS": "0"},
    "REFRESH_TOKEN_DAYS is '1.5'": {**KEY, "REFRESH_TOKEN_DAYS": "1.5"},
    "ACCESS_TOKEN_MINUTES is '61'": {**KEY, "ACCESS_TOKEN_MINUTES": "61"},
    "DATABASE_URL starts with 'mysql'": {**KEY, "DATABASE_URL": "mysql://localhost/x"},
    "REDIS_URL starts with 'http'": {**KEY, "REDIS_URL": "http://localhost/0"},
    "REDIS_URL names no master": {**KEY, "REDIS_URL": "redis+sentinel://one:26379/0"},
}


def test_a_bad_value_stops_the_start_with_a_sentence() -> None:
    with ThreadPoolExecutor(4) as threads:
        for sentence, done in zip(BAD, threads.map(start, BAD.values()), strict=True):
            assert done.returncode != 0, sentence
            last = done.stderr.strip().splitlines()[-1]
            assert last.startswith("django.core.exceptions.ImproperlyConfigured: ")
            assert sentence in last


def test_the_example_names_each_variable_with_its_default(root: Path) -> None:
    example = dict(
        line.split("=", 1)
        for line in (root / ".env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert read({**example, **KEY}) == read(KEY)
    serve = (root / "messenger/management/commands/serve.py").read_text()
    defaults = dict(re.findall(r'os\.environ\.get\("(\w+)"\) or "([^"]+)"', serve))
    assert defaults == {name: example[name] for name in ("HOST", "PORT", "SERVER")}


def test_the_example_lists_what_the_code_reads_and_nothing_else(root: Path) -> None:
    listed = re.findall(r"^#? ?([A-Z_]+)=", (root / ".env.example").read_text(), re.MULTILINE)
    used: set[str] = set()
    for folder in ("messenger", "accounts", "chats", "messaging"):
        for path in (root / folder).rglob("*.py"):
            text = path.read_text()
            used |= set(re.findall(r'\benv\.\w+\(\s*"(\w+)"', text))
            used |= set(re.findall(r'environ(?:\.get\(|\[)\s*"(\w+)"', text))
            assert "getenv" not in text
    assert len(listed) == len(set(listed))
    assert set(listed) == used - {"DJANGO_SETTINGS_MODULE"}


def test_keys_and_tokens_are_apart_and_short_lived() -> None:
    found = read(KEY)
    assert len(project.JWT_KEY) >= 32 and project.JWT_KEY != project.SECRET_KEY
    assert found["JWT_KEY"] != read({"SECRET_KEY": "another" * 8})["JWT_KEY"]
    assert read({**KEY, "JWT_KEY": "k" * 40})["JWT_KEY"] == repr("k" * 40)
    assert project.SIMPLE_JWT["ALGORITHM"] == "HS256"
    assert project.ACCESS_TOKEN_LIFE.total_seconds() <= 15 * 60


def test_for_strangers_it_is_closed_unless_opened() -> None:
    found = read(KEY)
    assert found["DEBUG"] == "False" and "*" not in found["ALLOWED_HOSTS"]
    assert found["ALLOWED_ORIGINS"] == "[]" and found["PROXIES"] == "0"
    assert found["RATE_LIMITS"] == "True" and found["SESSION_COOKIE_HTTPONLY"] == "True"
    assert found["DEMO"] == "False" and int(found["SESSION_COOKIE_AGE"]) == 14 * 86_400
    assert read({**KEY, "REFRESH_TOKEN_DAYS": "1"})["SESSION_COOKIE_AGE"] == "86400"
    https = read({**KEY, "HTTPS": "on"})
    assert https["SESSION_COOKIE_SECURE"] == https["CSRF_COOKIE_SECURE"] == "True"
    assert int(https["SECURE_HSTS_SECONDS"]) > 0
    assert https["SECURE_SSL_REDIRECT"] == https["LANGUAGE_COOKIE_SECURE"] == "True"
    assert found["SECURE_SSL_REDIRECT"] == https["SECURE_HSTS_INCLUDE_SUBDOMAINS"] == "False"
    whole = read({**KEY, "HTTPS": "on", "HSTS_SUBDOMAINS": "on"})
    assert whole["SECURE_HSTS_INCLUDE_SUBDOMAINS"] == "True"
    for cookie in ("SESSION", "CSRF", "LANGUAGE"):
        assert https[f"{cookie}_COOKIE_HTTPONLY"] == https[f"{cookie}_COOKIE_SECURE"] == "True"
        assert https[f"{cookie}_COOKIE_SAMESITE"] == "'Lax'"


@pytest.mark.parametrize(
    ("value", "flag"),
    [("on", True), ("TRUE", True), ("1", True), ("Yes", True), (" on ", True), ("", True)]
    + [("off", False), ("False", False), ("0", False), ("no", False)],
)
def test_a_flag_is_said_in_words(monkeypatch: Any, value: str, flag: bool) -> None:
    monkeypatch.setenv("A_FLAG", value)
    assert env.flag("A_FLAG", default=True) is flag


@pytest.mark.parametrize("value", ["x", "-1", "1.0", "1e1", "11", "0x1", "1_0", "1 0"])
def test_a_number_is_digits_within_bounds(monkeypatch: Any, value: str) -> None:
    monkeypatch.setenv("A_NUMBER", value)
    with pytest.raises(ImproperlyConfigured, match="A_NUMBER is"):
        env.number("A_NUMBER", 5, low=0, high=10)


def test_a_list_is_divided_by_commas(monkeypatch: Any) -> None:
    monkeypatch.setenv("A_LIST", " a, ,b,")
    assert env.items("A_LIST") == ["a", "b"]
    assert env.items("ANOTHER_LIST", "x,y") == ["x", "y"]


def test_a_database_is_read_from_its_address() -> None:
    found = env.database("postgres://us%40er:p%2Fw@db.example:6432/na%20me?sslmode=require")
    assert (found["USER"], found["PASSWORD"], found["NAME"]) == ("us@er", "p/w", "na me")
    assert (found["HOST"], found["PORT"]) == ("db.example", "6432")
    assert found["OPTIONS"]["sslmode"] == "require"
    assert "statement_timeout=5000" in found["OPTIONS"]["options"]
    assert env.database("sqlite:////var/x.db")["NAME"] == "/var/x.db"
    assert env.database("sqlite:///x.db")["NAME"] == "x.db"


def test_redis_is_read_from_its_addresses() -> None:
    one, two = "redis://:p@one:6379/0", "rediss://two:6379/1"
    assert env.redis_hosts(f"{one}, {two}") == [{"address": one}, {"address": two}]
    assert env.redis_hosts("redis+sentinel://us%40er:p%2Fw@one,[::1]:26380/chat/3") == [
        {
            "sentinels": [("one", 26379), ("::1", 26380)],
            "master_name": "chat",
            "db": 3,
            "username": "us@er",
            "password": "p/w",
            "sentinel_kwargs": {},
        }
    ]
    (guarded,) = env.redis_hosts("redis+sentinel://one:26379/chat/0?sentinel_password=p%26w")
    assert guarded["sentinel_kwargs"] == {"password": "p&w"} and guarded["password"] is None


@pytest.mark.parametrize(
    "rest", ["", "one", "one/chat", "one/chat/x", "one:x/chat/0", "/chat/0", "one,,two/chat/0"]
)
def test_sentinels_without_a_master_or_a_host_are_refused(rest: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="names no master"):
        env.redis_hosts(f"redis+sentinel://{rest}")


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1", "80.0", ""])
def test_a_port_that_is_none_is_told(port: str) -> None:
    with pytest.raises(CommandError, match="say a number from 1 to 65535"):
        call_command("serve", port=port)


def test_a_server_that_is_none_is_told(monkeypatch: Any) -> None:
    monkeypatch.setenv("SERVER", "apache")
    with pytest.raises(CommandError, match="say daphne or uvicorn"):
        call_command("serve")
