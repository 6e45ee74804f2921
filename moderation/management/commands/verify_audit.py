"""`manage.py verify_audit`: whether the audit log is as it was written."""

import re
import time
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from moderation.audit import verify


def noted(text: str) -> tuple[int, str]:
    match = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{64})", text.strip())
    if match is None:
        raise ArgumentTypeError("say NUMBER:HASH, as this command printed it")
    return int(match[1]), match[2]


class Command(BaseCommand):
    help = (
        "Go through the audit log: whether an entry was changed, left out or put in. Note the last"
        " one somewhere else, on paper or in another machine's files: who can write to the"
        " database could write the whole log anew, and it would be sound in itself. With --expect"
        " and what was noted, it is seen that the entry of then is still the same, and with it all"
        " before it. (Each entry's number and hash are in the server's own log as well.)"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--expect",
            type=noted,
            metavar="NUMBER:HASH",
            help="an entry that was noted earlier, which must still have this hash",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        shown = time.monotonic()

        def looked_at(number: int) -> None:
            nonlocal shown
            if time.monotonic() - shown > 1:
                shown = time.monotonic()
                self.stderr.write(f"{number} entries")

        found = verify(options["expect"], looked_at)
        if found.wrong is not None:
            raise CommandError(found.wrong)
        last = f"{found.number}:{found.hash}"
        self.stdout.write(f"{found.number} entries, all sound. The last one: {last}")
