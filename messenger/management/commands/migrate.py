"""Django's `migrate`, one process at a time: several may start at once on an empty database."""

from typing import Any

from django.core.management.commands import migrate

from messenger.locks import one_at_a_time


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> Any:
        with one_at_a_time("migrate"):
            return super().handle(*args, **options)
