"""What a client of one protocol does, a client of any other sees at once."""

import pytest

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat
from messaging import events as messaging
from messaging.models import Message
from messaging.services import send_message
from messenger.events import Event
from messenger.protocols import protocols
from messenger.realtime.threads import in_db
from presence import events as presence
from tests.protocols.clients import SPEAKERS, rest

each_here = pytest.mark.parametrize("here", SPEAKERS)
each_there = pytest.mark.parametrize("there", SPEAKERS)

# Who has words for what; anybody else must stay silent.
HEARS: dict[type[Event], set[str]] = {
    messaging.MessageSent: {"nodus", "miniapp", "messenger_api", "chatroulette"},
    messaging.MessageEdited: {"nodus", "miniapp", "messenger_api", "chatroulette"},
    messaging.MessageDeleted: {"nodus", "miniapp", "messenger_api", "chatroulette"},
    # The mini-app once, when nobody is left who has not read it.
    messaging.MessageRead: {"nodus", "miniapp", "chatroulette"},
    messaging.ReactionAdded: {"nodus", "chatroulette"},
    messaging.ReactionRemoved: {"nodus", "chatroulette"},
    presence.Typing: {"nodus", "messenger_api", "chatroulette"},
}


def able(name: str) -> pytest.MarkDecorator:
    """For each protocol that has a means for it."""
    found = [here for here, speaker in SPEAKERS.items() if getattr(speaker, name) is not None]
    return pytest.mark.parametrize("here", found)


def test_every_protocol_is_in_the_table() -> None:
    assert set(SPEAKERS) == {protocol.name for protocol in protocols()}


def test_who_has_words_for_what_is_as_the_table_says() -> None:
    for event, names in HEARS.items():
        having = {protocol.name for protocol in protocols() if event in protocol.renderers}
        assert having == names, event


def test_who_can_do_what_is_as_it_is_known() -> None:
    def those(name: str) -> set[str]:
        return {here for here, speaker in SPEAKERS.items() if getattr(speaker, name) is not None}

    assert those("send") == set(SPEAKERS)
    assert those("edit") == {"messenger_api", "chatroulette"}
    assert those("delete") == {"nodus", "messenger_api", "chatroulette"}
    assert those("read") == {"nodus", "miniapp", "chatroulette"}
    assert those("like") == those("unlike") == {"nodus", "chatroulette"}
    assert those("type") == {"nodus", "messenger_api", "chatroulette"}


@each_here
@each_there
async def test_what_is_said_here_is_heard_there(
    alice: User, bob: User, group: Chat, here: str, there: str
) -> None:
    speaker, listener = SPEAKERS[here], SPEAKERS[there]
    async with speaker.open(alice, group) as a, listener.open(bob, group) as b:
        for number in range(3):
            id = await speaker.send(alice, a, group, f"Привет {number} 👋🏽", f"{number}")
            assert await listener.hear(b) == ("sent", group.id, id, f"Привет {number} 👋🏽")
        assert await b.silent()


@able("edit")
@each_there
async def test_an_edit_here_is_heard_there(
    alice: User, bob: User, group: Chat, here: str, there: str
) -> None:
    speaker, listener = SPEAKERS[here], SPEAKERS[there]
    assert speaker.edit is not None
    async with speaker.open(alice, group) as a, listener.open(bob, group) as b:
        id = await speaker.send(alice, a, group, "x", "1")
        await b.get()
        await speaker.edit(alice, a, id, "y")
        assert await listener.hear(b) == ("edited", group.id, id, "y")
        assert await b.silent()


@able("delete")
@each_there
async def test_a_deletion_here_is_heard_there(
    alice: User, bob: User, group: Chat, here: str, there: str
) -> None:
    speaker, listener = SPEAKERS[here], SPEAKERS[there]
    assert speaker.delete is not None
    async with speaker.open(alice, group) as a, listener.open(bob, group) as b:
        id = await speaker.send(alice, a, group, "x", "1")
        await b.get()
        await speaker.delete(alice, a, id)
        assert await listener.hear(b) == ("deleted", group.id, id)
        assert await b.silent()


