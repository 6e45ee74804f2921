"""The groups of moderators, and who puts whom into them."""

from functools import partial
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType

from accounts.models import User
from accounts.services import ban, service_account
from messenger.errors import Forbidden, Invalid
from moderation.models import AuditEntry
from moderation.powers import rank
from moderation.services import appoint
from moderation.staff import GROUPS, make_groups
from tests.people import make_user

WHY = "Trusted for years"


def fresh(user: User) -> User:
    """Without the permissions that it remembers."""
    return User.objects.get(id=user.id)


def names(user: User) -> set[str]:
    return set(user.groups.values_list("name", flat=True))


def test_the_migration_made_each_group_with_its_permissions() -> None:
    for name, permissions in GROUPS.items():
        rows = Group.objects.get(name=name).permissions.values_list(
            "content_type__app_label", "codename"
        )
        assert {f"{app}.{codename}" for app, codename in rows} == set(permissions)


def test_each_permission_is_the_one_that_django_makes() -> None:
    """The migration makes those that are missing: a second one of a name would give nothing."""
    assert Permission.objects.filter(codename="handle_case").count() == 1
    view = Permission.objects.get(codename="view_case")
    assert view.name == "Can view case"
    assert view.content_type == ContentType.objects.get(app_label="moderation", model="case")


def test_making_the_groups_again_changes_nothing() -> None:
    before = set(Permission.objects.values_list("id", flat=True))
    make_groups(apps)
    assert set(Permission.objects.values_list("id", flat=True)) == before
    assert Group.objects.filter(name__in=GROUPS).count() == 3


def test_a_higher_rank_has_what_a_lower_one_has() -> None:
    moderator, senior, administrator = map(set, GROUPS.values())
    assert moderator < senior < administrator


def test_nobody_below_an_administrator_sees_e_mails_or_appoints(
    mia: User, sara: User, adam: User
) -> None:
    own = {"accounts.view_email", "accounts.appoint", "accounts.erase_user", "accounts.change_user"}
    for person in (mia, sara):
        assert not own & person.get_all_permissions()
    assert own <= adam.get_all_permissions()


def test_no_moderator_reads_messages_by_rank_alone(mia: User) -> None:
    assert not mia.has_perm("messaging.view_message")
    assert not mia.has_perm("moderation.open_chat") and not mia.has_perm("moderation.ban_person")


def test_ranks_go_up(alice: User, mia: User, sara: User, adam: User, root_user: User) -> None:
    assert [rank(one) for one in (alice, mia, sara, adam, root_user)] == [0, 1, 2, 3, 4]
    assert rank(make_user("other", is_staff=True)) == 1


def test_an_administrator_appoints_raises_and_dismisses(alice: User, adam: User) -> None:
    own = Group.objects.create(name="Gardeners")
    alice.groups.add(own)
    appoint(adam, alice, "moderator", reason=WHY)
    assert alice.is_staff and names(alice) == {"Gardeners", "Moderator"}
    assert fresh(alice).has_perm("moderation.handle_case")
    appoint(adam, alice, "senior", reason=WHY)
    assert names(alice) == {"Gardeners", "Senior moderator"}
    appoint(adam, alice, None, reason="Moves away")
    assert not alice.is_staff and names(alice) == {"Gardeners"}
    assert not fresh(alice).has_perm("moderation.handle_case")
    own.delete()
    entries = AuditEntry.objects.order_by("number")
    assert [(one.action, one.target, one.actor_id) for one in entries] == [
        ("staff.appointed", f"user {alice.id}", adam.id)
    ] * 3
    assert [one.facts for one in entries] == [
        {"role": "moderator", "before": []},
        {"role": "senior", "before": ["Moderator"]},
        {"role": None, "before": ["Senior moderator"]},
    ]
    assert entries[2].reason == "Moves away"


def test_only_a_superuser_makes_and_unmakes_administrators(
    alice: User, adam: User, root_user: User
) -> None:
    with pytest.raises(Forbidden):
        appoint(adam, alice, "administrator", reason=WHY)
    appoint(root_user, alice, "administrator", reason=WHY)
    for role in ("moderator", "senior", "administrator", None):
        with pytest.raises(Forbidden):
            appoint(adam, alice, role, reason=WHY)
    assert names(alice) == {"Administrator"}
    appoint(root_user, alice, None, reason=WHY)
    assert names(alice) == set()


def test_nobody_raises_themselves_or_touches_a_superuser(adam: User, root_user: User) -> None:
    second = User.objects.create_superuser("second@example.org", username="second")
    for actor, user in [(adam, adam), (root_user, root_user), (adam, second), (root_user, second)]:
        for role in ("moderator", None):
            with pytest.raises(Forbidden):
                appoint(actor, user, role, reason=WHY)
    assert not AuditEntry.objects.exists() and fresh(second).is_superuser


def test_who_does_not_appoint_appoints_nobody(
    alice: User, bob: User, mia: User, sara: User
) -> None:
    for actor in (bob, mia, sara):
        for role in ("moderator", "administrator", None):
            with pytest.raises(Forbidden):
                appoint(actor, alice, role, reason=WHY)
    assert not fresh(alice).is_staff


@pytest.mark.parametrize("role", ["", "Moderator", "superuser", "staff\x00"])
def test_there_are_three_roles(alice: User, adam: User, role: str) -> None:
    with pytest.raises(Invalid) as caught:
        appoint(adam, alice, role, reason=WHY)
    assert set(caught.value.errors) == {"role"}


@pytest.mark.parametrize("reason", ["", " ", "x" * 1001])
def test_an_appointment_has_a_reason(alice: User, adam: User, reason: str) -> None:
    with pytest.raises(Invalid):
        appoint(adam, alice, "moderator", reason=reason)


def test_who_can_not_sign_in_is_not_appointed_but_dismissed(
    bob: User, mia: User, adam: User
) -> None:
    ban(bob)
    ban(mia)
    wrong: list[Any] = [fresh(bob), service_account()]
    for user in wrong:
        with pytest.raises(Invalid):
            appoint(adam, user, "moderator", reason=WHY)
    appoint(adam, mia, None, reason="Left")
    assert names(mia) == set()


def test_a_stale_copy_of_who_was_raised_since_decides_nothing(
    alice: User, adam: User, root_user: User
) -> None:
    stale = partial(appoint, adam, fresh(alice), "moderator", reason=WHY)
    appoint(root_user, alice, "administrator", reason=WHY)
    with pytest.raises(Forbidden):
        stale()
