"""Reading people and logins."""

import re
from collections.abc import Collection
from datetime import datetime
from functools import cache
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from accounts.models import Login, User, fold
from messenger.errors import NotFound, UnknownUsers
from messenger.ids import Ref, lookup
from messenger.prepared import Prepared
from messenger.texts import Sentence


def active_users(search: str = "") -> QuerySet[User]:
    """Everybody who can sign in, by id; `search` finds part of a name or username in any case."""
    users = User.objects.filter(is_active=True, is_service=False).order_by("id")
    if search:
        # Not `icontains`: SQLite's LIKE knows the two cases of ASCII letters only.
        in_name = Q(name__iregex=re.escape(search))
        users = users.filter(Q(username_key__contains=fold(search)) | in_name)
    return users


def named(login: str) -> User | None:
    """The person with this e-mail or username, in any case; banned ones too."""
    key = fold(login.strip())
    return User.objects.filter(Q(email_key=key) | Q(username_key=key)).order_by("id").first()


def user_for(ref: Ref) -> User:
    """The active person of an integer id or a UUID. NotFound if there is none."""
    try:
        return User.objects.get(is_active=True, **lookup(ref))
    except User.DoesNotExist:
        raise NotFound from None


def people(refs: Collection[Ref]) -> dict[Ref, User]:
    """Those of `refs` who are active people, by both forms of their ids. One query."""
    ids = [ref for ref in refs if not isinstance(ref, UUID)]
    uuids = [ref for ref in refs if isinstance(ref, UUID)]
    found: dict[Ref, User] = {}
    for user in User.objects.filter(Q(id__in=ids) | Q(uuid__in=uuids), is_active=True):
        found[user.id] = found[user.uuid] = user
    return found


def uuids_of(user_ids: Collection[int]) -> dict[int, UUID]:
    """The UUIDs of these people, banned ones too. One query."""
    return dict(User.objects.filter(id__in=user_ids).values_list("id", "uuid"))


def unreachable(user_ids: Collection[int]) -> set[int]:
    """Those of these who read nothing: the erased, and the service's own account. One query."""
    ids = set(user_ids)
    if not ids:
        return set()
    rows = _gone(len(ids)).rows(*ids) if len(ids) <= PREPARED else _gone_among(*ids)
    return {user_id for (user_id,) in rows}


# For more people than this at once no query is kept.
PREPARED = 50


def _gone_among(*ids: int) -> QuerySet[User, tuple[int]]:
    gone = User.objects.filter(Q(is_service=True) | Q(erased_at__isnull=False), id__in=ids)
    return gone.order_by().values_list("id")


@cache
def _gone(count: int) -> Prepared:
    return Prepared(_gone_among, *[int] * count)


def notices_from() -> int | None:
    """The id of the service's own account, once there is one."""
    return User.objects.filter(is_service=True).order_by("id").values_list("id", flat=True).first()


def nobody(*refs: Ref | str) -> Sentence:
    """What a client is told of ids that are nobody's."""
    return format_lazy(_("there is nobody with the id {ids}"), ids=", ".join(map(str, refs)))


def users_for(refs: list[Ref]) -> list[User]:
    """The active people of `refs`, each once, in the order given. UnknownUsers names the rest."""
    found = people(refs)
    unknown = [str(ref) for ref in dict.fromkeys(refs) if ref not in found]
    if unknown:
        raise UnknownUsers.field("user_ids", nobody(*unknown))
    return list({found[ref].id: found[ref] for ref in refs}.values())


def live_logins(ids: list[UUID]) -> dict[UUID, User]:
    """For each of these logins that has not ended, its person, if active. One query."""
    logins = Login.objects.filter(id__in=ids, ended_at=None, user__is_active=True)
    return {login.id: login.user for login in logins.select_related("user")}


def end_reasons(ids: list[UUID]) -> dict[UUID, str]:
    """Why each of these logins ended, of those that have. One query."""
    return dict(
        Login.objects.filter(id__in=ids, ended_at__isnull=False).values_list("id", "end_reason")
    )


def logins_ended_since(moment: datetime) -> list[tuple[int, UUID, str]]:
    """(user id, login id, reason) of the logins that ended after `moment`."""
    ended = Login.objects.filter(ended_at__gt=moment)
    return list(ended.values_list("user_id", "id", "end_reason"))


def login_user(login_id: UUID) -> User | None:
    """The person of this login, if neither has come to an end. Every REST call asks this."""
    rows = _login_user.rows(login_id)
    return User.from_db("default", _USER, rows[0]) if rows else None


_USER = [field.attname for field in User._meta.concrete_fields]
_login_user = Prepared(
    lambda login_id: Login.objects.filter(
        id=login_id, ended_at=None, user__is_active=True
    ).values_list(*(f"user__{name}" for name in _USER)),
    UUID,
)
