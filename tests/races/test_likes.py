"""Likes and reactions, all at the same moment."""

from chats.models import LogEntry
from chats.services import create_chat
from messaging.models import Message, Reaction
from messaging.services import send_message
from tests.races.arena import CROWD, Arena, statuses


def test_one_person_likes_once(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, bob = arena.people(2)
        chat = create_chat(alice.user, kind="group", name="Group", members=[bob.user])
        message = send_message(alice.user, chat=chat.id, content="x").message.id
        with arena.witnessed(alice, chat):
            answers = arena.race([bob(f"POST messages/{message}/like")] * CROWD)
        assert statuses(answers) == {200: CROWD}
        assert len({str(answer.body) for answer in answers}) == 1
        assert Reaction.objects.filter(message_id=message).count() == 1
        assert LogEntry.objects.filter(chat_id=chat.id, kind="reaction_added").count() == 1


def test_many_like_one_message_and_each_is_counted(arena: Arena) -> None:
    for _ in arena.each_round():
        people = arena.people(CROWD)
        chat = create_chat(people[0].user, kind="group", name="G", members=[p.user for p in people])
        message = send_message(people[0].user, chat=chat.id, content="x").message.id
        path = f"POST messages/{message}/like"
        answers = arena.race([person(path) for person in people])
        # Each sees one more than the one before.
        assert sorted(answer.body["likes_count"] for answer in answers) == [*range(1, CROWD + 1)]


def test_liking_and_unliking_take_turns(arena: Arena) -> None:
    for _ in arena.each_round():
        alice, bob = arena.people(2)
        chat = create_chat(alice.user, kind="group", name="Group", members=[bob.user])
        message = send_message(alice.user, chat=chat.id, content="x").message.id
        path = f"messages/{message}/like"
        with arena.witnessed(alice, chat):
            turns = [bob(f"POST {path}"), bob(f"DELETE {path}")] * (CROWD // 2)
            assert statuses(arena.race(turns)) == {200: CROWD}
        last = LogEntry.objects.filter(chat_id=chat.id).latest("seq").kind
        likes = arena.ask(alice(f"GET messages/{message}/likes")).body
        assert likes["likes_count"] == (1 if last == "reaction_added" else 0)


def test_nobody_likes_what_is_deleted(arena: Arena) -> None:
    for _ in arena.each_round():
        people = arena.people(CROWD)
        alice = people[0]
        chat = create_chat(alice.user, kind="group", name="G", members=[p.user for p in people])
        message = send_message(alice.user, chat=chat.id, content="x").message.id
        answers = arena.race(
            [
                alice(f"DELETE messages/{message}"),
                *(person(f"POST messages/{message}/like") for person in people[1:]),
            ]
        )
        assert answers[0].status == 204
        assert set(statuses(answers[1:])) <= {200, 404}
        liked = statuses(answers[1:]).get(200, 0)
        added = LogEntry.objects.filter(chat_id=chat.id, kind="reaction_added")
        assert added.count() == liked
        assert LogEntry.objects.filter(chat_id=chat.id).latest("seq").kind == "message_deleted"
        assert Message.objects.get(id=message).content is None
