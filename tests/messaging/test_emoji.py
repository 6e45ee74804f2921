"""A reaction is one emoji, as Unicode has it."""

import pytest
from emoji import EMOJI_DATA, STATUS

from accounts.models import User
from chats.models import Chat
from messaging import services
from messaging.emoji import qualified
from messaging.models import Reaction
from messaging.services import add_reaction, remove_reaction, send_message
from messenger.errors import Forbidden, Invalid

ONE = ["👍", "👍🏽", "❤️", "👨‍👩‍👧", "🏳️‍🌈", "🇷🇺", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "#️⃣", "👁️‍🗨️", "☕", "©️", "🫨"]
NONE = [
    "",
    "a",
    "1",
    "#",
    "👍👍",
    "👍 ",
    " 👍",
    "🏽",
    "🇷",
    "❤\ufe0e",
    "<b>",
    "\x00",
    "👍" * 500,
    "\ud83d",
]


@pytest.mark.parametrize("text", ONE)
def test_one_emoji_is_one(text: str) -> None:
    assert qualified(text) == text
    # As some keyboards send it.
    assert qualified(text.replace("\ufe0f", "")) == text


@pytest.mark.parametrize("text", NONE, ids=ascii)
def test_anything_else_is_none(text: str) -> None:
    assert qualified(text) is None


def test_every_emoji_that_unicode_lists_is_one_but_for_the_bare_tones() -> None:
    refused = {text for text in EMOJI_DATA if qualified(text) is None}
    assert refused == {t for t, f in EMOJI_DATA.items() if f["status"] == STATUS["component"]}


def test_forms_of_one_emoji_are_one_reaction(alice: User, group: Chat) -> None:
    id = send_message(alice, chat=group.id, content="x").message.id
    first, created = add_reaction(alice, message=id, emoji="❤")
    again, created_again = add_reaction(alice, message=id, emoji="❤️")
    assert (first.emoji, created, again, created_again) == ("❤️", True, first, False)
    assert remove_reaction(alice, message=id, emoji="❤")
    assert not remove_reaction(alice, message=id, emoji="❤️")
    assert not remove_reaction(alice, message=id, emoji="no emoji")


def test_what_is_no_emoji_is_refused(alice: User, group: Chat) -> None:
    id = send_message(alice, chat=group.id, content="x").message.id
    for text in NONE:
        with pytest.raises(Invalid):
            add_reaction(alice, message=id, emoji=text)
    assert not Reaction.objects.exists()


def test_a_message_carries_only_so_many_different_emoji(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MAX_EMOJI", 3)
    id = send_message(alice, chat=group.id, content="x").message.id
    for text in ONE[:3]:
        add_reaction(alice, message=id, emoji=text)
    with pytest.raises(Forbidden):
        add_reaction(alice, message=id, emoji=ONE[3])
    assert add_reaction(bob, message=id, emoji=ONE[0])[1]
