"""Sending, editing and deleting, all at the same moment."""

from contextlib import ExitStack
from functools import partial
from typing import Any

from accounts.services import ban
from chats.models import Chat, LogEntry
from chats.services import create_chat
from messaging.models import Message, Revision
from messaging.services import send_message
from tests.races.arena import CROWD, Answer, Arena, Caller, Turn, by_hand, statuses

SENT = "POST messages"


def group(*people: Caller) -> Chat:
    """The first one owns it."""
    owner, *others = (person.user for person in people)
    return create_chat(owner, kind="group", name="Group", members=others)


def stored(chat: Chat) -> set[int]:
    return set(Message.objects.filter(chat_id=chat.id).values_list("id", flat=True))


def test_one_key_is_one_message_with_one_answer(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, bob = arena.people(2)
        chat = group(alice, bob)
        call = alice(SENT, {"chat_id": chat.id, "content": "x"}, Idempotency_Key="k")
        with arena.witnessed(bob, chat):
            answers = arena.race([call] * CROWD)
        assert statuses(answers) == {200: CROWD - 1, 201: 1}
        assert len({str(answer.body) for answer in answers}) == 1
        assert stored(chat) == {answers[0].body["id"]}


def test_one_key_is_one_message_in_all_protocols(arena: Arena) -> None:
    """REST of two of them and sockets of three, half of each at either process."""
    for _ in arena.each_round():
        alice, bob = arena.people(2)
        chat = group(alice, bob)
        key, count = {"client_message_id": "k"}, CROWD // 6
        where = {"chat_id": chat.id, **key}
        asked: dict[str, dict[str, Any]] = {
            "/connect": {"action": "send_message", **where, "text": "x"},
            "/api/v1/ws": {"event": "message.send", "data": {**where, "content": "x"}},
            "/ws": {"type": "message.send", "payload": {**where, "content": "x"}},
        }
        turns: list[Turn] = [
            *[alice(SENT, {**where, "content": "x"})] * count,
            *[alice("POST /messages/send", {**where, "text": "x"})] * count,
        ]
        with ExitStack() as stack:
            for path, frame in asked.items():
                lines = stack.enter_context(arena.lines(alice, path, count))
                turns += [partial(line.ask, frame) for line in lines]
            answers = arena.race(turns)
        assert set(statuses(answers)) <= {200, 201}, answers
        [message] = stored(chat)
        names = {str(message), str(Message.objects.get(id=message).uuid)}
        for answer in answers:
            said = answer.body.get("data") or answer.body.get("payload") or answer.body
            assert str(said["id"]) in names, said


def test_one_key_opens_one_private_chat_with_one_message(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, bob = arena.people(2)
        frame = {
            "type": "private_message",
            "user_id": bob.id,
            "text": "x",
            "client_message_id": "k",
        }
        with arena.lines(alice, f"/ws/chat/{alice.tokens.access}", CROWD // 2) as lines:
            answers = arena.race([partial(line.ask, frame) for line in lines])
        assert statuses(answers) == {200: len(lines)}
        [chat] = Chat.objects.filter(memberships__user_id=bob.id)
        [message] = stored(chat)
        assert {answer.body["message"]["id"] for answer in answers} == {message}


def test_one_key_with_other_words_is_refused(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, bob = arena.people(2)
        chat = group(alice, bob)
        answers = arena.race(
            [
                alice(SENT, {"chat_id": chat.id, "content": f"{n}"}, Idempotency_Key="k")
                for n in range(CROWD)
            ]
        )
        assert statuses(answers) == {201: 1, 422: CROWD - 1}
        [accepted] = [answer.body for answer in answers if answer.status == 201]
        assert Message.objects.get(chat_id=chat.id).content == accepted["content"]


def test_two_people_open_one_chat(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, bob = arena.people(2)
        turns = []
        for one, other in ((alice, bob), (bob, alice)):
            native = {"type": "private", "user_ids": [other.id]}
            flat = {"is_group": False, "user_ids": [other.id]}
            turns += [one("POST chats", native), one("POST /chats/create", flat)] * (CROWD // 4)
        answers = arena.race(turns)
        assert set(statuses(answers)) <= {200, 201}
        [chat] = Chat.objects.filter(memberships__user_id=bob.id)
        assert {answer.body["id"] for answer in answers} == {chat.id}
        assert LogEntry.objects.filter(chat_id=chat.id).count() == 1


def test_every_edit_is_kept_and_the_last_is_what_is_read(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, bob = arena.people(2)
        chat = group(alice, bob)
        message = send_message(alice.user, chat=chat.id, content="first").message.id
        with arena.witnessed(bob, chat):
            answers = arena.race(
                [alice(f"PUT messages/{message}/edit", {"content": f"{n}"}) for n in range(CROWD)]
            )
        assert statuses(answers) == {200: CROWD}
        revisions = Revision.objects.filter(message_id=message).order_by("id")
        kept = list(revisions.values_list("content", flat=True))
        last = Message.objects.get(id=message).content
        assert kept[0] == "first"
        assert sorted([*kept[1:], last], key=str) == sorted(str(n) for n in range(CROWD))
        for server in arena.servers:
            seen = arena.ask(bob(f"GET messages/{message}"), server).body
            assert seen["content"] == last


def test_a_deleted_message_stays_empty_whoever_edits_it(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, bob = arena.people(2)
        chat = group(alice, bob)
        message = send_message(alice.user, chat=chat.id, content="first").message.id
        edits = [alice(f"PUT messages/{message}/edit", {"content": f"{n}"}) for n in range(CROWD)]
        deletions = [alice(f"DELETE messages/{message}")] * 4
        answers = arena.race([*edits[4:], *deletions])
        assert set(statuses(answers[:-4])) <= {200, 404}
        assert statuses(answers[-4:]) == {204: 4}
        assert LogEntry.objects.filter(chat_id=chat.id, kind="message_deleted").count() == 1
        assert arena.ask(bob(f"GET messages/{message}")).body["content"] is None


def what_was_acknowledged_is_there(chat: Chat, answers: list[Answer]) -> None:
    """And what was refused is not."""
    assert set(statuses(answers)) <= {201, 401, 403, 404}, statuses(answers)
    assert stored(chat) == {answer.body["id"] for answer in answers if answer.status == 201}


def test_what_a_deleted_chat_has_acknowledged_is_in_it(arena: Arena) -> None:
    for _ in arena.each_round():
        people = arena.people(4)
        chat = group(*people)
        sends = [
            people[n % 4](SENT, {"chat_id": chat.id, "content": f"{n}"}) for n in range(CROWD - 1)
        ]
        answers = arena.race([*sends, people[0](f"DELETE chats/{chat.id}")])
        assert answers[-1].status == 204
        what_was_acknowledged_is_there(chat, answers[:-1])


def test_who_is_removed_has_said_what_was_acknowledged(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, bob, carol = arena.people(3)
        chat = group(alice, bob, carol)
        sends = [bob(SENT, {"chat_id": chat.id, "content": f"{n}"}) for n in range(CROWD - 1)]
        with arena.witnessed(carol, chat):
            answers = arena.race([*sends, alice(f"DELETE chats/{chat.id}/members/{bob.id}")])
        assert answers[-1].status == 204
        what_was_acknowledged_is_there(chat, answers[:-1])
        [left] = LogEntry.objects.filter(chat_id=chat.id, kind="member_left")
        assert not Message.objects.filter(chat_id=chat.id, seq__gt=left.seq).exists()


def test_who_is_banned_has_said_what_was_acknowledged(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, bob = arena.people(2)
        chat = group(alice, bob)

        sends = [bob(SENT, {"chat_id": chat.id, "content": f"{n}"}) for n in range(CROWD - 1)]
        answers = arena.race([*sends, by_hand(ban, bob.user)])
        what_was_acknowledged_is_there(chat, answers[:-1])
        assert arena.ask(bob(SENT, {"chat_id": chat.id, "content": "after"})).status == 401
