"""
Querysets whose SQL is built once.

Django spends about half a millisecond on building a query of a few joins, every time; on a page of
history that is more than the database takes. A prepared query is written as a queryset, as any
other, and built at its first use; after that only the values change.
"""

from collections.abc import Callable, Hashable
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

# Values that stand for the parameters while the SQL is built, and that nobody else would write.
_INTEGERS = 7_310_000_000_000_000_000
_UUIDS = 0x73100000000000000000000000000000


class Prepared:
    """
    `build` gets a stand-in for each parameter (`int` or `UUID` in `types`) and returns a queryset
    of `values_list`; `rows(*values)` runs it with values of those types.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], *types: type) -> None:
        self._build = build
        self._types = types
        self._sql = ""
        self._places: list[int | None] = []
        self._fixed: list[Any] = []
        self._compiler: Any = None
        self._converters: Any = None

    def rows(self, *values: Any) -> list[tuple[Any, ...]]:
        if not self._sql:
            self._prepare()
        adapted = [_adapt(value) for value in values]
        parameters = [
            fixed if place is None else adapted[place]
            for place, fixed in zip(self._places, self._fixed, strict=True)
        ]
        with connection.cursor() as cursor:
            cursor.execute(self._sql, parameters)
            found = cursor.fetchall()
        if self._converters:
            found = [tuple(row) for row in self._compiler.apply_converters(found, self._converters)]
        return found

    def _prepare(self) -> None:
        marks: list[Any] = [
            UUID(int=_UUIDS + number) if type is UUID else _INTEGERS + number
            for number, type in enumerate(self._types)
        ]
        query = self._build(*marks).query
        compiler = query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        found = {_adapt(mark): number for number, mark in enumerate(marks)}
        self._fixed = list(parameters)
        self._places = [
            found.get(value) if isinstance(value, Hashable) else None for value in parameters
        ]
        missing = set(range(len(marks))) - set(self._places)
        assert not missing, f"parameters that the query does not use: {missing}"
        self._compiler = compiler
        self._converters = compiler.get_converters(
            [column[0] for column in compiler.select[: compiler.col_count]]
        )
        self._sql = sql


def _adapt(value: Any) -> Any:
    """As the column holds it: SQLite keeps a UUID as text."""
    if isinstance(value, UUID) and not connection.features.has_native_uuid_field:
        return value.hex
    return value
