"""The services that the benchmark needs: PostgreSQL and Redis.

The environment's DATABASE_URL and REDIS_URL say where they are. In PostgreSQL
only databases named `messenger_bench_*` are created, and dropped at the end.
"""

import os
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql

DEFAULT_DATABASE_URL = "postgres://postgres@127.0.0.1:5432/postgres"
DEFAULT_REDIS_URL = "redis://127.0.0.1:6379/5"
PREFIX = "messenger_bench_"


class ServicesMissing(Exception):
    """PostgreSQL or Redis can't be used; the text tells the user what to do."""


def _hide_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")))


class Services:
    """Where PostgreSQL and Redis are; creates and drops the benchmark's databases."""

    def __init__(self) -> None:
        self.admin_url = os.environ.get("DATABASE_URL") or DEFAULT_DATABASE_URL
        self.redis_url = os.environ.get("REDIS_URL") or DEFAULT_REDIS_URL
        self.postgres_version = ""
        self.redis_version = ""
        self._databases: list[str] = []
        self._redis_was_empty = False

    def check(self) -> None:
        """Connect to both; raise `ServicesMissing` with an explanation if one is missing."""
        problems = []
        wanted = _hide_password(self.admin_url)
        if not self.admin_url.startswith(("postgres://", "postgresql://")):
            raise ServicesMissing(
                f"DATABASE_URL must name a PostgreSQL server (postgres://...), not {wanted}"
            )
        try:
            self._check_postgres()
        except psycopg.Error as error:
            problems.append(
                f"PostgreSQL: no usable server at {wanted} ({' '.join(str(error).split())}). "
                "Start one, or point DATABASE_URL at a user "
                "who may create databases."
            )
        try:
            client = self._redis()
            self.redis_version = str(client.info("server")["redis_version"])
            self._redis_was_empty = client.dbsize() == 0
            client.close()
        except (redis.RedisError, ValueError) as error:
            problems.append(
                f"Redis: no usable server at {_hide_password(self.redis_url)} ({error}). "
                "Start one, or point REDIS_URL at it."
            )
        if problems:
            raise ServicesMissing("\n".join(problems))

    def _check_postgres(self) -> None:
        try:
            connection = psycopg.connect(self.admin_url, connect_timeout=5)
        except psycopg.OperationalError:
            # The application's own database may not exist yet: any database will do.
            self.admin_url = urlunsplit(urlsplit(self.admin_url)._replace(path="/postgres"))
            connection = psycopg.connect(self.admin_url, connect_timeout=5)
        with connection:
            version, may_create = connection.execute(
                "SELECT current_setting('server_version'), rolcreatedb OR rolsuper "
                "FROM pg_roles WHERE rolname = current_user"
            ).fetchone() or ("", False)
        self.postgres_version = str(version)
        if not may_create:
            raise psycopg.OperationalError("the user may not create databases")

    def _redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis_url, socket_connect_timeout=5, socket_timeout=10)

    def create_database(self, name: str) -> str:
        """Create the database `messenger_bench_<name>_<pid>`; return its URL."""
        database = f"{PREFIX}{name}_{os.getpid()}"
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        self._databases.append(database)
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{database}"))

    def clean_up(self) -> None:
        """Drop the created databases; empty the Redis database if it was empty before."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            for database in self._databases:
                connection.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
                        sql.Identifier(database)
                    )
                )
        self._databases.clear()
        if self._redis_was_empty:
            client = self._redis()
            client.flushdb()
            client.close()
