"""Who has a case: claim it, give it back, hand it on, start one."""

from functools import partial
from typing import Any

import pytest

from accounts.models import User
from accounts.services import service_account
from chats.models import Chat
from messenger.errors import Conflict, Forbidden, Invalid, NotFound
from moderation.models import AuditEntry, Case
from moderation.powers import ADMINISTRATOR
from moderation.services import (
    assign,
    case_for,
    claim,
    decide,
    evidence_for,
    open_case,
    queue,
    reasons_of,
    release,
    report_person,
)
from tests.moderation.conftest import staff
from tests.races import at_once


def audited() -> list[tuple[str, int | None, str]]:
    return list(AuditEntry.objects.order_by("number").values_list("action", "actor_id", "target"))


def test_a_claimed_case_is_the_moderators(mia: User, max: User, case: Case) -> None:
    claim(mia, case)
    assert case.assignee == mia and case.claimed_at is not None
    claim(mia, case)
    with pytest.raises(Conflict):
        claim(max, case)
    assert audited() == [("case.claimed", mia.id, f"case {case.id}")]


def test_of_two_who_claim_at_once_one_has_it(mia: User, max: User, case: Case) -> None:
    outcomes = at_once(
        partial(claim, mia, Case.objects.get(id=case.id)),
        partial(claim, max, Case.objects.get(id=case.id)),
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["Conflict", "NoneType"]
    case.refresh_from_db()
    assert case.assignee == (mia if outcomes[0] is None else max)
    assert [one[0] for one in audited()] == ["case.claimed"]


def test_a_case_is_given_back_by_who_has_it_or_who_assigns(
    mia: User, max: User, sara: User, mine: Case
) -> None:
    with pytest.raises(Forbidden):
        release(max, mine)
    release(mia, mine)
    assert mine.assignee is None and mine.claimed_at is None
    release(mia, mine)
    claim(max, mine)
    release(sara, mine)
    assert mine.assignee is None
    assert [one[0] for one in audited()].count("case.released") == 2


def test_a_senior_gives_a_case_to_a_moderator(
    alice: User, mia: User, max: User, sara: User, mine: Case
) -> None:
    with pytest.raises(Forbidden):
        assign(mia, mine, max)
    assign(sara, mine, max)
    assert mine.assignee == max
    entry = AuditEntry.objects.first()
    assert entry is not None and (entry.action, entry.facts) == (
        "case.assigned",
        {"to": max.id, "assignee": mia.id},
    )
    with pytest.raises(Invalid):
        assign(sara, mine, alice)


def test_a_closed_case_is_nobodys_to_take(mia: User, max: User, sara: User, mine: Case) -> None:
    decide(mia, mine, action="dismiss", reason="Fine")
    for act in (
        partial(claim, max, mine),
        partial(release, mia, mine),
        partial(assign, sara, mine, max),
    ):
        with pytest.raises(Conflict):
            act()


def test_who_has_a_part_in_a_case_does_not_get_it(
    alice: User, bob: User, mia: User, sara: User, case: Case, group: Chat
) -> None:
    about = report_person(alice, user=mia.id, reason="abuse").case
    mine = report_person(mia, user=bob.id, reason="abuse").case
    for one in (about, mine):
        with pytest.raises(Forbidden):
            claim(mia, one)
        with pytest.raises(Forbidden):
            assign(sara, one, mia)
    assert not audited()


def test_nor_does_who_has_a_part_in_it_move_it_or_see_its_evidence(
    alice: User, bob: User, charlie: User, mia: User, max: User, sara: User, sam: User
) -> None:
    reported = report_person(sara, user=bob.id, reason="abuse").case
    equal, about = (report_person(alice, user=one.id, reason="abuse").case for one in (sam, sara))
    for case in (reported, equal, about):
        Case.objects.filter(id=case.id).update(assignee=mia)
    before = audited()
    for case in (reported, equal, about):
        for act in (release, partial(assign, to=max), evidence_for):
            with pytest.raises(Forbidden):
                act(sara, case)
    # Even of what is one's own by now: that can only be given back.
    mine = report_person(alice, user=charlie.id, reason="abuse").case
    claim(mia, mine)
    report_person(mia, user=charlie.id, reason="abuse")
    with pytest.raises(Forbidden):
        evidence_for(mia, mine)
    release(mia, mine)
    assert [one[0] for one in audited()[len(before) :]] == ["case.claimed", "case.released"]


def test_a_case_about_staff_is_for_who_is_above_them(
    alice: User, mia: User, max: User, sara: User, sam: User, adam: User, root_user: User
) -> None:
    def about(person: User) -> Case:
        return report_person(alice, user=person.id, reason="abuse").case

    other = staff("other", ADMINISTRATOR)
    superuser = about(root_user)
    for case, below, above in [
        (about(mia), max, sara),
        (about(sara), sam, adam),
        (about(adam), other, root_user),
        (superuser, adam, User.objects.create_superuser("x@y.org", username="second")),
    ]:
        with pytest.raises(Forbidden):
            claim(below, case)
        claim(above, case)


@pytest.mark.parametrize("who", ["alice", "bob", "charlie"])
def test_people_without_powers_do_nothing_here(who: str, request: Any, case: Case) -> None:
    person: User = request.getfixturevalue(who)
    for act in (
        partial(claim, person, case),
        partial(release, person, case),
        partial(assign, person, case, person),
        partial(open_case, person, user=case.person, reason="x"),
        partial(case_for, person, case.id),
        partial(evidence_for, person, case),
    ):
        with pytest.raises(Forbidden):
            act()
    assert not audited()


def test_a_banned_moderator_does_nothing_here(mia: User, mine: Case) -> None:
    User.objects.filter(id=mia.id).update(is_active=False)
    banned = User.objects.get(id=mia.id)
    with pytest.raises(Forbidden):
        decide(banned, mine, action="dismiss", reason="Fine")
    with pytest.raises(Forbidden):
        evidence_for(banned, mine)


def test_a_moderator_starts_a_case_and_decides_it(bob: User, mia: User) -> None:
    case = open_case(mia, user=bob, reason="Seen in the cafe")
    assert (case.kind, case.person, case.assignee, case.reports_count) == ("person", bob, mia, 1)
    [report] = case.reports.all()
    assert (report.reporter, report.comment) == (None, "Seen in the cafe")
    [decision] = decide(mia, case, action="warn", reason="Stop")
    assert decision.person == bob
    assert [one[0] for one in audited()] == ["case.opened", "case.decided"]


def test_a_started_case_is_the_open_one_if_nobody_has_it(
    alice: User, bob: User, mia: User, max: User
) -> None:
    reported = report_person(alice, user=bob.id, reason="abuse").case
    case = open_case(mia, user=bob, reason="So have I")
    assert case == reported and case.assignee == mia and case.reports_count == 2
    with pytest.raises(Conflict):
        open_case(max, user=bob, reason="Me too")


def test_no_case_is_started_about_oneself_the_service_or_who_is_not_below(
    mia: User, max: User
) -> None:
    for person in (mia, max):
        with pytest.raises(Forbidden):
            open_case(mia, user=person, reason="x")
    with pytest.raises(Invalid):
        open_case(mia, user=service_account(), reason="x")
    assert not Case.objects.exists()


# --- looking ---------------------------------------------------------------------------------


def test_the_evidence_is_for_who_has_the_case(mia: User, max: User, case: Case) -> None:
    for one in (mia, max):
        with pytest.raises(Forbidden):
            evidence_for(one, case)
    claim(mia, case)
    [seen] = evidence_for(mia, case)
    assert seen.content["message"]["content"] == "You are all stupid"
    with pytest.raises(Forbidden):
        evidence_for(max, case)
    assert [one[0] for one in audited()] == ["case.claimed"]


def test_who_assigns_cases_sees_the_evidence_and_that_is_noted(
    alice: User, sara: User, mine: Case
) -> None:
    assert len(evidence_for(sara, mine)) == 1
    assert audited()[-1] == ("evidence.seen", sara.id, f"case {mine.id}")
    about = report_person(alice, user=sara.id, reason="abuse").case
    with pytest.raises(Forbidden):
        evidence_for(sara, about)


def test_a_case_that_is_not_there_is_not_found(mia: User, case: Case) -> None:
    assert case_for(mia, case.id) == case
    with pytest.raises(NotFound):
        case_for(mia, -1)


def test_the_queue_has_nobodys_first_and_the_oldest_before_others(
    alice: User, bob: User, charlie: User, mia: User, mine: Case
) -> None:
    first = report_person(alice, user=bob.id, reason="spam").case
    second = report_person(alice, user=charlie.id, reason="spam").case
    assert list(queue()) == [first, second, mine]
    decide(mia, mine, action="dismiss", reason="Fine")
    assert list(queue()) == [first, second] and list(queue("closed")) == [mine]
    assert list(queue(None)) == [first, second, mine]


def test_the_reasons_of_cases_are_counted(
    alice: User, bob: User, charlie: User, case: Case
) -> None:
    person = report_person(alice, user=bob.id, reason="spam").case
    report_person(charlie, user=bob.id, reason="spam")
    assert reasons_of([case.id, person.id]) == {case.id: {"abuse": 1}, person.id: {"spam": 2}}
