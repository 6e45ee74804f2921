"""`manage.py try_rule`: what a rule would have found, in all messages of the last days."""

import time
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from moderation.models import Rule
from moderation.trial import try_rule

# Seconds between two words of how far it has got.
PAUSE = 1.0


def days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 36_500:
        raise ArgumentTypeError("say a number of days, from 1 on")
    return int(text)


class Command(BaseCommand):
    help = (
        "Try a rule on the messages of the last days, whether it is switched on or not. Nothing"
        " happens to them. Only what matched in groups is shown, not the messages. The audit log"
        " tells of it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("rule", type=int, help="the number of the rule, as the admin shows it")
        parser.add_argument(
            "--days", type=days, default=7, help="how far back to look (default: %(default)s)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        rule = Rule.objects.filter(id=options["rule"]).first()
        if rule is None:
            raise CommandError(f"There is no rule {options['rule']}.")
        self.shown = time.monotonic()
        found = try_rule(None, rule, days=options["days"], most=None, progress=self.progress)
        self.stdout.write(
            f"{rule}: {found.matches} of {found.looked_at} messages since"
            f" {found.since:%Y-%m-%d %H:%M}, of {found.authors} people in {found.chats} chats."
        )
        for day, number in found.by_day:
            self.stdout.write(f"  {day}  {number}")
        for fragment, number in found.fragments:
            # One line for each, whatever it holds.
            self.stdout.write(f"  {number:>6}  {' '.join(fragment.split())}")

    def progress(self, looked_at: int) -> None:
        if time.monotonic() - self.shown > PAUSE:
            self.shown = time.monotonic()
            self.stderr.write(f"{looked_at} messages")
