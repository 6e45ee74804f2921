"""Reports: who may report what, what is frozen, and that none is lost."""

from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.services import ban, service_account
from chats.models import Chat
from chats.services import add_member, create_chat, leave_chat
from messaging.models import Message
from messaging.services import delete_message, edit_message, send_message
from messenger.errors import Invalid, NotFound
from messenger.ids import Ref
from moderation import reports
from moderation.models import Case, Evidence, Notice, Report, Rule, WaitingMessage
from moderation.reports import Match, find_or_report_message, flag, wait
from moderation.services import claim, decide, report_message, report_person
from tests.chats.helpers import meanwhile
from tests.people import make_user
from tests.races import at_once


def say(author: User, chat: Chat, *texts: str) -> list[Message]:
    sent = [send_message(author, chat=chat.id, content=text) for text in texts]
    return [Message.objects.get(id=one.message.id) for one in sent]


@pytest.fixture
def rule() -> Rule:
    return Rule.objects.create(name="Rude", kind="words", patterns="stupid", is_on=True)


def test_the_first_report_opens_a_case_about_the_author(
    alice: User, bob: User, group: Chat, message: Message
) -> None:
    report = report_message(alice, message=message.id, reason="abuse", comment=" Again! ")
    case = Case.objects.get()
    assert report.case == case
    assert (case.kind, case.state, case.person, case.message) == ("message", "open", bob, message)
    assert (case.chat, case.assignee, case.reports_count) == (group, None, 1)
    assert (report.reporter, report.reason, report.comment) == (alice, "abuse", "Again!")


def test_the_message_is_frozen_with_what_was_around_it(alice: User, bob: User, group: Chat) -> None:
    said = say(bob, group, *(f"text {n}" for n in range(20)))
    edit_message(bob, message=said[10].id, content="Rude")
    edit_message(bob, message=said[10].id, content="Very rude")
    delete_message(bob, message=said[9].id)
    report_message(alice, message=said[10].uuid, reason="abuse")
    seen = Evidence.objects.get().content
    assert seen["message"]["content"] == "Very rude"
    assert seen["message"]["id"] == said[10].id and seen["message"]["edited_at"].endswith("Z")
    assert [one["content"] for one in seen["revisions"]] == ["text 10", "Rude"]
    assert [one["content"] for one in seen["before"]] == [*(f"text {n}" for n in range(5, 9)), None]
    assert seen["before"][-1]["deleted"] is True
    assert [one["content"] for one in seen["after"]] == [f"text {n}" for n in range(11, 16)]
    assert seen["person"]["username"] == seen["message"]["author"]["username"] == "bob"
    assert seen["chat"] == {"id": group.id, "kind": "group", "name": "Group", "members": 2}


def test_what_was_frozen_outlives_edits_and_the_deletion(
    alice: User, bob: User, message: Message
) -> None:
    report_message(alice, message=message.id, reason="abuse")
    before = Evidence.objects.get().content
    edit_message(bob, message=message.id, content="Hello")
    delete_message(bob, message=message.id)
    assert Evidence.objects.get().content == before
    assert before["message"]["content"] == "You are all stupid"


def test_the_payload_of_the_reported_message_is_kept(alice: User, bob: User, group: Chat) -> None:
    sent = [
        send_message(bob, chat=group.id, content=None, type="poll", payload={"n": n}).message
        for n in range(2)
    ]
    report_message(alice, message=sent[1].id, reason="spam")
    seen = Evidence.objects.get().content
    assert seen["message"]["payload"] == {"n": 1} and seen["before"][0]["payload"] is None


def test_a_second_report_that_saw_the_same_shares_its_evidence(
    alice: User, bob: User, charlie: User, message: Message, group: Chat
) -> None:
    add_member(alice, chat=group, user=charlie)
    dora = make_user("dora")
    add_member(alice, chat=group, user=dora)
    first = report_message(alice, message=message.id, reason="abuse")
    second = report_message(charlie, message=message.id, reason="hate")
    assert first.case == second.case and first.evidence == second.evidence
    edit_message(bob, message=message.id, content="You are all clever")
    third = report_message(dora, message=message.id, reason="other")
    assert third.case == first.case and third.evidence != first.evidence
    assert [one.content["message"]["content"] for one in Evidence.objects.all()] == [
        "You are all stupid",
        "You are all clever",
    ]
    assert Case.objects.get().reports_count == 3


def test_the_same_report_again_is_the_first_one(alice: User, message: Message) -> None:
    first, new = find_or_report_message(alice, message=message.id, reason="abuse", comment="a")
    again, newer = find_or_report_message(alice, message=message.id, reason="spam", comment="b")
    assert (new, newer) == (True, False) and again == first
    assert Report.objects.get().comment == "a" and Case.objects.get().reports_count == 1
    assert Notice.objects.count() == 1


