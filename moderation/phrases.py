"""
Looking for words and phrases, however many there are, in one pass over a text (Aho–Corasick).

The words of a text are put in a row, " купи слона ", and so are those of what is looked for; at the
`*` of "спам*" the blank is left out. Letters that stand alone, "с п а м", are one more word.
A letter three times or more stands for one or for several: for comparing, runs are made one letter
and their lengths kept beside.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from moderation import letters
from moderation.letters import WORD
from moderation.readings import MOST_BETWEEN, Piece, Span, readings

RUN = re.compile(r"(.)\1*", re.DOTALL)
DOUBLED = re.compile(r"([^\W_])\1")
# From so many times on a letter stands for itself and for several.
DRAWN_OUT = 3
# Letters that stand alone: at least so many.
LEAST_SPACED = 3
# What is a word though it is one letter: "и с п а м".
LITTLE_WORDS = frozenset(letters.fold("авикосуя") + "aiu")
# Between what was read in one way and in another: no phrase goes across.
BREAK = "\n"


class Word(NamedTuple):
    """A word of a text without its runs, how long those were (None: all one), and where it is."""

    letters: str
    runs: tuple[int, ...] | None
    start: int
    end: int


class Entry(NamedTuple):
    """What is looked for, as it ends in a state of the machine."""

    rule_id: int
    length: int
    runs: tuple[int, ...] | None
    open_start: bool
    open_end: bool


class Phrases:
    """All words and phrases of all rules: `patterns` are pairs of a rule's id and a line of it."""

    def __init__(self, patterns: Iterable[tuple[int, str]]) -> None:
        self._next: list[dict[str, int]] = [{}]
        self._ends: list[list[Entry]] = [[]]
        self._most_words = 1
        for rule_id, line in patterns:
            self._add(rule_id, line)
        self._fallback = self._link()

    def find(self, folded: str) -> dict[int, Span]:
        """By the id of each rule that it goes against, which part of the folded text does."""
        if len(self._next) == 1:
            return {}
        found: dict[int, Span] = {}
        plainly = [Piece(0, folded)]
        for reading in (plainly, *readings(folded, around=self._most_words - 1)):
            words = _words(reading)
            row = f" {' '.join([word.letters for word in words])} "
            for entry, last in self._scan(row, _runs(words), found):
                first = last - entry.length + 1 + (not entry.open_start)
                final = last - (not entry.open_end)
                start = words[row.count(" ", 0, first + 1) - 1].start
                found[entry.rule_id] = start, words[row.count(" ", 0, final + 1) - 1].end
        return found

    def _add(self, rule_id: int, line: str) -> None:
        folded = letters.fold(line)
        open_start, open_end = folded.startswith("*"), folded.endswith("*")
        words = [Word(*_squeezed(word), 0, 0) for word in WORD.findall(folded)]
        if not words:
            return
        self._most_words = max(self._most_words, len(words))
        row = f" {' '.join([word.letters for word in words])} "
        runs = tuple(_runs(words) or ())
        first, last = int(open_start), len(row) - open_end
        state = 0
        for letter in row[first:last]:
            if letter not in self._next[state]:
                self._next[state][letter] = len(self._next)
                self._next.append({})
                self._ends.append([])
            state = self._next[state][letter]
        entry = Entry(rule_id, last - first, runs[first:last] or None, open_start, open_end)
        if entry not in self._ends[state]:
            self._ends[state].append(entry)

    def _link(self) -> list[int]:
        """For each state the one of the longest end of it that is a beginning, too."""
        fallback = [0] * len(self._next)
        waiting = deque(self._next[0].values())
        while waiting:
            state = waiting.popleft()
            for letter, following in self._next[state].items():
                back = fallback[state]
                while back and letter not in self._next[back]:
                    back = fallback[back]
                fallback[following] = back = self._next[back].get(letter, 0)
                self._ends[following] += self._ends[back]
                waiting.append(following)
        return fallback

    def _scan(
        self, row: str, runs: Sequence[int] | None, found: dict[int, Span]
    ) -> Iterator[tuple[Entry, int]]:
        """What of the rules that are not `found` stands in the row, and where it ends."""
        following, fallback, ends, state = self._next, self._fallback, self._ends, 0
        for place, letter in enumerate(row):
            while (step := following[state].get(letter)) is None and state:
                state = fallback[state]
            state = step or 0
            if ends[state]:
                for entry in ends[state]:
                    if entry.rule_id not in found and _same_runs(entry, runs, place):
                        yield entry, place