@able("read")
@each_there
async def test_a_reading_here_is_heard_there(
    alice: User, bob: User, charlie: User, here: str, there: str
) -> None:
    speaker, listener = SPEAKERS[here], SPEAKERS[there]
    assert speaker.read is not None
    people = [bob, charlie]
    chat = await in_db(lambda: create_chat(alice, kind="group", name="3", members=people))
    id = (await in_db(lambda: send_message(alice, chat=chat.id, content="x"))).message.id
    async with listener.open(alice, chat) as a:
        for reader in people:
            async with speaker.open(reader, chat) as own:
                await speaker.read(reader, own, id)
                await speaker.read(reader, own, id)
            last = reader == charlie
            if there in HEARS[messaging.MessageRead] and (last or there != "miniapp"):
                assert await listener.hear(a) == ("read", chat.id, id, reader.id)
            assert await a.silent()


@able("like")
@each_there
async def test_a_like_here_is_heard_there(
    alice: User, bob: User, group: Chat, here: str, there: str
) -> None:
    speaker, listener = SPEAKERS[here], SPEAKERS[there]
    assert speaker.like is not None and speaker.unlike is not None
    id = (await in_db(lambda: send_message(alice, chat=group.id, content="x"))).message.id
    async with speaker.open(bob, group) as b, listener.open(alice, group) as a:
        for kind, act, event in (
            ("liked", speaker.like, messaging.ReactionAdded),
            ("unliked", speaker.unlike, messaging.ReactionRemoved),
        ):
            await act(bob, b, id)
            if there in HEARS[event]:
                *what, who = await listener.hear(a)
                assert what == [kind, group.id, id]
                assert who == (None if (kind, there) == ("unliked", "chatroulette") else bob.id)
            assert await a.silent()


@able("type")
@each_there
async def test_typing_here_is_heard_there(
    alice: User, bob: User, group: Chat, here: str, there: str
) -> None:
    speaker, listener = SPEAKERS[here], SPEAKERS[there]
    assert speaker.type is not None
    async with speaker.open(bob, group) as b, listener.open(alice, group) as a:
        for is_typing in (True, False):
            await speaker.type(bob, b, group, is_typing)
            if there in HEARS[presence.Typing]:
                assert await listener.hear(a) == ("typing", group.id, bob.id, is_typing)
            assert await a.silent()


@each_here
@each_there
async def test_a_message_sent_again_over_another_protocol_is_stored_once(
    alice: User, bob: User, group: Chat, here: str, there: str
) -> None:
    first, second = SPEAKERS[here], SPEAKERS[there]
    async with first.open(alice, group) as one, second.open(alice, group) as other:
        id = await first.send(alice, one, group, "x", "the same")
        # Its own other socket hears of it first.
        assert await second.hear(other) == ("sent", group.id, id, "x")
        assert await second.send(alice, other, group, "x", "the same") == id
        assert await in_db(Message.objects.count) == 1


async def test_what_is_read_over_one_is_read_in_all(alice: User, bob: User, group: Chat) -> None:
    miniapp = SPEAKERS["miniapp"]
    async with miniapp.open(alice, group) as a, miniapp.open(bob, group) as b:
        id = await miniapp.send(alice, a, group, "x", "1")
        await b.get()
        [chat] = await rest(bob, "GET", "/chats/")
        assert (chat["unread_count"], chat["last_message"]["id"]) == (1, id)
        await b.ask({"action": "message_read", "message_id": id}, action="message_read")
        [chat] = await rest(bob, "GET", "/chats/")
        assert chat["unread_count"] == 0


async def test_a_group_made_over_rest_appears_in_the_mini_app(alice: User, bob: User) -> None:
    miniapp = SPEAKERS["miniapp"]
    nowhere = Chat()
    async with miniapp.open(bob, nowhere) as b:
        body = {"name": "Общий чат", "is_group": True}
        made = await rest(alice, "POST", "/chats/create", body)
        assert await b.silent()
        await rest(bob, "POST", f"/chats/{made['id']}/join")
        data = (await b.get(action="chat_created"))["data"]
        assert (data["id"], data["name"]) == (made["id"], "Общий чат")
        assert data["user_ids"] == [str(alice.uuid), str(bob.uuid)]
