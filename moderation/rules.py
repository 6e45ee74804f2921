"""
The rules of words and links: what is asked for every text that is sent, and how rules are changed.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError, InterfaceError, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from messenger.errors import Conflict, Invalid, NotFound
from messenger.screening import MODES, Flagged, Held, Known, Mode, Verdict
from messenger.texts import Sentence, at_most, one_of
from moderation import reports, waiting
from moderation.audit import record
from moderation.matching import Matcher, lines_of, problems
from moderation.models import Rule
from moderation.powers import must

logger = logging.getLogger(__name__)

# Seconds until a change of the rules is seen by all processes.
KEPT = 1.0
MAX_NAME, MAX_PATTERNS = 100, 20_000


@dataclass(frozen=True)
class _Rules:
    """The rules as they were read: which ones, what each does, and all of them compiled."""

    version: tuple[tuple[int, datetime], ...]
    effects: dict[int, tuple[Mode, bool]]
    matcher: Matcher


class RuleScreen:
    """
    What `messenger.screening` asks: the rules that are switched on, as of a second ago at most.
    Where they can't be read, those of before.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looking = threading.Lock()
        self._looked_at: float | None = None
        self._rules = _Rules((), {}, Matcher([]))

    def judge(self, text: str) -> Sequence[Verdict]:
        """The rules that a text goes against. Many threads may ask at once."""
        # One thread looks. The others go by what was there before, unless nobody ever looked.
        if not self._fresh() and self._looking.acquire(blocking=self._looked_at is None):
            try:
                if not self._fresh():
                    self._look()
            finally:
                self._looking.release()
        rules = self._rules
        verdicts = []
        for rule_id, matched in rules.matcher.find(text):
            mode, in_private = rules.effects[rule_id]
            verdicts.append(Verdict(mode, rule_id, matched, in_private))
        return verdicts

    def flagged(self, messages: Sequence[Flagged]) -> None:
        reports.flag(
            [
                reports.Match(
                    one.message_id,
                    one.author_id,
                    one.chat_id,
                    one.verdict.rule_id,
                    one.verdict.matched,
                )
                for one in messages
            ]
        )

    def hold(self, messages: Sequence[Held]) -> None:
        waiting.hold(messages)

    def known(self, digests: Sequence[UUID]) -> dict[UUID, Known]:
        return waiting.known(digests)

    def waiting(self, author_ids: Collection[int]) -> dict[int, int]:
        return waiting.count(author_ids)

    def forget(self) -> None:
        """Look at the rules anew for the next text."""
        self._looked_at = None

    def _fresh(self) -> bool:
        looked_at = self._looked_at
        return looked_at is not None and self._clock() - looked_at < KEPT

    def _look(self) -> None:
        now = self._clock()
        try:
            active = Rule.objects.filter(is_on=True).order_by("id")
            if tuple(active.values_list("id", "changed_at")) != self._rules.version:
                self._rules = _compiled(list(active))
        except (DatabaseError, InterfaceError) as error:
            # Sending will find out for itself whether the database is there.
            logger.warning("The rules could not be read: %s", error)
            now = self._clock()
        except Exception:
            logger.exception("The rules could not be read")
        self._looked_at = now


def _compiled(rules: Sequence[Rule]) -> _Rules:
    modes: dict[str, Mode] = {mode: mode for mode in MODES}
    return _Rules(
        version=tuple((rule.id, rule.changed_at) for rule in rules),
        effects={rule.id: (modes[rule.mode], rule.in_private) for rule in rules},
        matcher=Matcher((rule.id, rule.kind, rule.patterns) for rule in rules),
    )


screen = RuleScreen()


def save_rule(
    moderator: User,
    rule: Rule | None = None,
    *,
    name: str,
    kind: str,
    patterns: str,
    mode: str,
    in_private: bool = False,
) -> Rule:
    """
    Make a rule, which is switched off at first, or change one, which stays as it is. Forbidden
    without the permission, Invalid with a sentence for each field, NotFound for one that is gone.
    """
    must(moderator, "moderation.add_rule" if rule is None else "moderation.change_rule")
    name = name.strip()
    if errors := _errors(name=name, kind=kind, patterns=patterns, mode=mode):
        raise Invalid.fields(errors)
    with transaction.atomic():
        found = Rule() if rule is None else _locked(rule)
        found.name, found.kind, found.patterns = name, kind, patterns
        found.mode, found.in_private = mode, in_private
        found.save()
        _note(moderator, "rule.added" if rule is None else "rule.changed", found)
    return found


def switch(moderator: User, rule: Rule, *, on: bool) -> Rule:
    """Let a rule look at messages, or no more. Again: nothing happens. Errors as `save_rule`."""
    must(moderator, "moderation.change_rule")
    with transaction.atomic():
        found = _locked(rule)
        if found.is_on != on:
            found.is_on = on
            found.save()
            _note(moderator, "rule.switched", found)
    return found


def delete_rule(moderator: User, rule: Rule) -> None:
    """
    Delete a rule. The cases that it opened stay. Conflict if it is switched on: other processes may
    still go by it for a second. Errors as `save_rule` otherwise.
    """
    must(moderator, "moderation.delete_rule")
    with transaction.atomic():
        found = _locked(rule)
        if found.is_on:
            raise Conflict(_("Switch it off first."))
        id = found.id
        found.delete()
        found.id = id
        _note(moderator, "rule.deleted", found)


def _locked(rule: Rule) -> Rule:
    found = Rule.objects.select_for_update().filter(id=rule.id).first()
    if found is None:
        raise NotFound
    return found


def _note(moderator: User, action: str, rule: Rule) -> None:
    transaction.on_commit(screen.forget)
    record(
        moderator,
        action,
        rule,
        on=rule.is_on,
        mode=rule.mode,
        kind=rule.kind,
        in_private=rule.in_private,
        patterns=sum(1 for _line in lines_of(rule.patterns)),
    )


def _errors(*, name: str, kind: str, patterns: str, mode: str) -> dict[str, list[Sentence]]:
    errors: dict[str, list[Sentence]] = {}
    if not name or not _is_text(name):
        errors["name"] = [_("say something")]
    elif len(name) > MAX_NAME:
        errors["name"] = [at_most(MAX_NAME)]
    if mode not in Rule.Mode.values:
        errors["mode"] = [one_of(Rule.Mode.values)]
    if kind not in Rule.Kind.values:
        errors["kind"] = [one_of(Rule.Kind.values)]
    elif not _is_text(patterns):
        errors["patterns"] = [_("say it as text")]
    elif len(patterns) > MAX_PATTERNS:
        errors["patterns"] = [at_most(MAX_PATTERNS)]
    elif wrong := problems(kind, patterns):
        errors["patterns"] = wrong
    return errors


def _is_text(text: str) -> bool:
    """Whether PostgreSQL can hold it."""
    return "\x00" not in text and text.encode(errors="replace").decode() == text
