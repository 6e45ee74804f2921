"""Reading, while others read, send and delete."""

from chats.models import Chat, LogEntry
from chats.services import create_chat
from messaging.models import Receipt
from messaging.services import send_message
from tests.races.arena import CROWD, Arena, Caller, statuses


def filled(arena: Arena, count: int) -> tuple[Chat, list[int], Caller, Caller]:
    """A chat with so many messages of the first one's, whom the second reads."""
    alice, bob = arena.people(2)
    chat = create_chat(alice.user, kind="group", name="Group", members=[bob.user])
    sent = [send_message(alice.user, chat=chat.id, content="x").message.id for _ in range(count)]
    return chat, sent, alice, bob


def seen(arena: Arena, who: Caller, chat: Chat) -> set[int]:
    """What both processes say is unread: one number, if they agree."""
    return {
        arena.ask(who(f"GET chats/{chat.id}"), server).body["unread_count"]
        for server in arena.servers
    }


def test_exactly_what_was_read_is_read(arena: Arena) -> None:
    for _ in arena.each_round():
        chat, sent, alice, bob = filled(arena, 40)
        read = arena.random.choices(sent, k=CROWD)
        with arena.witnessed(alice, chat):
            answers = arena.race([bob(f"PUT messages/{message}/read") for message in read])
        assert statuses(answers) == {200: CROWD}
        receipts = Receipt.objects.filter(user_id=bob.id).values_list("message_id", flat=True)
        assert sorted(receipts) == sorted(set(read))
        assert seen(arena, bob, chat) == {40 - len(set(read))}


def test_of_many_marks_the_furthest_counts(arena: Arena) -> None:
    for _ in arena.each_round():
        chat, sent, _alice, bob = filled(arena, 40)
        marks = arena.random.sample(sent, CROWD)
        path = f"POST chats/{chat.id}/read"
        answers = arena.race([bob(path, {"up_to_message_id": mark}) for mark in marks])
        assert statuses(answers) == {200: CROWD}
        furthest = sent.index(max(marks)) + 1
        assert sum(answer.body["read"] for answer in answers) == furthest
        assert LogEntry.objects.filter(chat_id=chat.id, kind="message_read").count() == furthest
        assert seen(arena, bob, chat) == {40 - furthest}


def test_what_is_sent_while_two_read_up_to_the_end_is_unread(arena: Arena) -> None:
    for _ in arena.each_round():
        chat, sent, alice, bob = filled(arena, 20)
        mark = {"up_to_message_id": sent[-1]}
        count = CROWD - 2
        bodies = [{"chat_id": chat.id, "content": f"{n}"} for n in range(count)]
        sends = [alice("POST messages", body) for body in bodies]
        answers = arena.race([*sends, *[bob(f"POST chats/{chat.id}/read", mark)] * 2])
        assert statuses(answers[:-2]) == {201: count}
        assert sum(answer.body["read"] for answer in answers[-2:]) == 20
        assert seen(arena, bob, chat) == {count}


def test_both_sides_read_and_send_at_once_and_both_counts_are_right(arena: Arena) -> None:
    for _ in arena.each_round():
        chat, sent, alice, bob = filled(arena, 10)
        path, mark = f"POST chats/{chat.id}/read", {"up_to_message_id": sent[-1]}
        turns = []
        for n in range(CROWD // 4):
            body = {"chat_id": chat.id, "content": f"{n}"}
            turns += [alice("POST messages", body), bob("POST messages", body)]
            turns += [bob(f"PUT messages/{sent[n]}/read"), alice(path, mark)]
        answers = arena.race(turns)
        assert set(statuses(answers)) == {200, 201}
        assert seen(arena, bob, chat) == {10 - CROWD // 4 + CROWD // 4}
        assert seen(arena, alice, chat) == {CROWD // 4}


def test_what_is_deleted_while_it_is_read_is_not_unread(arena: Arena) -> None:
    for _ in arena.each_round():
        chat, sent, alice, bob = filled(arena, CROWD // 2)
        turns = []
        for message in sent:
            turns += [bob(f"PUT messages/{message}/read"), alice(f"DELETE messages/{message}")]
        answers = arena.race(turns)
        assert statuses(answers[1::2]) == {204: CROWD // 2}
        assert set(statuses(answers[::2])) <= {200, 404}
        assert seen(arena, bob, chat) == {0}
