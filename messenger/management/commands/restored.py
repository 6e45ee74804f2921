"""`manage.py restored`: once after an older backup was restored, before the server starts."""

from typing import Any

from django.core.management.base import BaseCommand

from chats import log


class Command(BaseCommand):
    help = (
        "To be run once after a backup was restored, while no server runs: clients that have seen"
        " more than is in it load their chats anew, whenever they come back."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{log.outrun()} chats will be loaded anew by who comes back.")
