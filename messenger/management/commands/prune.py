"""`manage.py prune`: forget what is old. Run it daily."""

import time
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from accounts import tickets
from accounts.services import forget_old_logins
from chats import log, mutes
from messenger.locks import one_at_a_time
from messenger.pages import sessions
from moderation import erasure


def days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 36_500:
        raise ArgumentTypeError("say a number of days, from 1 on")
    return int(text)


class Command(BaseCommand):
    help = (
        "Delete what is old: rows of the chats' logs, logins whose tokens have all expired, tickets"
        " that nobody used, sessions of browsers that are over, mutes that have ended, what"
        " moderators saw of cases that were closed $EVIDENCE_DAYS ago; and finish what is left of"
        " people who are being erased. Messages and receipts stay. Who was away for longer than the"
        " log reaches back is told to load their chats anew."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--log-days",
            type=days,
            default=settings.LOG_DAYS,
            help="keep the log of this many days (default: $LOG_DAYS, %(default)s)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only say what would be deleted from the log"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with one_at_a_time("prune"):
            self.prune(timedelta(days=options["log_days"]), dry_run=options["dry_run"])

    def prune(self, kept: timedelta, *, dry_run: bool) -> None:
        before = timezone.now() - kept
        deleted, shown = 0, time.monotonic()
        for chats, done, rows in log.prune(before, dry_run=dry_run):
            deleted += rows
            if time.monotonic() - shown > 1:
                shown = time.monotonic()
                self.stderr.write(f"{done} of {chats} chats, {deleted} rows")
        verb = "would be deleted" if dry_run else "deleted"
        self.stdout.write(f"{deleted} rows of the log {verb}, from before {before:%Y-%m-%d %H:%M}.")
        if not dry_run:
            self.stdout.write(f"{forget_old_logins()} old logins deleted.")
            self.stdout.write(f"{tickets.forget_old()} unused tickets deleted.")
            self.stdout.write(f"{sessions.forget_old()} old sessions deleted.")
            self.stdout.write(f"{mutes.forget_old()} old mutes deleted.")
            closed = timezone.now() - timedelta(days=settings.EVIDENCE_DAYS)
            self.stdout.write(f"{erasure.expire(closed)} pieces of evidence emptied.")
            self.stdout.write(f"{erasure.go_on_erasing(most=None)} people erased to the end.")
            erasure.forget_traces()
