"""What a reaction may be: one emoji as Unicode lists them, in the one form in which it is kept."""

from django.utils.translation import gettext_lazy as _
from emoji import EMOJI_DATA, STATUS

from messenger.errors import Invalid

# Unicode lists an emoji fully qualified, and many of them also with some or all of the characters
# U+FE0F left out, as keyboards send them: "❤" for "❤️". They are the same emoji.
SELECTOR = "\ufe0f"
# The reaction that is a like.
LIKE = "❤️"
_QUALIFIED = {
    text.replace(SELECTOR, ""): text
    for text, facts in EMOJI_DATA.items()
    if facts["status"] == STATUS["fully_qualified"]
}


def qualified(text: str) -> str | None:
    """
    The fully qualified form of one emoji: a flag, a keycap, a family, with or without the tone of a
    skin. None for anything else, also for two of them or for a tone alone.
    """
    return _QUALIFIED.get(text.replace(SELECTOR, ""))


def check(text: str) -> str:
    """The same. Invalid for anything else."""
    found = qualified(text)
    if found is None:
        raise Invalid.field("emoji", _("say one emoji"))
    return found
