"""What moderators try that is above them: all that is stored stays as it is."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from chats.models import Chat
from messaging.models import Message
from moderation.models import AuditEntry, Case, Decision
from moderation.powers import ADMINISTRATOR
from moderation.services import appeal, decide, report_message, report_person
from tests.moderation.admin_world import (
    CASES,
    CHATS,
    MESSAGES,
    PEOPLE,
    assigned,
    entered,
    said,
    stored,
)

# Who may do what does not depend on where it is kept.
pytestmark = pytest.mark.once

REASON = "Because I say so"
NEW = {"password1": "battery-staple-8", "password2": "battery-staple-8", "usable_password": "true"}
RAISED = {"is_staff": "on", "is_superuser": "on", "is_active": "on"}


@pytest.fixture
def unchanged() -> Any:
    """Runs what is tried, and looks at what is stored before and after."""

    def tried(act: Callable[[], Any]) -> Any:
        before = stored()
        answer = act()
        assert stored() == before
        assert answer.status_code < 500
        return answer

    return tried


def post(client: Client, path: str, **form: Any) -> Callable[[], Any]:
    return lambda: client.post(path, form, follow=True)


def powers(*users: User) -> list[Any]:
    return [
        (user.is_staff, user.is_superuser, sorted(user.get_all_permissions()))
        for user in User.objects.filter(pk__in=[user.pk for user in users]).order_by("pk")
    ]


def test_a_moderator_raises_nobody(mia: User, sara: User, alice: User, unchanged: Any) -> None:
    everything = [str(id) for id in Permission.objects.values_list("pk", flat=True)]
    for moderator in (mia, sara):
        client = entered(moderator)
        for user in (moderator, mia, alice):
            page = f"{PEOPLE}{user.pk}/change/"
            form = {"username": user.username, "name": "New", "email": user.email}
            for more in ({}, RAISED, {"groups": ["1", "2", "3"]}, {"user_permissions": everything}):
                assert unchanged(post(client, page, **form, **more)).status_code == 403
            password = f"{PEOPLE}{user.pk}/password/"
            assert unchanged(post(client, password, **NEW)).status_code == 403
            appointing = f"{PEOPLE}{user.pk}/appoint/"
            role = {"role": "administrator", "reason": REASON}
            assert unchanged(post(client, appointing, **role)).status_code == 403
        assert unchanged(post(client, f"{PEOPLE}add/", **NEW, **RAISED)).status_code == 403
        assert unchanged(post(client, "/admin/auth/group/1/change/", name="x")).status_code == 403


def test_an_administrator_changes_names_and_no_powers(
    adam: User, sara: User, alice: User, unchanged: Any
) -> None:
    client, before = entered(adam), powers(adam, alice)
    everything = [str(id) for id in Permission.objects.values_list("pk", flat=True)]
    for user in (adam, alice):
        form = {"username": user.username, "name": "New", "email": user.email, **RAISED}
        groups = ["1", "2", "3"]
        page = f"{PEOPLE}{user.pk}/change/"
        client.post(page, {**form, "groups": groups, "user_permissions": everything})
        assert User.objects.get(pk=user.pk).name == "New"
    assert powers(adam, alice) == before
    # Of another moderator not even a name, nor a password.
    page = f"{PEOPLE}{sara.pk}/"
    assert (
        unchanged(post(client, f"{page}change/", username="x", email="x@x.org")).status_code == 403
    )
    assert unchanged(post(client, f"{page}password/", **NEW)).status_code == 403


def test_an_administrator_appoints_neither_himself_nor_his_equals(
    adam: User, alice: User, root_user: User, unchanged: Any
) -> None:
    client = entered(adam)
    equal = User.objects.create_user("eve@example.org", username="eve", is_staff=True)
    equal.groups.set(adam.groups.filter(name=ADMINISTRATOR))
    for user, role in (
        (adam, "senior"),
        (alice, "administrator"),
        (equal, ""),
        (equal, "moderator"),
        (root_user, "moderator"),
        (alice, "owner"),
    ):
        unchanged(post(client, f"{PEOPLE}{user.pk}/appoint/", role=role, reason=REASON))


def test_an_administrator_erases_and_exports_nobody_as_high(
    adam: User, root_user: User, unchanged: Any
) -> None:
    client = entered(adam)
    erase = post(client, f"{PEOPLE}{root_user.pk}/erase/", username="root", reason=REASON)
    assert "Take away this person" in unchanged(erase).content.decode()
    export = post(client, f"{PEOPLE}{root_user.pk}/export/", reason=REASON)
    answer = unchanged(export)
    assert "attachment" not in answer.headers.get("Content-Disposition", "")
    assert "somebody else decides" in answer.content.decode()


def test_nobody_decides_about_themselves_or_what_they_reported(
    mia: User, bob: User, alice: User, group: Chat, message: Message, unchanged: Any
) -> None:
    about_mia = report_person(alice, user=mia.pk, reason="abuse").case
    group.memberships.create(user=mia)
    reported = report_message(mia, message=message.pk, reason="abuse").case
    client, form = entered(mia), {"action": "dismiss", "reason": REASON}
    claimed = unchanged(post(client, f"{CASES}{reported.pk}/claim/"))
    assert said(claimed)[0].startswith("You reported this")
    # Even where it became theirs in some way.
    assigned(reported, mia)
    answer = unchanged(post(client, f"{CASES}{reported.pk}/decide/", **form))
    assert "You reported this" in answer.content.decode()
    # Who complained of them is not for them to see.
    assigned(about_mia, mia)
    for answer in (
        client.get(f"{CASES}{about_mia.pk}/change/", follow=True),
        unchanged(post(client, f"{CASES}{about_mia.pk}/claim/")),
        unchanged(post(client, f"{CASES}{about_mia.pk}/decide/", **form)),
        client.get(CASES),
    ):
        assert "Alice" not in answer.content.decode()
    assert f"{CASES}{about_mia.pk}/" not in client.get(CASES).content.decode()


def test_of_what_one_reported_one_sees_no_evidence(
    sara: User, bob: User, group: Chat, message: Message, unchanged: Any
) -> None:
    group.memberships.create(user=sara)
    case = report_message(sara, message=message.pk, reason="abuse").case
    client = entered(sara)
    for answer in (
        client.get(f"{CASES}{case.pk}/change/"),
        unchanged(post(client, f"{CASES}{case.pk}/evidence/")),
    ):
        page = answer.content.decode()
        assert "You are all stupid" not in page and "Show the evidence" not in page


def test_ones_own_page_says_nothing_of_ones_cases(
    mia: User, sara: User, alice: User, bob: User
) -> None:
    case = report_person(alice, user=mia.pk, reason="abuse").case
    (decision,) = decide(sara, assigned(case, sara), action="warn", reason=REASON)
    appeal(mia, decision.pk, text="No!")
    report_person(alice, user=mia.pk, reason="spam")
    own, seen = (entered(user).get(f"{PEOPLE}{mia.pk}/change/") for user in (mia, sara))
    assert f"{CASES}{case.pk}/" in seen.content.decode()
    assert CASES.encode() + b"1" not in own.content and REASON not in own.content.decode()
    assert own.context["moderation"] is None
    appeals = "/admin/moderation/appeal/"
    assert entered(mia).get(appeals).context["cl"].result_count == 0
    assert entered(sara).get(appeals).context["cl"].result_count == 1


def test_ones_own_account_is_not_erased_in_the_admin(adam: User, unchanged: Any) -> None:
    erase = post(entered(adam), f"{PEOPLE}{adam.pk}/erase/", username="adam", reason=REASON)
    assert "Your own account you delete" in unchanged(erase).content.decode()


def test_the_account_of_notices_is_not_exported(root_user: User, unchanged: Any) -> None:
    service = accounts.service_account()
    export = post(entered(root_user), f"{PEOPLE}{service.pk}/export/", reason=REASON)
    assert "Notices come from this account." in unchanged(export).content.decode()


def test_nobody_decides_about_their_equals_and_a_superuser_is_not_shut_out(
    sara: User, sam: User, root_user: User, alice: User, adam: User, unchanged: Any
) -> None:
    cases = [report_person(alice, user=user.pk, reason="abuse").case for user in (sam, root_user)]
    for case in cases:
        unchanged(post(entered(sara), f"{CASES}{case.pk}/claim/"))
        assigned(case, sara)
        for action in ("ban", "warn"):
            form = {"action": action, "end": "none", "reason": REASON}
            unchanged(post(entered(sara), f"{CASES}{case.pk}/decide/", **form))
    other = User.objects.create_superuser("two@example.org", username="two")
    form = {"action": "ban", "end": "none", "reason": REASON}
    unchanged(post(entered(other), f"{CASES}{assigned(cases[1], other).pk}/decide/", **form))
    chosen = {"_selected_action": [sam.pk, root_user.pk, sara.pk], "reason": REASON}
    unchanged(post(entered(sara), PEOPLE, action="ban", **chosen))


def test_a_moderator_goes_no_further_than_a_moderator_may(
    mia: User, max: User, sara: User, bob: User, group: Chat, mine: Case, unchanged: Any
) -> None:
    client, decide_it = entered(mia), f"{CASES}{mine.pk}/decide/"
    late = timezone.now() + timedelta(days=8)
    for form in (
        {"action": "ban", "end": "none"},
        {"action": "close_chat"},
        {"action": "mute", "end": "month"},
        {"action": "mute", "until": f"{late:%Y-%m-%dT%H:%M}"},
        {"action": "appoint"},
    ):
        answer = unchanged(post(client, decide_it, **form, reason=REASON))
        assert 'role="alert"' in answer.content.decode()
    assign = post(client, f"{CASES}{mine.pk}/assign/", to=max.pk)
    assert unchanged(assign).status_code == 403
    for path, action, chosen in (
        (PEOPLE, "ban", bob.pk),
        (CHATS, "close", group.pk),
        (CHATS, "slow", group.pk),
        (PEOPLE, "delete_selected", bob.pk),
        (CASES, "delete_selected", mine.pk),
    ):
        form = {"action": action, "reason": REASON, "seconds": "9", "post": "yes"}
        unchanged(post(client, path, **form, _selected_action=chosen))


def test_anothers_decision_stands(
    mia: User, max: User, sara: User, bob: User, case: Case, unchanged: Any
) -> None:
    (decision,) = decide(max, assigned(case, max), action="remove", reason=REASON)
    client = entered(mia)
    undo = f"{CASES}{case.pk}/undo/{decision.pk}/"
    assert undo not in client.get(f"{CASES}{case.pk}/change/").content.decode()
    answer = unchanged(post(client, undo, reason=REASON))
    assert said(answer) == ["You are not allowed to do this."]
    # Nor is it undone by naming it in a case of one's own.
    own = Case.objects.create(kind=Case.Kind.PERSON, person=bob, assignee=mia)
    assert (
        unchanged(post(client, f"{CASES}{own.pk}/undo/{decision.pk}/", reason="x")).status_code
        == 404
    )


def test_nobody_answers_an_appeal_against_themselves(
    sara: User, mia: User, bob: User, root_user: User, case: Case, unchanged: Any
) -> None:
    for moderator in (sara, root_user):
        found = Case.objects.create(kind=Case.Kind.PERSON, person=bob, assignee=moderator)
        (decision,) = decide(moderator, found, action="warn", reason=REASON)
        made = appeal(bob, decision.pk, text="No!")
        path = f"{CASES}{found.pk}/appeal/{made.pk}/"
        assert path not in entered(moderator).get(f"{CASES}{found.pk}/change/").content.decode()
        unchanged(post(entered(moderator), path, grant="no", reason=REASON))
        assert unchanged(post(entered(mia), path, grant="yes", reason=REASON)).status_code == 403


def test_a_moderator_reads_nothing_that_is_no_case_of_his(
    mia: User, max: User, bob: User, group: Chat, case: Case, unchanged: Any
) -> None:
    assigned(case, max)
    (earlier,) = decide(max, case, action="warn", reason=REASON)
    client, text = entered(mia), "You are all stupid"
    assert isinstance(earlier, Decision)
    for path in (
        CASES,
        f"{CASES}{case.pk}/change/",
        f"{CASES}{case.pk}/history/",
        f"{CHATS}{group.pk}/change/",
        f"{CHATS}{group.pk}/stats/",
        f"{PEOPLE}{bob.pk}/change/",
        "/admin/",
        "/admin/moderation/dashboard/",
        f"{CASES}?message__content__startswith=You",
        f"{CASES}?evidence__content__contains=You",
        f"{CHATS}?messages__content__startswith=You",
        f"{PEOPLE}?messages__content__startswith=You",
    ):
        answer = client.get(path)
        assert answer.status_code in (200, 400) and text not in answer.content.decode(), path
    for path in (MESSAGES, f"{MESSAGES}{case.message_id}/change/", f"{CHATS}{group.pk}/open/"):
        assert client.get(path).status_code == 403, path
    assert unchanged(post(client, f"{CASES}{case.pk}/evidence/")).status_code == 403
    opening = post(client, f"{CHATS}{group.pk}/open/", reason=REASON)
    assert unchanged(opening).status_code == 403
    assert not AuditEntry.objects.filter(actor_id=mia.pk).exists()


def test_pages_of_others_act_for_nobody(sara: User, bob: User, mine: Case, unchanged: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(sara, "accounts.backends.LoginBackend")
    for path, form in (
        (f"{CASES}{mine.pk}/release/", {}),
        (f"{CASES}{mine.pk}/evidence/", {}),
        (f"{PEOPLE}{bob.pk}/case/", {"reason": REASON}),
        (PEOPLE, {"action": "ban", "_selected_action": bob.pk, "reason": REASON}),
    ):
        assert unchanged(post(client, path, **form)).status_code == 403


def test_who_has_lost_their_powers_is_out_at_once(
    mia: User, adam: User, mine: Case, unchanged: Any
) -> None:
    client = entered(mia)
    assert client.get(CASES).status_code == 200
    entered(adam).post(f"{PEOPLE}{mia.pk}/appoint/", {"role": "", "reason": REASON})
    form = {"action": "dismiss", "reason": REASON}
    answer = unchanged(post(client, f"{CASES}{mine.pk}/decide/", **form))
    assert answer.redirect_chain[0][0].startswith("/admin/login/")
    mia.refresh_from_db()
    assert not mia.is_staff
    accounts.ban(adam)
    assert entered(adam).get(CASES).status_code == 302
