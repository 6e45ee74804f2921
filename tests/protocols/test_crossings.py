"""What a client of one protocol does, a client of any other sees at once."""

import pytest

from accounts.models import User
from chats.models import Chat
from messaging.models import Message
from messenger.protocols import protocols
from messenger.realtime.threads import in_db
from tests.protocols.clients import SPEAKERS, rest

each_here = pytest.mark.parametrize("here", SPEAKERS)
each_there = pytest.mark.parametrize("there", SPEAKERS)


def test_every_protocol_is_in_the_table() -> None:
    assert set(SPEAKERS) == {protocol.name for protocol in protocols()}


@each_here
@each_there
async def test_what_is_said_here_is_heard_there(
    alice: User, bob: User, group: Chat, here: str, there: str
) -> None:
    speaker, listener = SPEAKERS[here], SPEAKERS[there]
    async with speaker.open(alice, group) as a, listener.open(bob, group) as b:
        for number in range(3):
            id = await speaker.send(alice, a, group, f"Привет {number} 👋🏽", f"{number}")
            heard = listener.hear(await b.get())
            assert heard == ("sent", group.id, id, f"Привет {number} 👋🏽")
        assert await b.silent()


@pytest.mark.parametrize("here", [name for name, speaker in SPEAKERS.items() if speaker.edit])
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
        assert listener.hear(await b.get()) == ("edited", group.id, id, "y")
        assert await b.silent()


@pytest.mark.parametrize("here", [name for name, speaker in SPEAKERS.items() if speaker.delete])
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
        assert listener.hear(await b.get()) == ("deleted", group.id, id)
        assert await b.silent()


@each_here
@each_there
async def test_a_message_sent_again_over_another_protocol_is_stored_once(
    alice: User, bob: User, group: Chat, here: str, there: str
) -> None:
    first, second = SPEAKERS[here], SPEAKERS[there]
    async with first.open(alice, group) as one, second.open(alice, group) as other:
        id = await first.send(alice, one, group, "x", "the same")
        # Its own other socket hears of it first.
        assert second.hear(await other.get()) == ("sent", group.id, id, "x")
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
