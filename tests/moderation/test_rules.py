"""Rules of words and links: what becomes of a message that goes against one; who changes them."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection

from accounts.models import User
from chats.models import Chat
from chats.services import create_chat, update_chat
from messaging.models import Message
from messaging.services import SendMessage, Sent, edit_message, send_message, send_messages
from messenger import screening
from messenger.errors import AwaitingReview, Conflict, ContentRejected, Forbidden, Invalid, NotFound
from messenger.screening import Verdict
from moderation import rules
from moderation.models import AuditEntry, Case, Report, Rule, WaitingMessage
from moderation.rules import KEPT, RuleScreen, delete_rule, save_rule, switch
from tests.races import at_once


def make(mode: str, patterns: str = "спам*", **more: Any) -> Rule:
    """A rule that is switched on, without anybody's doing."""
    facts = {"name": mode, "kind": "words", "mode": mode, "patterns": patterns, "is_on": True}
    rule = Rule.objects.create(**{**facts, **more})
    rules.screen.forget()
    return rule


def test_the_rules_of_moderation_are_those_that_sending_asks() -> None:
    assert screening.screen() is rules.screen


def test_a_flagged_message_is_sent_and_has_a_case(bob: User, group: Chat) -> None:
    rule = make("flag")
    sent = send_message(bob, chat=group.id, content="Вот СПАМЕР!")
    report = Report.objects.get()
    assert (report.rule, report.reporter, report.reason) == (rule, None, "rule")
    assert report.comment == "СПАМЕР"
    case = report.case
    assert (case.kind, case.message_id, case.person_id) == ("message", sent.message.id, bob.id)
    assert not WaitingMessage.objects.exists()


def test_a_rejected_message_is_nowhere(bob: User, group: Chat, published: list[Any]) -> None:
    make("reject")
    published.clear()
    for _again in range(2):
        with pytest.raises(ContentRejected):
            send_message(bob, chat=group.id, content="спам", key="k")
    assert not published and not Message.objects.exists() and not Case.objects.exists()
    # Nothing is remembered against the key.
    send_message(bob, chat=group.id, content="привет", key="k")


def test_a_held_message_is_in_no_chat_and_has_a_case(
    bob: User, group: Chat, published: list[Any]
) -> None:
    make("hold")
    published.clear()
    with pytest.raises(AwaitingReview):
        send_message(bob, chat=group.id, content="спам", payload={"a": 1}, key="k")
    assert not published and not Message.objects.exists()
    kept = WaitingMessage.objects.get()
    assert (kept.author_id, kept.chat_id, kept.content, kept.state) == (
        bob.id,
        group.id,
        "спам",
        "waiting",
    )
    assert (kept.payload, kept.key, kept.type) == ({"a": 1}, "k", "text")
    assert (kept.case.kind, kept.case.reports.get().comment) == ("waiting", "спам")


def test_of_several_rules_the_strictest_counts(bob: User, group: Chat) -> None:
    make("flag", "слон")
    make("hold", "слон")
    send_rejected = make("reject", "слон")
    with pytest.raises(ContentRejected):
        send_message(bob, chat=group.id, content="слон")
    send_rejected.delete()
    rules.screen.forget()
    with pytest.raises(AwaitingReview):
        send_message(bob, chat=group.id, content="слон")


def test_one_of_a_batch_fails_alone(bob: User, group: Chat) -> None:
    make("flag", "слон")
    make("hold", "кит")
    make("reject", "хам")
    texts = ["привет", "слон", "кит", "хам", "пока"]
    outcomes = send_messages(
        [SendMessage(author_id=bob.id, chat=group.id, content=text) for text in texts]
    )
    assert [type(outcome) for outcome in outcomes] == [
        Sent,
        Sent,
        AwaitingReview,
        ContentRejected,
        Sent,
    ]
    stored = Message.objects.order_by("position").values_list("content", flat=True)
    assert list(stored) == ["привет", "слон", "пока"]
    assert Case.objects.count() == 2


