"""
What all tests share: a real database with real commits, the cast, and sockets.

Tests are not wrapped in transactions: what is promised is what is committed, events go out at the
commit, and the server's threads have connections of their own. After each test its rows go.
"""

import asyncio
import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.apps import apps
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.test.utils import setup_databases, teardown_databases
from django.utils import translation

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat
from messenger.realtime import doorbell, limits
from moderation import rules
from presence import store as stores
from tests import contracts
from tests.faults.services import Missing, Redis
from tests.people import make_user

KEPT = {
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "auth_group",
    "auth_group_permissions",
}


def pytest_pyfunc_call(pyfuncitem: Any) -> bool | None:
    """Run `async def` tests, with a hub that ends with the test."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}

    async def run() -> None:
        try:
            async with asyncio.timeout(60):
                await pyfuncitem.obj(**arguments)
        finally:
            if doorbell.hub is not None:
                await doorbell.hub.stop()

    asyncio.run(run())
    return True


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_blocker: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    """A database of the tests' own, for all of them: pytest-django's goes by markers."""
    if connection.vendor == "sqlite":
        # In a file: threads and server processes open it too. Nothing need outlive a power cut.
        name = tmp_path_factory.mktemp("database") / "test.sqlite3"
        connection.settings_dict["TEST"]["NAME"] = str(name)
        fast = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
        connection.settings_dict["OPTIONS"]["init_command"] = fast
    else:
        connection.settings_dict["TEST"]["NAME"] = f"test_messenger_{os.getpid()}"
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                own = connection.ops.quote_name(str(connection.settings_dict["NAME"]))
                cursor.execute(f"ALTER DATABASE {own} SET synchronous_commit TO off")
            connection.close()
        yield
        if connection.vendor == "postgresql":
            # The threads of the pools keep their connections, and would keep the database.
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        connection.close()
        teardown_databases(made, verbosity=0)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Hashing is slow on purpose. `tests/accounts/test_hashers.py` looks at the real one."""
    before = settings.PASSWORD_HASHERS
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *before]
    yield
    settings.PASSWORD_HASHERS = before


@pytest.fixture(scope="session", autouse=True)
def quick_clients() -> None:
    """A test client loads the middleware anew, and would look through all static files for it."""
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(scope="session", autouse=True)
def documented() -> Iterator[None]:
    """What any test is told over REST is held against what `/docs` says of it."""
    plain = Client.generic

    def generic(
        self: Client, method: str, path: Any, data: Any = "", *args: Any, **more: Any
    ) -> Any:
        named = {name.lower() for name in more.get("headers") or ()}
        if not {"accept-language"} & named and "HTTP_ACCEPT_LANGUAGE" not in self.defaults:
            more["headers"] = {**(more.get("headers") or {}), "Accept-Language": "en"}
        # As a server's threads: the language of a request ends with it.
        with translation.override("en"):
            response: Any = plain(self, method, path, data, *args, **more)
        asked = response.request
        contracts.rest().check(
            asked["REQUEST_METHOD"],
            asked["PATH_INFO"],
            response.status_code,
            response.headers,
            b"" if response.streaming else response.content,
            data if isinstance(data, bytes) else str(data).encode(errors="surrogatepass"),
        )
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "generic", generic)
        yield


@pytest.fixture(scope="session")
def cleaner() -> redis.Redis | None:
    """For emptying Redis after each test, over one connection."""
    return redis.Redis.from_url(settings.REDIS_URL) if settings.REDIS_URL else None


@pytest.fixture(autouse=True)
def database(
    django_db_setup: None, django_db_blocker: Any, cleaner: redis.Redis | None
) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield
        # A server may still be at what the test asked of it, and PostgreSQL gives up one of two who
        # wait for each other.
        for last in (False, False, True):
            try:
                _empty()
                break
            except OperationalError:
                if last:
                    raise
    limits.counter = limits.Counter(settings.REDIS_URL)
    stores.store = stores.make_store()
    rules.screen.forget()
    if cleaner is not None:
        for key in cleaner.scan_iter(f"{settings.REDIS_PREFIX}:*", count=1000):
            cleaner.delete(key)


def _empty() -> None:
    tables = [
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and model._meta.db_table not in KEPT
    ]
    assert "test" in str(connection.settings_dict["NAME"])
    # Everything goes: nobody need look, for each row, whether another one points to it.
    if connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("; ".join(f'DELETE FROM "{table}"' for table in tables))
    else:
        with (
            connection.constraint_checks_disabled(),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            for table in tables:
                cursor.execute(f'DELETE FROM "{table}"')


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """
    Tests read English, and so do their clients unless they say otherwise. That Russian is what goes
    where nobody says anything is in `tests/project/test_translations.py`.
    """
    with translation.override("en", deactivate=True):
        yield


@pytest.fixture
def unlimited(settings: Any) -> None:
    """For where it is what comes that matters, and not how much of it."""
    settings.RATE_LIMITS = False


@pytest.fixture
def alice() -> User:
    """Owns the group."""
    return make_user("alice")


@pytest.fixture
def bob() -> User:
    """Is a member of the group."""
    return make_user("bob")


@pytest.fixture
def charlie() -> User:
    """Is in no chat, and must see nothing."""
    return make_user("charlie")


@pytest.fixture
def group(alice: User, bob: User) -> Chat:
    """Alice's closed group, with Bob in it."""
    return create_chat(alice, kind="group", name="Group", members=[bob])


@pytest.fixture
def api() -> Client:
    return Client()


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(settings.BASE_DIR)


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis that a test may kill and freeze."""
    try:
        found = Redis()
    except Missing as missing:
        pytest.skip(str(missing))
    try:
        found.start()
        yield found
    finally:
        found.thaw()
        found.close()
