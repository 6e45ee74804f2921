"""After a disconnect a client says what it has, and gets what it missed: all of it, in order."""

import time
from functools import partial
from typing import Any

import pytest

from accounts.models import User
from chats import log, selectors
from chats.models import Chat, LogEntry
from chats.services import (
    add_member,
    create_chat,
    delete_chat,
    leave_chat,
    remove_member,
    update_chat,
)
from messaging.services import (
    add_reaction,
    delete_message,
    edit_message,
    read_message,
    remove_reaction,
    send_message,
)
from messenger.protocols.chatroulette.socket import chatroulette as chatroulette_protocol
from messenger.protocols.nodus.socket import nodus as nodus_protocol
from messenger.realtime import resume as resuming
from messenger.realtime.socket import Bundle, Frame
from messenger.realtime.threads import in_db
from presence.services import set_typing
from tests.sockets import Socket, connected, nodus

resumed = {"event": "resumed", "request_id": "r"}


async def ask_resume(socket: Socket, **chats: int) -> None:
    frame = {"event": "resume", "data": {"chats": chats}, "request_id": "r"}
    await socket.send(frame)


async def missed(socket: Socket, chats: dict[int, int]) -> tuple[list[Any], Any]:
    """The frames until `resumed`, and its data."""
    await ask_resume(socket, **{str(chat): seq for chat, seq in chats.items()})
    frames = []
    while (frame := await socket.get())["event"] != "resumed":
        frames.append(frame)
    assert frame["request_id"] == "r"
    return frames, frame["data"]


def say(author: User, chat: Chat, *texts: str) -> list[int]:
    return [send_message(author, chat=chat.id, content=text).message.id for text in texts]


def places(frames: list[Any]) -> list[tuple[int, int]]:
    return [(frame["prev_seq"], frame["seq"]) for frame in frames]