def test_after_the_case_is_closed_a_report_opens_another(
    alice: User, mia: User, message: Message
) -> None:
    first = report_message(alice, message=message.id, reason="abuse").case
    claim(mia, first)
    decide(mia, first, action="dismiss", reason="Fine")
    second = report_message(alice, message=message.id, reason="abuse").case
    assert second != first and second.state == "open"


def test_a_report_that_waits_for_the_closing_of_the_case_opens_another(
    alice: User, mia: User, charlie: User, group: Chat, message: Message
) -> None:
    add_member(alice, chat=group, user=charlie)
    case = report_message(alice, message=message.id, reason="abuse").case
    claim(mia, case)
    close = partial(decide, mia, Case.objects.get(id=case.id), action="dismiss", reason="Fine")
    with meanwhile(close, before="FOR NO KEY UPDATE"):
        late = report_message(charlie, message=message.id, reason="abuse")
    assert late.case != case and late.case.state == "open" and late.case.reports_count == 1


def test_two_first_reports_at_once_make_one_case(
    alice: User, charlie: User, group: Chat, message: Message
) -> None:
    add_member(alice, chat=group, user=charlie)
    mine = partial(report_message, alice, message=message.id, reason="abuse")
    theirs = partial(report_message, charlie, message=message.id, reason="abuse")
    reports = at_once(mine, theirs)
    assert {type(one) for one in reports} == {Report}, reports
    case = Case.objects.get()
    assert case.reports_count == 2 == case.reports.count()


def test_one_person_who_reports_twice_at_once_reports_once(alice: User, message: Message) -> None:
    same = partial(report_message, alice, message=message.id, reason="abuse")
    reports = at_once(same, same, same)
    assert {type(one) for one in reports} == {Report}, reports
    assert Case.objects.get().reports_count == 1 == Report.objects.count() == Notice.objects.count()


def test_what_one_can_not_see_is_not_there_to_report(
    alice: User, bob: User, charlie: User, group: Chat, message: Message
) -> None:
    leaver = make_user("leaver")
    other = create_chat(bob, kind="group", name="Other", members=[leaver])
    [hidden] = say(bob, other, "x")
    leave_chat(leaver, other)
    unseen: list[tuple[User, Ref]] = [
        (charlie, message.id),
        (charlie, message.uuid),
        (leaver, hidden.id),
    ]
    for person, ref in unseen:
        with pytest.raises(NotFound):
            report_message(person, message=ref, reason="abuse")
    with pytest.raises(NotFound):
        report_message(alice, message=-1, reason="abuse")
    delete_message(bob, message=message.id)
    with pytest.raises(NotFound):
        report_message(alice, message=message.id, reason="abuse")
    with pytest.raises(NotFound):
        report_person(charlie, user=bob.id, chat=group.id, reason="abuse")
    assert not Case.objects.exists()


def test_nobody_reports_themselves_or_the_service(alice: User, bob: User, message: Message) -> None:
    with pytest.raises(Invalid):
        report_message(bob, message=message.id, reason="abuse")
    with pytest.raises(Invalid):
        report_person(bob, user=bob.uuid, reason="abuse")
    service = service_account()
    with pytest.raises(NotFound):
        report_person(bob, user=service.id, reason="abuse")
    told = send_message(service, recipient=alice.id, content="Hello", judged=False)
    with pytest.raises(Invalid):
        report_message(alice, message=told.message.id, reason="abuse")
    assert not Case.objects.exists()


