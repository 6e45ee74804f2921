"""Many rows in one statement."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from django.db import connection
from django.db.models import Model


def set_by_id(table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """
    `UPDATE table SET columns = values` for many rows at once, each given as (id, *values). Fifty
    statements of one row each cost PostgreSQL 3 ms, one of fifty rows a tenth of that.
    """
    if not rows:
        return
    settings = ", ".join(
        f"{column} = v.column{number}" for number, column in enumerate(columns, start=2)
    )
    values = ", ".join(["(" + ", ".join(["%s"] * (len(columns) + 1)) + ")"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(
            # Both PostgreSQL and SQLite name the columns of VALUES column1, column2, …
            f"UPDATE {table} SET {settings} FROM (VALUES {values}) AS v"
            f" WHERE {table}.id = v.column1",
            [_adapt(value) for row in rows for value in row],
        )


def insert_many(
    model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> list[int]:
    """
    Insert rows, given as values of `columns`, in their order; their new ids, if the model makes
    them. As `bulk_create`, but on PostgreSQL without a model instance for each row and half a dozen
    calls for each value, which cost more than the insertion.
    """
    if not rows:
        return []
    if connection.vendor != "postgresql":
        made = model._default_manager.bulk_create(
            model(**dict(zip(columns, row, strict=True))) for row in rows
        )
        return [instance.pk for instance in made]
    sql, json_columns = _insertion(model, tuple(columns))
    arrays = [list(column) for column in zip(*rows, strict=True)]
    for number in json_columns:
        arrays[number] = [
            None if value is None else orjson.dumps(value).decode() for value in arrays[number]
        ]
    with connection.cursor() as cursor:
        cursor.execute(sql, arrays)
        return [row[0] for row in cursor.fetchall()] if cursor.description else []


@cache
def _insertion(model: type[Model], columns: tuple[str, ...]) -> tuple[str, list[int]]:
    """The statement, which takes an array for each column, and which columns hold JSON."""
    fields = [model._meta.get_field(column) for column in columns]
    types = [str(field.db_type(connection)).split("(")[0] for field in fields]
    names = ", ".join(f'"{column}"' for column in columns)
    arrays = ", ".join(f"%s::{type}[]" for type in types)
    returning = ' RETURNING "id"' if model._meta.auto_field else ""
    sql = (
        f'INSERT INTO "{model._meta.db_table}" ({names}) SELECT * FROM unnest({arrays}){returning}'
    )
    return sql, [number for number, type in enumerate(types) if type == "jsonb"]


def _adapt(value: Any) -> Any:
    """A time as the column holds it: SQLite keeps it as text."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value