def test_private_chats_are_left_alone_unless_the_rule_says_so(alice: User, bob: User) -> None:
    make("reject")
    send_message(alice, recipient=bob.id, content="спам")
    make("flag", in_private=True)
    send_message(alice, recipient=bob.id, content="спам")
    assert Report.objects.get().rule.mode == "flag"  # type: ignore[union-attr]


def test_an_edit_can_wait_for_nobody(bob: User, group: Chat) -> None:
    make("hold", "кит")
    make("reject", "хам")
    make("flag", "слон")
    sent = send_message(bob, chat=group.id, content="привет")
    for text in ("кит", "хам"):
        with pytest.raises(ContentRejected):
            edit_message(bob, message=sent.message.id, content=text)
    assert Message.objects.get().content == "привет" and not Case.objects.exists()
    edit_message(bob, message=sent.message.id, content="слон")
    assert Case.objects.get().message_id == sent.message.id


def test_a_group_is_not_named_against_a_rule(alice: User, group: Chat) -> None:
    make("hold")
    with pytest.raises(ContentRejected):
        create_chat(alice, kind="group", name="Спам", members=[])
    with pytest.raises(ContentRejected):
        update_chat(alice, chat=group, name="Спам")
    group.refresh_from_db()
    assert group.name == "Group" and Chat.objects.count() == 1


def test_what_the_service_says_itself_is_not_judged(bob: User, group: Chat) -> None:
    make("reject")
    send_message(bob, chat=group.id, content="спам", judged=False)
    assert Message.objects.get().content == "спам"


def test_a_rule_that_is_off_does_nothing(bob: User, group: Chat) -> None:
    make("reject", is_on=False)
    send_message(bob, chat=group.id, content="спам")


# --- how they are read -----------------------------------------------------------------------


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_another_processs_change_is_seen_within_a_second() -> None:
    clock = Clock()
    screen = RuleScreen(clock)
    assert screen.judge("спам") == []
    rule = Rule.objects.create(
        name="x", kind="words", mode="hold", patterns="спам", in_private=True, is_on=True
    )
    assert screen.judge("спам") == []
    clock.now += KEPT
    assert screen.judge("спам") == [Verdict("hold", rule.id, "спам", in_private=True)]
    rule.patterns = "хам"
    rule.save()
    clock.now += KEPT
    assert screen.judge("спам") == []
    assert screen.judge("хам") == [Verdict("hold", rule.id, "хам", in_private=True)]
    rule.is_on = False
    rule.save()
    clock.now += KEPT
    assert screen.judge("хам") == []


def test_a_rule_that_was_saved_earlier_and_committed_later_is_seen() -> None:
    clock = Clock()
    screen = RuleScreen(clock)
    late = Rule.objects.create(name="a", kind="words", mode="flag", patterns="слон", is_on=True)
    Rule.objects.create(name="b", kind="words", mode="flag", patterns="кит", is_on=True)
    assert screen.judge("слон и хам")
    Rule.objects.filter(id=late.id).update(
        patterns="хам", changed_at=late.changed_at - timedelta(minutes=1)
    )
    clock.now += KEPT
    assert [verdict.matched for verdict in screen.judge("слон и хам")] == ["хам"]


def test_nothing_is_asked_of_the_database_within_a_second(
    django_assert_num_queries: Any,
) -> None:
    make("flag")
    clock = Clock()
    screen = RuleScreen(clock)
    with django_assert_num_queries(2):
        screen.judge("a")
    with django_assert_num_queries(0):
        clock.now += KEPT / 2
        screen.judge("a")
    with django_assert_num_queries(1):
        clock.now += KEPT
        screen.judge("a")