@pytest.mark.parametrize("reason", ["", "rule", "SPAM", "spam\x00", "nonsense"])
def test_the_reason_is_one_of_seven(alice: User, message: Message, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        report_message(alice, message=message.id, reason=reason)
    assert set(caught.value.errors) == {"reason"}


@pytest.mark.parametrize("comment", ["x" * 1001, "NUL\x00", "half \ud800"])
def test_a_comment_is_a_text_of_a_thousand_characters(
    alice: User, message: Message, comment: str
) -> None:
    with pytest.raises(Invalid) as caught:
        report_message(alice, message=message.id, reason="spam", comment=comment)
    assert set(caught.value.errors) == {"comment"}
    assert len(report_message(alice, message=message.id, reason="spam", comment="ё" * 1000).comment)


def test_a_person_is_reported_with_their_latest_messages_where_it_was(
    alice: User, bob: User, group: Chat
) -> None:
    say(bob, group, *(f"text {n}" for n in range(12)))
    say(alice, group, "mine")
    report = report_person(alice, user=bob.uuid, chat=group.uuid, reason="hate")
    assert (report.case.kind, report.case.person, report.case.chat) == ("person", bob, group)
    seen = report.evidence.content
    assert [one["content"] for one in seen["messages"]] == [f"text {n}" for n in range(2, 12)]
    assert seen["message"] is None and seen["chat"]["id"] == group.id
    assert seen["person"]["id"] == bob.id and "email" not in seen["person"]


def test_a_person_is_reported_without_a_chat_and_one_is_learned_of_later(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    first = report_person(charlie, user=bob.id, reason="fraud")
    assert first.case.chat is None and first.evidence.content["messages"] == []
    second = report_person(alice, user=bob.id, chat=group.id, reason="fraud")
    assert second.case == first.case and Case.objects.get().chat == group


def test_a_chat_that_the_person_has_no_part_in_is_not_theirs_to_hear_of(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    elsewhere = create_chat(alice, kind="group", name="Friends of Alice", members=[charlie])
    with pytest.raises(NotFound):
        report_person(alice, user=bob.id, chat=elsewhere.id, reason="abuse")
    assert not Case.objects.exists()
    say(bob, group, "Good-bye")
    leave_chat(bob, group)
    assert report_person(alice, user=bob.id, chat=group.id, reason="abuse").case.chat == group


def test_who_is_banned_is_not_there_to_report(alice: User, bob: User) -> None:
    ban(bob)
    with pytest.raises(NotFound):
        report_person(alice, user=bob.id, reason="fraud")


# --- rules -----------------------------------------------------------------------------------


def matches(messages: list[Message], rule: Rule) -> list[Match]:
    return [
        Match(one.id, one.author_id or 0, one.chat_id, rule.id, f"part {n}")
        for n, one in enumerate(messages)
    ]


def test_a_flag_opens_a_case_with_what_matched(bob: User, group: Chat, rule: Rule) -> None:
    said = say(bob, group, "one", "two")
    flag(matches(said, rule))
    cases = list(Case.objects.order_by("id"))
    assert [(one.kind, one.message, one.person) for one in cases] == [
        ("message", said[0], bob),
        ("message", said[1], bob),
    ]
    [report] = cases[1].reports.all()
    assert (report.reason, report.rule, report.reporter, report.comment) == (
        "rule",
        rule,
        None,
        "part 1",
    )
    assert report.evidence.content["message"]["content"] == "two"
    assert report.evidence.content["before"][0]["content"] == "one"
    assert not Notice.objects.exists()


def test_many_flags_cost_as_many_queries_as_one(bob: User, group: Chat, rule: Rule) -> None:
    said = say(bob, group, *(f"text {n}" for n in range(20)))

    def cost(messages: list[Message]) -> int:
        with CaptureQueriesContext(connection) as queries:
            flag(matches(messages, rule))
        return len(queries)

    assert cost(said[:1]) == cost(said[1:])
    assert Case.objects.count() == 20


def test_a_flag_joins_the_open_case(alice: User, bob: User, message: Message, rule: Rule) -> None:
    case = report_message(alice, message=message.id, reason="abuse").case
    edit_message(bob, message=message.id, content="You are really stupid")
    flag(matches([message], rule))
    flag(matches([message], rule))
    assert Case.objects.get() == case and Case.objects.get().reports_count == 3
    assert Evidence.objects.count() == 2


def test_a_message_that_is_edited_again_and_again_fills_no_disk(
    alice: User, bob: User, message: Message, rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "ENOUGH", 3)
    for number in range(5):
        edit_message(bob, message=message.id, content=f"stupid {number}")
        flag(matches([message], rule))
    case = Case.objects.get()
    assert (case.reports.count(), case.evidence.count(), case.reports_count) == (3, 3, 3)
    report_message(alice, message=message.id, reason="abuse")
    assert case.reports.count() == 4


def test_a_flag_waits_for_nobody_who_holds_the_case(
    alice: User, message: Message, rule: Rule, case: Case
) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite locks everything")

    with transaction.atomic():
        Case.objects.select_for_update(no_key=True).get(id=case.id)
        [outcome] = at_once(partial(flag, matches([message], rule)))
        assert outcome is None
    assert case.reports.count() == 2


def test_a_held_message_has_a_case_of_its_own(bob: User, group: Chat, rule: Rule) -> None:
    held = WaitingMessage.objects.create(
        author=bob, chat=group, type="text", content="stupid", payload=None
    )
    case = wait(held, rule.id, "stupid")
    assert (case.kind, case.person, case.chat, case.waiting) == ("waiting", bob, group, held)
    [report] = case.reports.all()
    seen: Any = report.evidence.content
    assert (report.reason, report.comment) == ("rule", "stupid")
    assert seen["message"]["content"] == "stupid" and seen["message"]["id"] is None
