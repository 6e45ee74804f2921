"""
The form in which texts and rules are compared: what looks the same is the same.

`plain` is one case, without marks and without what nobody sees; `fold` is also one alphabet, since
"сука" is easily written "cyka". The price: a Russian rule finds an English word that looks like it.
A digit may stand for letters, too: see `moderation.readings`.

All of it is character by character, so what was found can be shown as it was written.
"""

import re
import unicodedata

# Of one character that stands for many, such as a whole phrase in Arabic, nothing is made.
MAX_PIECE = 4
# Characters whose pieces are remembered.
MAX_REMEMBERED = 20_000
BREVE = "\u0306"
# Marks that go onto any letter. Those of one script, the vowels of Hindi, are letters of theirs.
MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
    "\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
# Letters that are not to be seen.
BLANK = "\u115f\u1160\u3164\uffa0"
# After `plain`: each with the Latin letter that it looks like.
LOOKALIKES = str.maketrans(
    # Cyrillic
    "авекмнорстухіѕјһԁԛԝӏүє"
    # Greek
    "αβεζηικμνορςτυχω"
    # Latin
    "ıłøđħŧɑɡɩᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ",
    "abekmhopctyxisjhdqwlyeabezhikmvopctyxwilodhtagiabcdefghijklmnoprstuvwyz",
)
# A word; to Python digits are letters.
WORD = re.compile(r"[^\W_]+")


class _Pieces(dict[int, str]):
    """For `str.translate`: by code point, what becomes of the character."""

    def __missing__(self, code: int) -> str:
        piece = _piece(chr(code))
        if len(self) < MAX_REMEMBERED:
            self[code] = piece
        return piece


def _piece(character: str) -> str:
    if _unseen(character):
        return ""
    before, piece = "", character
    # Rarely more than twice: a capital of a ligature.
    while piece != before:
        before = piece
        split = unicodedata.normalize("NFKD", piece.casefold())
        # й is a letter of its own, ё is not.
        piece = MARKS.sub("", split.replace("и" + BREVE, "й"))
    return piece if len(piece) <= MAX_PIECE else character


def _unseen(character: str) -> bool:
    category = unicodedata.category(character)
    if category == "Cc":
        return not character.isspace()
    return category == "Cf" or character in BLANK or MARKS.match(character) is not None


_pieces = _Pieces()


def plain(text: str) -> str:
    """In one case, without marks and without what nobody sees."""
    if BREVE in text:
        text = text.replace("и" + BREVE, "й").replace("И" + BREVE, "й")
    return text.translate(_pieces)


def fold(text: str) -> str:
    """As `plain`, in one alphabet."""
    return plain(text).translate(LOOKALIKES)


def positions(text: str) -> list[int]:
    """For each character of `plain(text)` the place in the text that it comes from."""
    found: list[int] = []
    for place, character in enumerate(text):
        found += [place] * len(_pieces[ord(character)])
    return found


def written(text: str, places: list[int], start: int, end: int) -> str:
    """What stands in the text for `plain(text)[start:end]`; `places` are its positions."""
    if start >= end:
        return ""
    first, last = places[start], places[end - 1] + 1
    while last < len(text) and unicodedata.combining(text[last]):
        last += 1
    return text[first:last]