@pytest.mark.parametrize("error", [OperationalError("away"), ValueError("a mistake")])
def test_where_the_rules_cannot_be_read_those_of_before_hold(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    make("flag")
    clock = Clock()
    screen = RuleScreen(clock)
    before = screen.judge("спам")

    asked: list[str] = []

    def away(execute: Any, sql: str, *args: Any) -> Any:
        asked.append(sql)
        raise error

    clock.now += KEPT
    with connection.execute_wrapper(away):
        assert screen.judge("спам") == before != []
        # And not again for the next text.
        assert screen.judge("спам") == before
    assert len(asked) == caplog.text.count("The rules could not be read") == 1


def test_many_threads_may_ask_at_once() -> None:
    make("flag")
    screen = RuleScreen()
    outcomes = at_once(*[lambda: [v.matched for v in screen.judge("спам")]] * 8)
    assert outcomes == [["спам"]] * 8


# --- how they are changed --------------------------------------------------------------------


def facts(**more: Any) -> dict[str, Any]:
    return {
        "name": "Spam",
        "kind": "words",
        "patterns": "спам*\n# note\nхам",
        "mode": "hold",
    } | more


def test_a_rule_is_made_switched_off_and_on_by_a_senior_moderator(
    sara: User, bob: User, group: Chat
) -> None:
    send_message(bob, chat=group.id, content="спам")
    rule = save_rule(sara, **facts())
    send_message(bob, chat=group.id, content="спам")
    assert switch(sara, rule, on=True).is_on
    # At once, in this process.
    with pytest.raises(AwaitingReview):
        send_message(bob, chat=group.id, content="спам")
    save_rule(sara, rule, **facts(mode="reject"))
    with pytest.raises(ContentRejected):
        send_message(bob, chat=group.id, content="спам")
    with pytest.raises(Conflict):
        delete_rule(sara, rule)
    switch(sara, rule, on=False)
    switch(sara, rule, on=False)
    send_message(bob, chat=group.id, content="спам")
    delete_rule(sara, rule)
    assert not Rule.objects.exists()
    entries = AuditEntry.objects.order_by("number")
    assert [(entry.action, entry.facts["mode"], entry.facts["on"]) for entry in entries] == [
        ("rule.added", "hold", False),
        ("rule.switched", "hold", True),
        ("rule.changed", "reject", True),
        ("rule.switched", "reject", False),
        ("rule.deleted", "reject", False),
    ]
    assert {(entry.actor_id, entry.target) for entry in entries} == {(sara.id, f"rule {rule.id}")}
    assert {entry.facts["patterns"] for entry in entries} == {2}


def test_nobody_below_changes_a_rule(mia: User, bob: User) -> None:
    rule = make("hold")
    for person in (mia, bob):
        with pytest.raises(Forbidden):
            save_rule(person, **facts())
        with pytest.raises(Forbidden):
            save_rule(person, rule, **facts())
        with pytest.raises(Forbidden):
            switch(person, rule, on=False)
        with pytest.raises(Forbidden):
            delete_rule(person, rule)
    assert Rule.objects.get().is_on and not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "x" * 101),
        ("name", "a\x00"),
        ("name", "\ud800"),
        ("kind", "regex"),
        ("mode", "shout"),
        ("patterns", "*"),
        ("patterns", ""),
        ("patterns", "# \x00\nспам"),
        ("patterns", "# \udfff\nспам"),
        ("patterns", "спам\n" * 4001),
    ],
)
def test_a_rule_that_can_not_be_is_refused_with_its_field(
    sara: User, field: str, value: str
) -> None:
    with pytest.raises(Invalid) as refused:
        save_rule(sara, **facts(**{field: value}))
    assert set(refused.value.errors) == {field}
    assert not Rule.objects.exists()


def test_a_rule_that_is_gone_is_not_found(sara: User) -> None:
    rule = make("hold")
    Rule.objects.all().delete()
    for act in (
        lambda: save_rule(sara, rule, **facts()),
        lambda: switch(sara, rule, on=True),
        lambda: delete_rule(sara, rule),
    ):
        with pytest.raises(NotFound):
            act()
