"""The case in the admin, as a moderator works in it: seen, claimed, decided, undone, appealed."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chats.models import Chat
from chats.mutes import mutes_of
from messaging.models import Message
from messaging.services import delete_message, edit_message, send_message
from moderation import trial
from moderation.models import AuditEntry, Case, Decision, Rule, WaitingMessage
from moderation.rules import save_rule, switch
from moderation.services import appeal, claim, decide, report_message, report_person
from tests.moderation.admin_world import CASES, assigned, entered, said
from tests.people import make_user

pytestmark = pytest.mark.once

REASON = "Insults are not tolerated here."


def page(case: Case) -> str:
    return f"{CASES}{case.pk}/change/"


def shown(client: Client, case: Case) -> str:
    answer = client.get(page(case))
    assert answer.status_code == 200
    return str(answer.content.decode())


def act(client: Client, case: Case, what: str, **form: Any) -> Any:
    return client.post(f"{CASES}{case.pk}/{what}/", form, follow=True)


def choices(html: str) -> list[str]:
    """The decisions that the page offers."""
    return re.findall(r'name="action" value="(\w+)"', html)


def numbers(client: Client, query: str = "") -> list[int]:
    """The cases of the list, in its order."""
    return [case.pk for case in client.get(f"{CASES}{query}").context["cl"].result_list]


def test_what_was_written_is_shown_to_who_has_claimed_the_case(mia: User, case: Case) -> None:
    client = entered(mia)
    html = shown(client, case)
    assert "Again!" in html and "@bob" in html and "Insults or harassment: <b>1</b>" in html
    assert "You are all stupid" not in html and not choices(html)
    answer = act(client, case, "claim")
    assert said(answer) == ["The case is yours."]
    html = answer.content.decode()
    assert "You are all stupid" in html
    assert choices(html) == ["dismiss", "remove", "warn", "mute_here", "mute"]


def test_a_senior_moderator_says_that_he_looks(mia: User, sara: User, mine: Case) -> None:
    client = entered(sara)
    assert "You are all stupid" not in shown(client, mine)
    assert AuditEntry.objects.latest("number").action == "case.claimed"
    assert "You are all stupid" in act(client, mine, "evidence").content.decode()
    seen = AuditEntry.objects.latest("number")
    assert (seen.action, seen.target, seen.actor_id) == (
        "evidence.seen",
        f"case {mine.pk}",
        sara.pk,
    )


def test_the_page_shows_what_was_frozen_and_says_what_became_of_it(
    mia: User, alice: User, bob: User, group: Chat
) -> None:
    for text in ("before it", "the first text"):
        sent = send_message(bob, chat=group.id, content=text).message
    edit_message(bob, message=sent.id, content="the reported text")
    send_message(alice, chat=group.id, content="after it")
    case = report_message(alice, message=sent.id, reason="spam").case
    claim(mia, case)
    client = entered(mia)
    html = shown(client, case)
    order = [html.index(text) for text in ("before it", "the reported text", "after it")]
    assert order == sorted(order) and "the first text" in html
    assert "has been" not in html
    reported = html.index('class="reported"')
    assert order[0] < reported < order[1]
    edit_message(bob, message=sent.id, content="another text")
    html = shown(client, case)
    assert "The message has been edited since." in html
    assert "the reported text" in html and "another text" not in html
    delete_message(bob, message=sent.id)
    html = shown(client, case)
    assert "The message has been removed since." in html and "the reported text" in html


def test_a_case_is_decided_and_the_next_one_offered(
    mia: User, alice: User, bob: User, group: Chat, mine: Case
) -> None:
    other = send_message(bob, chat=group.id, content="more of it").message
    following = report_message(alice, message=other.id, reason="spam").case
    answer = act(
        entered(mia), mine, "decide", action="mute_here", end="day", remove="on", reason=REASON
    )
    assert said(answer) == ["Decided. The case is closed."]
    html = answer.content.decode()
    assert f'href="{page(following)}">Next case</a>' in html and not choices(html)
    assert [one.action for one in mine.decisions.all()] == ["remove", "mute_here"]
    end = mutes_of([bob.pk])[bob.pk, group.pk]
    assert timedelta(hours=23) < end - timezone.now() <= timedelta(days=1)
    assert Message.objects.get(cases=mine).content is None


def test_an_end_is_a_length_or_a_date(mia: User, bob: User, mine: Case) -> None:
    until = (timezone.now() + timedelta(days=2)).replace(second=0, microsecond=0)
    form = {"action": "mute", "reason": REASON}
    client = entered(mia)
    for ends in (
        {},
        {"end": "day", "until": f"{until:%Y-%m-%dT%H:%M}"},
        {"end": "none"},
        {"end": "month"},
        {"until": "tomorrow"},
        {"until": "2001-01-01T00:00"},
        {"until": f"{until + timedelta(days=30):%Y-%m-%dT%H:%M}"},
        {"until": "9999-12-31T23:59"},
    ):
        answer = act(client, mine, "decide", **form, **ends)
        assert answer.status_code == 200 and 'role="alert"' in answer.content.decode(), ends
        assert REASON in answer.content.decode() and not mine.decisions.exists()
    act(client, mine, "decide", **form, until=f"{until:%Y-%m-%dT%H:%M}")
    assert mutes_of([bob.pk]) == {(bob.pk, None): until}


def test_only_what_fits_the_case_and_the_moderator_is_offered(
    mia: User, sara: User, alice: User, bob: User, group: Chat, root_user: User, case: Case
) -> None:
    everywhere = report_person(alice, user=bob.pk, reason="other").case
    group.memberships.create(user=root_user)
    theirs = send_message(root_user, chat=group.id, content="x").message
    highest = report_message(alice, message=theirs.id, reason="other").case
    for moderator, found, offered in (
        (sara, case, "dismiss remove warn mute_here mute ban close_chat"),
        (mia, everywhere, "dismiss warn mute"),
        (sara, everywhere, "dismiss warn mute ban"),
        (sara, highest, "dismiss remove warn close_chat"),
    ):
        html = shown(entered(moderator), assigned(found, moderator))
        assert choices(html) == offered.split()
        assert ('name="remove"' in html) == (found.kind == "message")


def test_a_message_that_waits_is_let_through_or_refused(
    mia: User, alice: User, group: Chat, root_user: User
) -> None:
    rule = save_rule(root_user, name="Spam", kind="words", patterns="casino", mode="hold")
    switch(root_user, rule, on=True)
    client = entered(mia)
    for action, texts in (("dismiss", ["casino 0"]), ("remove", ["casino 0"])):
        with pytest.raises(Exception, match="waits for a moderator"):
            send_message(alice, chat=group.id, content=f"casino {Case.objects.count()}")
        case = Case.objects.latest("pk")
        claim(mia, case)
        html = shown(client, case)
        assert "Let the message through" in html and "Refuse the message" in html
        act(client, case, "decide", action=action, reason=REASON)
        sent = Message.objects.filter(chat=group).values_list("content", flat=True)
        assert list(sent) == texts
    states = WaitingMessage.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["released", "refused"]


def test_what_goes_wrong_is_said_and_nothing_else_happens(
    mia: User, max: User, bob: User, case: Case
) -> None:
    client = entered(mia)
    assigned(case, max)
    assert said(act(client, case, "claim")) == ["Somebody else has this case."]
    answer = act(client, case, "decide", action="warn", reason=REASON)
    assert said(answer) == ["Claim the case first."]
    decide(max, case, action="warn", reason=REASON)
    for what, form in (
        ("claim", {}),
        ("release", {}),
        ("decide", {"action": "warn", "reason": "x"}),
    ):
        assert said(act(client, case, what, **form)) == ["This case is closed."]
    assert bob.decisions_on.count() == 1


def test_a_case_goes_back_and_to_somebody_else(
    mia: User, max: User, sara: User, alice: User, mine: Case
) -> None:
    act(entered(mia), mine, "release")
    mine.refresh_from_db()
    assert mine.assignee is None
    client = entered(sara)
    assert "(@max)" in shown(client, mine) and "(@alice)" not in shown(client, mine)
    act(client, mine, "assign", to=max.pk)
    mine.refresh_from_db()
    assert mine.assignee == max
    for nobody in (alice.pk, "x", "", "9" * 40, "-1", "²"):
        assert act(client, mine, "assign", to=nobody).status_code == 404
    mine.refresh_from_db()
    assert mine.assignee == max


def test_a_decision_is_undone_with_a_reason(mia: User, bob: User, mine: Case) -> None:
    (decision,) = decide(mia, mine, action="remove", reason=REASON)
    client = entered(mia)
    undo = f"undo/{decision.pk}"
    assert f"/{undo}/" in shown(client, mine)
    assert "Reason" in said(act(client, mine, undo))[0]
    assert Message.objects.get(cases=mine).content is None
    html = act(client, mine, undo, reason="It was a quote").content.decode()
    assert "It was a quote" in html and f"/{undo}/" not in html
    assert Message.objects.get(cases=mine).content == "You are all stupid"
    assert said(act(client, mine, undo, reason="again")) == [
        "This decision has been undone already."
    ]
    assert act(client, mine, "undo/987654", reason="x").status_code == 404


def test_an_appeal_is_answered_by_somebody_else(
    mia: User, sara: User, bob: User, mine: Case
) -> None:
    (decision,) = decide(mia, mine, action="warn", reason=REASON)
    made = appeal(bob, decision.pk, text="I was quoting her")
    client, answer = entered(sara), f"appeal/{made.pk}"
    html = client.get("/admin/moderation/appeal/").content.decode()
    assert f'href="/admin/moderation/appeal/{made.pk}/change/' in html
    assert client.get(f"/admin/moderation/appeal/{made.pk}/change/")["Location"] == page(mine)
    assert "I was quoting her" in shown(client, mine) and f"/{answer}/" in shown(client, mine)
    # Not by who decided, who is shown no form for it.
    assert f"/{answer}/" not in shown(entered(mia), mine)
    assert act(client, mine, answer, grant="perhaps", reason="x").status_code == 404
    act(client, mine, answer, grant="yes", reason="So she was")
    decision.refresh_from_db()
    assert decision.undone_by == sara
    assert "0 appeals" in client.get("/admin/moderation/appeal/").content.decode()
    assert numbers(client, "?state=all") == [mine.pk]


def test_the_list_shows_first_what_needs_somebody(
    mia: User, max: User, alice: User, bob: User, group: Chat
) -> None:
    cases = []
    for number in range(5):
        sent = send_message(bob, chat=group.id, content=f"{number}").message
        case = report_message(alice, message=sent.id, reason=("spam", "hate")[number % 2]).case
        opened = timezone.now() - timedelta(hours=5 - number)
        Case.objects.filter(pk=case.pk).update(opened_at=opened)
        cases.append(case)
    assigned(cases[0], mia)
    assigned(cases[1], max)
    claim(max, assigned(cases[4], max))
    decide(max, cases[4], action="dismiss", reason="Nothing here is against the rules.")
    ids = [case.pk for case in cases]
    client = entered(mia)
    assert numbers(client) == [ids[2], ids[3], ids[0], ids[1]]
    assert numbers(client, "?whose=mine") == [ids[0]]
    assert numbers(client, "?whose=nobodys&reason=hate") == [ids[3]]
    assert numbers(client, "?whose=others") == [ids[1]]
    assert numbers(client, "?state=closed") == [ids[4]]
    assert numbers(client, "?state=all") == ids[::-1]
    assert numbers(client, f"?q={ids[1]}&kind__exact=message") in ([ids[1]], ids[2:4] + ids[:2])
    assert numbers(client, "?q=BOB") == numbers(client, f"?q={bob.pk}")[:4] == numbers(client)
    assert numbers(client, "?q=alice") == []
    assert "Spam or advertising" in client.get(CASES).content.decode()


def test_cases_are_claimed_together(mia: User, max: User, alice: User, case: Case) -> None:
    other = assigned(report_person(alice, user=make_user("eve").pk, reason="other").case, max)
    chosen = {"action": "claim", "_selected_action": [case.pk, other.pk]}
    answer = entered(mia).post(CASES, chosen, follow=True)
    assert sorted(said(answer)) == [
        "1 case is yours.",
        f"case {other.pk}: Somebody else has this case.",
    ]
    assert numbers(entered(mia), "?whose=mine") == [case.pk]


def test_what_was_decided_about_somebody_before_is_on_the_page(
    mia: User, max: User, alice: User, bob: User, group: Chat, mine: Case
) -> None:
    for action in ("warn", "warn", "mute"):
        sent = send_message(bob, chat=group.id, content="x").message
        before = assigned(report_message(alice, message=sent.id, reason="spam").case, max)
        until = timezone.now() + timedelta(days=1) if action == "mute" else None
        decide(max, before, action=action, reason="Third time today", until=until)
    html = shown(entered(mia), mine)
    assert "Warn the person: <b>2</b>, Mute the person everywhere: <b>1</b>" in html or (
        "Mute the person everywhere: <b>1</b>, Warn the person: <b>2</b>" in html
    )
    assert html.count("Third time today") == 3


def test_the_page_of_a_case_takes_as_many_queries_with_much_on_it(
    mia: User, alice: User, bob: User, group: Chat, mine: Case, django_assert_num_queries: Any
) -> None:
    client = entered(mia)
    shown(client, mine)
    with django_assert_num_queries(20) as counted:
        shown(client, mine)
    few = len(counted)
    for number in range(15):
        report_message(
            join(group, f"reporter{number}"), message=mine.message_id or 0, reason="spam"
        )
    with django_assert_num_queries(few):
        assert "@reporter14" in shown(client, mine)


def join(group: Chat, name: str) -> User:
    person = make_user(name)
    group.memberships.create(user=person)
    return person


def test_a_case_that_is_not_there_is_not_found(mia: User) -> None:
    client = entered(mia)
    for id in ("987654", "9" * 40, "x", "-1", "1.0", "_5F"):
        assert client.get(f"{CASES}{id}/change/").status_code in (302, 404), id
        # Where it is no number, the admin takes it for one of its own, and says so then.
        assert client.post(f"{CASES}{id}/claim/").status_code in (302, 404), id


def test_a_rule_is_written_tried_switched_on_and_deleted(
    sara: User, alice: User, bob: User, group: Chat
) -> None:
    client, rules = entered(sara), "/admin/moderation/rule/"
    for text in ("come to the CASINO", "a casino!", "between us"):
        send_message(bob, chat=group.id, content=text)
    form = {"name": "Spam", "kind": "words", "patterns": "casino\n*\nx", "mode": "hold"}
    html = client.post(f"{rules}add/", form).content.decode()
    assert "line 2" in html and "line 3" in html and not Rule.objects.exists()
    client.post(f"{rules}add/", {**form, "patterns": "casino", "is_on": "on"})
    rule = Rule.objects.get()
    assert not rule.is_on and AuditEntry.objects.latest("number").action == "rule.added"
    html = client.get(f"{rules}{rule.pk}/try/?days=7").content.decode()
    assert "CASINO" not in html and AuditEntry.objects.count() == 1
    html = client.post(f"{rules}{rule.pk}/try/", {"days": "7"}).content.decode()
    assert "<dd>2</dd>" in html and "CASINO" in html and "between us" not in html
    assert "come to the" not in html
    client.post(f"{rules}{rule.pk}/switch/", {"on": "yes"})
    rule.refresh_from_db()
    assert rule.is_on
    client.post(
        f"{rules}{rule.pk}/change/", {**form, "patterns": "casino\nlottery", "mode": "flag"}
    )
    rule.refresh_from_db()
    assert (rule.patterns.split(), rule.mode, rule.is_on) == (["casino", "lottery"], "flag", True)
    # One that is at work is switched off first.
    answer = client.post(f"{rules}{rule.pk}/delete/", {"post": "yes"}, follow=True)
    assert said(answer)[-1] == "Switch it off first." and Rule.objects.exists()
    client.post(f"{rules}{rule.pk}/switch/", {"on": "no"})
    client.post(f"{rules}{rule.pk}/delete/", {"post": "yes"})
    assert not Rule.objects.exists()
    actions = AuditEntry.objects.order_by("number").values_list("action", flat=True)
    switched = ["rule.switched", "rule.changed", "rule.switched"]
    assert list(actions) == ["rule.added", "rule.tried", *switched, "rule.deleted"]


def test_a_trial_that_took_too_long_says_so_and_a_second_one_has_to_wait(
    sara: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_message(bob, chat=group.id, content="a casino")
    rule = Rule.objects.create(name="Spam", kind="words", patterns="casino", mode="hold")
    client, page = entered(sara), f"/admin/moderation/rule/{rule.pk}/try/"
    monkeypatch.setattr("moderation.admin.rules.MOST_SECONDS", 0.0)
    html = client.post(page).content.decode()
    assert "only the newest 0 were looked at" in html and "was stopped" in html
    with trial._one_at_a_time:
        answer = client.post(page, follow=True)
    assert said(answer) == ["A rule is being tried at this moment. Try it again in some seconds."]
    assert AuditEntry.objects.filter(action="rule.tried").count() == 1


def test_a_trial_is_not_to_be_had_from_another_site(sara: User) -> None:
    rule = Rule.objects.create(name="Spam", kind="words", patterns="casino", mode="hold")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(sara)
    assert browser.post(f"/admin/moderation/rule/{rule.pk}/try/").status_code == 403
    assert not AuditEntry.objects.exists()


def test_the_audit_log_is_searched_by_what_was_done_by_whom_and_to_what(
    mia: User, max: User, adam: User, mine: Case
) -> None:
    (decision,) = decide(mia, mine, action="warn", reason=REASON)
    log, client = "/admin/moderation/auditentry/", entered(adam)

    def found(query: str) -> list[int]:
        rows = client.get(log, {"q": query}).context["cl"].result_list
        return [entry.number for entry in rows]

    assert found("") == found(f"case {mine.pk}") == found("mia") == found("case.") == [2, 1]
    assert found("case.decided") == [2] and found("MAX") == found(f"chat {mine.pk}") == []
    html = client.get(f"{log}2/change/").content.decode()
    entry = AuditEntry.objects.get(number=2)
    assert entry.hash in html and entry.previous in html and REASON in html
    assert str(decision.pk) in html and isinstance(decision, Decision)