async def test_everything_that_was_missed_comes_in_order_and_then_resumed(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    def happen() -> None:
        [first, second] = say(alice, group, "one", "two")
        add_reaction(bob, message=first, emoji="👍")
        remove_reaction(bob, message=first, emoji="👍")
        edit_message(alice, message=first, content="one!")
        read_message(bob, message=first)
        delete_message(alice, message=second)
        add_member(alice, chat=group, user=charlie)
        update_chat(alice, chat=group, name="Renamed")
        leave_chat(charlie, group)

    await in_db(happen)
    async with nodus(bob) as b:
        frames, verdict = await missed(b, {group.id: 1})
        assert [frame["event"] for frame in frames] == [
            "message.created",
            "message.created",
            "reaction.added",
            "reaction.removed",
            "message.updated",
            "message.read",
            "message.deleted",
            "member.joined",
            "chat.updated",
            "member.left",
        ]
        assert places(frames) == [(n, n + 1) for n in range(1, 11)]
        assert {frame["chat_id"] for frame in frames} == {group.id}
        assert verdict == {"chats": {str(group.id): 11}, "new": []}
        assert await b.silent()


async def test_a_deleted_text_does_not_come_back(alice: User, bob: User, group: Chat) -> None:
    def happen() -> None:
        [id] = say(alice, group, "secret")
        delete_message(alice, message=id)

    await in_db(happen)
    async with nodus(bob) as b:
        frames, _ = await missed(b, {group.id: 1})
        assert [frame["data"]["content"] for frame in frames] == [None, None]


async def test_who_missed_nothing_is_told_so(bob: User, group: Chat) -> None:
    async with nodus(bob) as b:
        assert await missed(b, {group.id: 1}) == ([], {"chats": {str(group.id): 1}, "new": []})


async def test_a_chat_may_be_named_by_its_uuid(alice: User, bob: User, group: Chat) -> None:
    await in_db(say, alice, group, "x")
    async with nodus(bob) as b:
        await ask_resume(b, **{str(group.uuid): 1})
        await b.get(event="message.created", seq=2, prev_seq=1)
        assert (await b.get(**resumed))["data"]["chats"] == {str(group.id): 2}


async def test_what_happens_meanwhile_comes_after_resumed(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live frames wait while the missed ones are read from the log, and none comes twice."""
    await in_db(say, alice, group, *(f"{n}" for n in range(5)))
    monkeypatch.setattr(resuming, "PAGE", 2)
    ask_log = selectors.events_after
    later = iter(["while", "you", "read"])

    def slowly(*args: Any, **options: Any) -> Any:
        for text in later:
            say(alice, group, text)
            break
        return ask_log(*args, **options)

    monkeypatch.setattr(selectors, "events_after", slowly)
    async with nodus(bob) as b:
        frames, verdict = await missed(b, {group.id: 1})
        told = places(frames)
        while len(told) < 8:
            told += places([await b.get(event="message.created")])
        assert told == [(n, n + 1) for n in range(1, 9)]
        assert verdict["chats"][str(group.id)] >= 6
        assert await b.silent()


def interrupt(monkeypatch: pytest.MonkeyPatch, happen: Any) -> None:
    """Let this happen just before the log is read for the first time."""
    ask_log = selectors.events_after
    waiting = [happen]

    def slowly(*args: Any, **options: Any) -> Any:
        while waiting:
            waiting.pop()()
        return ask_log(*args, **options)

    monkeypatch.setattr(selectors, "events_after", slowly)


async def test_who_is_removed_while_resuming_hears_that_once_and_nothing_more(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_db(say, alice, group, "missed")

    def happen() -> None:
        say(alice, group, "just in time")
        remove_member(alice, chat=group, user=bob)
        say(alice, group, "behind his back")

    interrupt(monkeypatch, happen)
    async with nodus(bob) as b:
        frames, verdict = await missed(b, {group.id: 1})
        assert [frame["event"] for frame in frames] == [
            "message.created",
            "message.created",
            "member.left",
        ]
        assert verdict["chats"] == {}
        assert await b.silent()


async def test_who_is_removed_and_comes_back_while_resuming_hears_nothing_in_between(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_db(say, alice, group, "missed")

    def happen() -> None:
        remove_member(alice, chat=group, user=bob)
        say(alice, group, "behind his back")
        add_member(alice, chat=group, user=bob)
        say(alice, group, "again with him")

    interrupt(monkeypatch, happen)
    async with nodus(bob) as b:
        frames, verdict = await missed(b, {group.id: 1})
        assert [frame["seq"] for frame in frames] == [2, 3] and verdict["chats"] == {}
        await b.get(event="chat.created", seq=5)
        await b.get(event="message.created", seq=6, prev_seq=5)
        assert await b.silent()


async def test_a_chat_deleted_while_resuming_is_told_once(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_db(say, alice, group, "missed")
    interrupt(monkeypatch, lambda: delete_chat(alice, group))
    async with nodus(bob) as b:
        frames, _ = await missed(b, {group.id: 1})
        assert [frame["event"] for frame in frames] == ["message.created", "chat.deleted"]
        assert await b.silent()


async def test_a_stream_that_lags_behind_the_database_leaves_no_hole(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another process said was lost on the way here; bob has read the database since."""

    async def nothing(chat_ids: list[int]) -> None: ...

    async with nodus(alice) as a:
        from messenger.realtime import doorbell

        assert doorbell.hub is not None
        with monkeypatch.context() as lost:
            lost.setattr(doorbell, "ring", lambda events: None)
            lost.setattr(doorbell.hub.watch, "_compare", nothing)
            await in_db(say, alice, group, "one", "two", "three")
            async with nodus(bob) as b:
                frames, verdict = await missed(b, {group.id: 2})
                assert places(frames) == [(2, 3), (3, 4)]
                assert verdict["chats"] == {str(group.id): 4}
                lost.undo()
                await in_db(say, alice, group, "four")
                await b.get(event="message.created", prev_seq=4, seq=5)
                assert await b.silent()
        assert places([await a.get() for _ in range(4)]) == [(1, 2), (2, 3), (3, 4), (4, 5)]


async def test_what_is_passing_is_not_lost_while_resuming(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_db(say, alice, group, "missed")
    async with nodus(bob) as b:
        await in_db(partial(set_typing, alice, chat=group.id, is_typing=True))
        await b.get(event="user.typing")
        stop = partial(set_typing, alice, chat=group.id, is_typing=False)
        interrupt(monkeypatch, stop)
        await missed(b, {group.id: 1})
        assert (await b.get(event="user.typing"))["data"]["is_typing"] is False


async def test_one_chat_under_both_its_ids_has_one_verdict(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log.missed_by, "__kwdefaults__", {"most": 2})
    await in_db(say, alice, group, "a", "b", "c")
    async with nodus(bob) as b:
        await ask_resume(b, **{str(group.id): 1, str(group.uuid): 4})
        await b.get(event="reset")
        assert (await b.get(**resumed))["data"] == {"chats": {}, "new": []}
        await ask_resume(b, **{str(group.id): 4, str(group.uuid): 3})
        await b.get(event="message.created", seq=4)
        assert (await b.get(**resumed))["data"]["chats"] == {str(group.id): 4}


async def test_many_chats_and_much_that_is_held_do_not_stop_the_others(
    alice: User, bob: User, group: Chat
) -> None:
    def make() -> dict[int, int]:
        rooms = [create_chat(bob, kind="group", name=f"{n}", members=[alice]) for n in range(150)]
        return {room.id: 1 for room in rooms}

    rooms = await in_db(make)
    async with nodus(bob) as b:
        from messenger.realtime import doorbell

        assert doorbell.hub is not None
        [socket] = doorbell.hub.sockets.values()
        socket.hold()
        for _ in range(3000):
            frame = Frame({"event": "x"})
            frame.chat_id, frame.seq = group.id, 1
            socket.send(Bundle([frame]))
        started = time.process_time()
        frames, verdict = await missed(b, rooms)
        assert time.process_time() - started < 0.5
        assert len(verdict["chats"]) == 150


async def test_what_was_heard_before_asking_comes_again_in_its_place(
    alice: User, bob: User, group: Chat
) -> None:
    await in_db(say, alice, group, "missed")
    async with nodus(bob) as b:
        await in_db(say, alice, group, "live")
        await b.get(event="message.created", seq=3, prev_seq=2)
        frames, _ = await missed(b, {group.id: 1})
        assert places(frames) == [(1, 2), (2, 3)]


async def test_chats_that_were_not_named_are_listed(alice: User, bob: User, group: Chat) -> None:
    other = await in_db(partial(create_chat, alice, kind="private", members=[bob]))
    async with nodus(bob) as b:
        _, verdict = await missed(b, {group.id: 1})
        assert verdict["new"] == [other.id]


async def reset_of(socket: Socket, chat: Any, seq: int) -> Any:
    frames, verdict = await missed(socket, {chat: seq})
    [frame] = frames
    assert (frame["event"], verdict["chats"]) == ("reset", {})
    return frame["data"]


async def test_a_chat_of_others_and_none_at_all_are_the_same_reset(
    alice: User, charlie: User, group: Chat
) -> None:
    async with nodus(charlie) as c:
        for id in (group.id, 10**15):
            assert await reset_of(c, id, 0) == {"chat_id": id, "reason": "not_found", "seq": None}
        uuid = str(group.uuid)
        assert await reset_of(c, uuid, 0) == {"chat_id": uuid, "reason": "not_found", "seq": None}


async def test_who_was_removed_meanwhile_hears_nothing_of_it(
    alice: User, bob: User, group: Chat
) -> None:
    def happen() -> None:
        say(alice, group, "before")
        remove_member(alice, chat=group, user=bob)
        say(alice, group, "after")

    await in_db(happen)
    async with nodus(bob) as b:
        assert (await reset_of(b, group.id, 1))["reason"] == "not_found"


async def test_who_left_and_came_back_is_not_told_what_happened_in_between(
    alice: User, bob: User, group: Chat
) -> None:
    def happen() -> None:
        remove_member(alice, chat=group, user=bob)
        say(alice, group, "behind his back")
        add_member(alice, chat=group, user=bob)
        say(alice, group, "again with him")

    await in_db(happen)
    async with nodus(bob) as b:
        rejoined = {"chat_id": group.id, "reason": "rejoined", "seq": 5}
        assert await reset_of(b, group.id, 1) == rejoined
        assert await reset_of(b, group.id, 2) == rejoined
        frames, _ = await missed(b, {group.id: 4})
        assert [frame["data"]["content"] for frame in frames] == ["again with him"]


async def test_a_pruned_log_is_a_reset_and_the_chat_goes_on(
    alice: User, bob: User, group: Chat
) -> None:
    def happen() -> None:
        say(alice, group, "a", "b", "c")
        LogEntry.objects.filter(chat=group, seq__lte=3).delete()

    await in_db(happen)
    async with nodus(bob) as b:
        assert await reset_of(b, group.id, 1) == {
            "chat_id": group.id,
            "reason": "expired",
            "seq": 4,
        }
        frames, _ = await missed(b, {group.id: 3})
        assert places(frames) == [(3, 4)]
        await in_db(LogEntry.objects.all().delete)
        assert (await reset_of(b, group.id, 3))["reason"] == "expired"
        assert (await missed(b, {group.id: 4}))[0] == []
        await in_db(say, alice, group, "d")
        await b.get(event="message.created", seq=5, prev_seq=4)


async def test_too_many_missed_changes_are_a_reset(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log.missed_by, "__kwdefaults__", {"most": 2})
    await in_db(say, alice, group, "a", "b", "c")
    async with nodus(bob) as b:
        assert await reset_of(b, group.id, 1) == {
            "chat_id": group.id,
            "reason": "too_far",
            "seq": 4,
        }
        frames, _ = await missed(b, {group.id: 2})
        assert places(frames) == [(2, 3), (3, 4)]


async def test_a_client_that_is_ahead_of_the_server_is_reset(bob: User, group: Chat) -> None:
    async with nodus(bob) as b:
        assert await reset_of(b, group.id, 9) == {"chat_id": group.id, "reason": "ahead", "seq": 1}


async def test_a_slow_client_gets_its_pages_as_fast_as_it_reads_them(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_db(say, alice, group, *("x" * 4000 for _ in range(30)))
    monkeypatch.setattr(resuming, "PAGE", 4)
    async with nodus(bob) as b:
        from messenger.realtime import doorbell

        assert doorbell.hub is not None
        [socket] = doorbell.hub.sockets.values()
        backlog, most = [400_000], [0]

        def waiting() -> int:
            # It reads a little whenever somebody looks.
            most[0] = max(most[0], backlog[0])
            backlog[0] = max(0, backlog[0] - 100_000)
            return backlog[0]

        monkeypatch.setattr(type(socket.transport), "backlog", lambda self: waiting())
        frames, _ = await missed(b, {group.id: 1})
        assert places(frames) == [(n, n + 1) for n in range(1, 31)]
        assert socket.closed is None


async def test_who_never_reads_what_it_missed_is_closed(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_db(say, alice, group, "x")
    monkeypatch.setattr(resuming, "PATIENCE", 0.05)
    async with nodus(bob) as b:
        from messenger.realtime import doorbell

        assert doorbell.hub is not None
        [socket] = doorbell.hub.sockets.values()
        monkeypatch.setattr(type(socket.transport), "backlog", lambda self: 500_000)
        await ask_resume(b, **{str(group.id): 1})
        assert await b.closed() == 4408


@pytest.mark.parametrize(
    "chats", [None, [], 5, {"x": 1}, {"1": -1}, {"1": True}, {"1": 2**70}, {"1": "2"}]
)
async def test_positions_that_make_no_sense_are_an_error(bob: User, chats: Any) -> None:
    async with nodus(bob) as b:
        frame = {"event": "resume", "data": {"chats": chats}, "request_id": 1}
        error = await b.ask(frame, event="error", request_id=1)
        assert error["data"]["code"] == "invalid" and "chats" in error["data"]["errors"]


async def test_the_other_protocols_have_no_resume(bob: User) -> None:
    async with connected(bob) as b:
        await b.get(action="unread_messages")
        await b.ask({"action": "resume", "chats": {}}, action="error", code="unknown_command")


def test_every_change_to_a_chat_is_exactly_one_frame_for_each_member() -> None:
    """Or `prev_seq` would have holes."""
    from messenger.events import ChatEvent
    from tests.samples import sample, told_events

    for event in told_events():
        if issubclass(event, ChatEvent):
            told = sample(event)
            for protocol in (nodus_protocol, chatroulette_protocol):
                for user_id in (7, 8):
                    [words] = protocol.words_for(user_id, [told])
                    assert (words["seq"], words["prev_seq"]) == (told.seq, told.seq - 1)