def _same_runs(entry: Entry, runs: Sequence[int] | None, last: int) -> bool:
    if runs is None:
        return entry.runs is None
    wanted = entry.runs or (1,) * entry.length
    there = runs[last - entry.length + 1 : last + 1]
    for place, (want, have) in enumerate(zip(wanted, there, strict=True)):
        # Where it may go on, the letter may, too.
        opens = (place == 0 and entry.open_start) or (place == len(wanted) - 1 and entry.open_end)
        if want != have and have < DRAWN_OUT and not (opens and have > want):
            return False
    return True


def _words(reading: Sequence[Piece]) -> list[Word]:
    """The words of a text, then those that are there one letter at a time."""
    words: list[Word] = []
    for start, text in reading:
        if words:
            words.append(Word(BREAK, None, 0, 0))
        matches = WORD.finditer(text)
        if DOUBLED.search(text):
            words += [Word(*_squeezed(m[0]), start + m.start(), start + m.end()) for m in matches]
        else:
            words += [Word(m[0], None, start + m.start(), start + m.end()) for m in matches]
    joined = list(words)
    for run in _spaced(words):
        for some in _without_little_words(run):
            said, runs = _squeezed("".join([word.letters for word in some]))
            joined += Word(BREAK, None, 0, 0), Word(said, runs, some[0].start, some[-1].end)
    return joined


def _spaced(words: Sequence[Word]) -> Iterator[list[Word]]:
    """Runs of letters that stand alone; where the gap is wider than elsewhere, also their parts."""
    run: list[Word] = []
    for word in [*words, None]:
        alone = word is not None and word.end - word.start == 1
        if word and alone and (not run or word.start - run[-1].end <= MOST_BETWEEN):
            run.append(word)
            continue
        if len(run) >= LEAST_SPACED:
            yield run
            yield from _parts(run)
        run = [word] if word and alone else []


def _parts(run: list[Word]) -> Iterator[list[Word]]:
    gaps = [after.start - before.end for before, after in zip(run, run[1:], strict=False)]
    if max(gaps) == (least := min(gaps)):
        return
    part = run[:1]
    for gap, word in zip(gaps, run[1:], strict=True):
        if gap > least:
            if len(part) >= LEAST_SPACED:
                yield part
            part = []
        part.append(word)
    if len(part) >= LEAST_SPACED:
        yield part


def _without_little_words(run: list[Word]) -> Iterator[list[Word]]:
    """The run, and what is left of it if its first and its last letter are words themselves."""
    starts = [0, 1] if run[0].letters in LITTLE_WORDS else [0]
    ends = [len(run), len(run) - 1] if run[-1].letters in LITTLE_WORDS else [len(run)]
    for start in starts:
        for end in ends:
            if end - start >= LEAST_SPACED:
                yield run[start:end]


def _squeezed(word: str) -> tuple[str, tuple[int, ...] | None]:
    """The word with one letter for each run, and how long the runs were."""
    if not DOUBLED.search(word):
        return word, None
    lengths = tuple([match.end() - match.start() for match in RUN.finditer(word)])
    return RUN.sub(r"\1", word), lengths


def _runs(words: Sequence[Word]) -> list[int] | None:
    """Of the row that these words make, with its blanks; None if no letter is there twice."""
    if all(word.runs is None for word in words):
        return None
    row = [1]
    for word in words:
        row += word.runs or (1,) * len(word.letters)
        row.append(1)
    return row
