"""
What the patterns of rules mean, and which rules a text goes against. One pattern a line.

Words: a word or a phrase, found as whole words; a `*` at an end stands for any letters, so "спам*"
finds "спамить". Links: a domain, with all below it; `*` for any link; `!` before an exception.
A line with `#` before it is a note. There is nothing else: no expressions that could take long.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from messenger.texts import Sentence, at_most, counted
from moderation import letters
from moderation.letters import WORD
from moderation.links import Links, domain
from moderation.models import Rule
from moderation.phrases import Phrases

MAX_LINES, MAX_LINE = 2000, 100
LEAST_LETTERS = 2
# How much is shown of what was found.
MAX_SHOWN = 100
# Problems that are told at once.
MAX_PROBLEMS = 10
# What may stand between the words of a phrase.
IN_PHRASES = re.compile(r"[\w\s.,'’‑–—-]+")


class Match(NamedTuple):
    """A rule, and what of the text it found, as it is written there."""

    rule_id: int
    matched: str


class Matcher:
    """All rules at once: made once, then asked for every text."""

    def __init__(self, rules: Iterable[tuple[int, str, str]]) -> None:
        """`rules` are the id, the kind and the patterns of each."""
        lines: dict[str, list[tuple[int, str]]] = {kind: [] for kind in Rule.Kind.values}
        for rule_id, kind, patterns in rules:
            lines[kind] += [(rule_id, line) for _number, line in lines_of(patterns)]
        self._phrases = Phrases(lines[Rule.Kind.WORDS])
        self._links = Links(lines[Rule.Kind.LINKS])
        self._empty = not any(lines.values())

    def find(self, text: str) -> list[Match]:
        """The rules that a text goes against, with the first thing that each found."""
        if self._empty:
            return []
        plain = letters.plain(text)
        found = self._phrases.find(plain.translate(letters.LOOKALIKES))
        found |= self._links.find(text, plain)
        if not found:
            return []
        places = letters.positions(text)
        return [
            Match(rule_id, letters.written(text, places, *found[rule_id])[:MAX_SHOWN])
            for rule_id in sorted(found)
        ]


def lines_of(patterns: str) -> Iterator[tuple[int, str]]:
    """The lines that look for something, with their numbers."""
    for number, line in enumerate(patterns.splitlines(), start=1):
        line = line.strip()
        if line and not line.startswith("#"):
            yield number, line


def problems(kind: str, patterns: str) -> list[Sentence]:
    """What is wrong with the patterns of a rule, as sentences with the numbers of the lines."""
    lines = list(lines_of(patterns))
    if not any(not line.startswith("!") for _number, line in lines):
        return [_("say what to look for, one on each line")]
    if len(patterns.splitlines()) > MAX_LINES:
        return [counted("no more than {number} line", "no more than {number} lines", MAX_LINES)]
    wrong: list[Sentence] = []
    for number, line in lines:
        if problem := _problem(kind, line):
            wrong.append(format_lazy(_("line {number}: {problem}"), number=number, problem=problem))
        if len(wrong) == MAX_PROBLEMS:
            break
    return wrong


def _problem(kind: str, line: str) -> Sentence | None:
    if len(line) > MAX_LINE:
        return at_most(MAX_LINE)
    if kind == Rule.Kind.LINKS:
        if line == "*" or domain(line.removeprefix("!")) is not None:
            return None
        return _("a domain and nothing else, such as example.com")
    inner = line.removeprefix("*").removesuffix("*")
    if "*" in inner:
        return _("a * only at the beginning or the end")
    if len("".join(WORD.findall(letters.fold(inner)))) < LEAST_LETTERS:
        return counted("at least {number} letter", "at least {number} letters", LEAST_LETTERS)
    if not IN_PHRASES.fullmatch(inner):
        return _("letters, digits and blanks only: other signs are not looked at")
    return None
