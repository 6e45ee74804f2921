"""The groups of moderators, what they may do, and who is in them."""

from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from messenger.errors import Forbidden, Invalid
from messenger.texts import one_of
from moderation.audit import record
from moderation.powers import ADMINISTRATOR, MODERATOR, RANKS, SENIOR, must, rank
from moderation.words import checked_reason

OF_MODERATORS = [
    "accounts.view_user",
    "chats.view_chat",
    "moderation.handle_case",
    "moderation.view_appeal",
    "moderation.view_case",
    "moderation.view_dashboard",
    "moderation.view_decision",
    "moderation.view_report",
]
OF_SENIORS = [
    *OF_MODERATORS,
    "chats.change_chat",
    "messaging.view_message",
    "moderation.add_rule",
    "moderation.assign_case",
    "moderation.ban_person",
    "moderation.change_rule",
    "moderation.decide_appeal",
    "moderation.delete_rule",
    "moderation.open_chat",
    "moderation.undo_decision",
    "moderation.view_opening",
    "moderation.view_rule",
]
OF_ADMINISTRATORS = [
    *OF_SENIORS,
    "accounts.add_user",
    "accounts.appoint",
    "accounts.change_user",
    "accounts.erase_user",
    "accounts.export_user",
    "accounts.view_email",
    "moderation.view_auditentry",
]
GROUPS = {MODERATOR: OF_MODERATORS, SENIOR: OF_SENIORS, ADMINISTRATOR: OF_ADMINISTRATORS}
ROLES = {"moderator": MODERATOR, "senior": SENIOR, "administrator": ADMINISTRATOR}


def make_groups(apps: Any) -> None:
    """
    The groups with their permissions, for a migration. Django makes the permissions of a new
    database only after all migrations: those that are missing are made here, as it would.
    """
    for name, permissions in GROUPS.items():
        group, _new = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.set([_permission(apps, *one.split(".")) for one in permissions])


def drop_groups(apps: Any) -> None:
    apps.get_model("auth", "Group").objects.filter(name__in=GROUPS).delete()


def appoint(actor: User, user: User, role: str | None, *, reason: str) -> None:
    """
    Make somebody a "moderator", a "senior" one or an "administrator", instead of what they were of
    these; None takes all of it from them. Other groups and what they have begun stay. Forbidden for
    oneself and superusers, and for all but superusers where an administrator is made or unmade.
    """
    must(actor, "accounts.appoint")
    if role is not None and role not in ROLES:
        raise Invalid.field("role", one_of(ROLES))
    reason = checked_reason(reason)
    with transaction.atomic():
        person = User.objects.select_for_update(no_key=True).get(id=user.id)
        if person.id == actor.id:
            raise Forbidden(_("Nobody appoints themselves."))
        if person.is_superuser:
            raise Forbidden(_("A superuser has all powers."))
        highest = max(rank(person), list(ROLES).index(role) + 1 if role else 0)
        if highest >= len(RANKS) and not actor.is_superuser:
            raise Forbidden(_("Only a superuser makes and unmakes administrators."))
        if role is not None and (person.is_service or not person.is_active):
            raise Invalid.field("user", _("this person can't sign in"))
        before = [name for name in RANKS if person.groups.filter(name=name).exists()]
        person.groups.remove(*Group.objects.filter(name__in=RANKS))
        if role is not None:
            person.groups.add(Group.objects.get(name=ROLES[role]))
        User.objects.filter(id=person.id).update(is_staff=role is not None)
        record(actor, "staff.appointed", person, reason=reason, role=role, before=before)
    user.refresh_from_db()


def _permission(apps: Any, app: str, codename: str) -> Any:
    types = apps.get_model("contenttypes", "ContentType").objects
    for model in apps.get_app_config(app).get_models():
        meta = model._meta
        names = dict(meta.permissions)
        for action in meta.default_permissions:
            names[f"{action}_{meta.model_name}"] = f"Can {action} {meta.verbose_name_raw}"
        if codename in names:
            made_for, _new = types.get_or_create(app_label=app, model=meta.model_name)
            permissions = apps.get_model("auth", "Permission").objects
            return permissions.get_or_create(
                content_type=made_for, codename=codename, defaults={"name": names[codename]}
            )[0]
    raise LookupError(f"{app}.{codename}")
