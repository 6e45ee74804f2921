"""
What a text may say besides, where digits and signs stand for letters in it: "сп4м", "$hit".

A digit stands for several letters, 3 for "e" and for "з", so what is written with them is read in
up to eight ways. Anybody can write a text that is nothing but such words, and reading all of it so
would take many times as long as reading prose. So there is a budget for a text, not for a word:
EXTRA characters, for all readings of all its parts together. The first parts are read in all ways,
those for which nothing is left only as they are written. A cap on the whole text would be cheaper,
but what comes after it could say anything; this way nothing written plainly is ever overlooked.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import NamedTuple

from moderation.letters import WORD

# Characters that are read in addition, enough for some hundred disguised words.
EXTRA = 4096
# Letters apart from each other have at most so much between two of them.
MOST_BETWEEN = 3
# What stands for letters: signs, and in each reading of a text the letter for each of them.
STANDS_FOR = (
    ("05678@9", ("osбtbag",)),
    ("1!|", ("iii", "lll")),
    ("34", ("ea", "зч")),
    ("$", ("s", "c")),
)
SIGNS = frozenset("".join([signs for signs, _ in STANDS_FOR]))
# Letters one by one, "с.п.4.м", or a word: "сп4м", "$hit".
_ONE = r"(?:[^\W_]|[@$!|])"
SPELLED = re.compile(
    rf"(?<!{_ONE}){_ONE}(?:(?:_|[^\w@$!|]){{1,{MOST_BETWEEN}}}{_ONE}(?!{_ONE})){{2,}}+|{_ONE}++"
)
# An exclamation mark after a word is none of them.
DISGUISED = re.compile(r"[\d@$]|[!|](?=[^\W_]|[@$])")
LETTER = re.compile(r"[^\W\d_]")

Span = tuple[int, int]


class Piece(NamedTuple):
    """A part of a text as it is read, and where it begins."""

    start: int
    text: str


@dataclass
class _Window:
    """The first and the last word of a part that is read on its own, and its disguised parts."""

    first: int
    last: int
    places: list[Span]


class _Words:
    """Where the words of a text begin and end."""

    def __init__(self, text: str) -> None:
        spans = [match.span() for match in WORD.finditer(text)]
        self.starts, self.ends = [start for start, _ in spans], [end for _, end in spans]

    def __len__(self) -> int:
        return len(self.starts)

    def together(self, number: int) -> bool:
        """Whether a word and the one before it are letters of a word that is spelled."""
        return (
            0 < number < len(self)
            and self.ends[number - 1] - self.starts[number - 1] == 1
            and self.ends[number] - self.starts[number] == 1
            and self.starts[number] - self.ends[number - 1] <= MOST_BETWEEN
        )


def readings(folded: str, *, around: int = 0) -> Iterator[list[Piece]]:
    """
    The other readings of a folded text: of each only the parts that are read otherwise, with so
    many words `around` them. There are eight at most, and for most texts none.
    """
    if not DISGUISED.search(folded) or not (places := _places(folded)):
        return
    words = _Words(folded)
    found: list[list[Piece]] = []
    left = EXTRA
    for window in _windows(words, places, around):
        start = min(words.starts[window.first], window.places[0][0])
        end = max(words.ends[window.last], window.places[-1][1])
        signs = {sign for first, last in window.places for sign in folded[first:last]}
        tables = _tables(SIGNS & signs)
        if (most := left // len(tables)) < end - start:
            # As many whole words as there is something left for.
            fit = bisect_right(words.ends, start + most)
            if fit <= window.first:
                continue
            end = words.ends[fit - 1]
        left -= len(tables) * (end - start)
        found += [[] for _ in range(len(tables) - len(found))]
        for reading, table in zip(found, tables, strict=False):
            reading.append(Piece(start, _read(folded, start, end, window.places, table)))
    yield from found


def _places(folded: str) -> list[Span]:
    """Where letters and what stands for letters are together."""
    places = [
        (match.start(), match.end() - len(match[0]) + len(match[0].rstrip("!|")))
        for match in SPELLED.finditer(folded)
    ]
    return [
        (start, end)
        for start, end in places
        if LETTER.search(folded, start, end) and DISGUISED.search(folded, start, end)
    ]


def _windows(words: _Words, places: Sequence[Span], around: int) -> Iterator[_Window]:
    """In the order of the text; there is at least a word between two of them."""
    window: _Window | None = None
    for place in places:
        first = max(bisect_right(words.ends, place[0]) - around, 0)
        last = min(bisect_left(words.starts, place[1]) - 1 + around, len(words) - 1)
        read = window.last if window else -1
        # Some of the letters of a word that is spelled would be another word.
        while first > read and words.together(first):
            first -= 1
        last = max(last, read)
        while words.together(last + 1):
            last += 1
        if window and first <= read + 1:
            window.last = last
            window.places.append(place)
            continue
        if window:
            yield window
        window = _Window(first, last, [place])
    if window:
        yield window


@cache
def _tables(signs: frozenset[str]) -> list[dict[int, int]]:
    present = [(those, choices) for those, choices in STANDS_FOR if not signs.isdisjoint(those)]
    stand = "".join([those for those, _ in present])
    chosen = product(*[choices for _, choices in present])
    return [str.maketrans(stand, "".join(letters)) for letters in chosen]


def _read(folded: str, start: int, end: int, places: list[Span], table: dict[int, int]) -> str:
    parts: list[str] = []
    last = start
    for first, final in places:
        if first >= end:
            break
        final = min(final, end)
        parts += folded[last:first], folded[first:final].translate(table)
        last = final
    return "".join([*parts, folded[last:end]])
