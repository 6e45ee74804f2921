"""Who may read but not write for a while: in one chat, or anywhere."""

from collections.abc import Collection
from datetime import datetime
from functools import cache

from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from chats.models import Chat, Mute
from messenger.errors import Muted
from messenger.prepared import Prepared

# For more people than this at once no query is kept.
PREPARED = 50
# By (user id, chat id, or None for anywhere), until when.
Mutes = dict[tuple[int, int | None], datetime]


def mute(user: User, *, chat: Chat | None, until: datetime | None) -> None:
    """`user` may not write in this chat, or anywhere, until then; None lets them write again."""
    if until is None:
        Mute.objects.filter(user=user, chat=chat).delete()
    else:
        Mute.objects.update_or_create(user=user, chat=chat, defaults={"until": until})


def mutes_of(user_ids: Collection[int]) -> Mutes:
    """The mutes of these people that have not ended. One query."""
    ids = set(user_ids)
    if not ids:
        return {}
    if len(ids) <= PREPARED:
        rows = _prepared(len(ids)).rows(*ids)
    else:
        rows = list(Mute.objects.filter(user_id__in=ids).values_list("user_id", "chat_id", "until"))
    now = timezone.now()
    return {(user_id, chat_id): until for user_id, chat_id, until in rows if until > now}


def muted(mutes: Mutes, user_id: int, chat_id: int | None) -> Muted | None:
    """What keeps this person from writing in this chat, or from saying anything new anywhere."""
    ends = [mutes[user_id, where] for where in {chat_id, None} if (user_id, where) in mutes]
    return _error(max(ends)) if ends else None


def must_not_be_muted(user_id: int, chat_id: int | None) -> None:
    """Muted, with the end, for who may not write there now."""
    error = muted(mutes_of([user_id]), user_id, chat_id)
    if error is not None:
        raise error


def forget_old() -> int:
    """Delete the mutes that have ended. How many there were."""
    deleted, _rows = Mute.objects.filter(until__lt=timezone.now()).delete()
    return deleted


def _error(until: datetime) -> Muted:
    text = _("A moderator has muted you until {time} UTC: you can read but not write.")
    return Muted(format_lazy(text, time=f"{until:%Y-%m-%d %H:%M}"), until=until)


@cache
def _prepared(count: int) -> Prepared:
    return Prepared(
        lambda *ids: Mute.objects.filter(user_id__in=ids).values_list(
            "user_id", "chat_id", "until"
        ),
        *[int] * count,
    )
