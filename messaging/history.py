"""Pages of history, and the last message of each chat."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery

from chats.models import Chat
from messaging.events import MessageFacts
from messaging.models import Message
from messaging.selectors import FACTS, facts_in, message_facts
from messenger.errors import NotFound
from messenger.ids import Ref, lookup
from messenger.prepared import Prepared

# What a client says as `after` for "from the first message on".
START = 0


@dataclass(frozen=True)
class Page:
    """A page of history, newest first, and whether there is more where the reading goes."""

    messages: list[MessageFacts]
    has_more: bool


def history(
    chat_id: int,
    *,
    limit: int = 50,
    before: Ref | None = None,
    after: Ref | None = None,
    skip: int = 0,
    deleted: bool = True,
) -> Page:
    """
    The `limit` newest messages of a chat, or the newest older than the message `before`. With
    `after` it reads forward: the oldest newer than that message, or the first ones after START.
    `skip` leaves out the first so many of them; without `deleted`, those that were deleted do not
    count. NotFound if `before` or `after` is not in the chat.
    """
    forward = after is not None
    marks = {"lt": before, "gt": None if after == START else after}
    refs = [ref for ref in marks.values() if ref is not None]
    kinds = tuple((side, type(ref)) for side, ref in marks.items() if ref is not None)
    if deleted and not forward and not skip:
        found = _range(limit, kinds).rows(chat_id, *refs)
        has_more = bool(found) and found[-1][FACTS.index("position")] > 1
    else:
        if skip:
            found = list(_listed(limit, kinds, forward, deleted, skip, chat_id, *refs))
        else:
            found = _list(limit, kinds, forward, deleted).rows(chat_id, *refs)
        # One more than asked for says whether there are any more.
        has_more, found = len(found) > limit, found[:limit]
    if not found and not all(_is_in(chat_id, ref) for ref in refs):
        raise NotFound
    messages = [facts_in(row) for row in found]
    return Page(messages[::-1] if forward else messages, has_more)


def history_around(chat_id: int, ref: Ref, *, limit: int = 50) -> Page:
    """
    A page with this message in its middle, as far as there are any on both sides; whether there are
    older ones. NotFound if it is not in the chat.
    """
    mark = message_facts(Message.objects.filter(chat_id=chat_id, **lookup(ref)))
    if not mark:
        raise NotFound
    newer = history(chat_id, limit=limit // 2, after=ref).messages if limit > 1 else []
    rest = limit - len(newer) - 1
    if not rest:
        return Page([*newer, *mark], has_more=mark[0].position > 1)
    older = history(chat_id, limit=rest, before=ref)
    return Page([*newer, *mark, *older.messages], older.has_more)


# The sides of a page that a client names a message for, each with the type of its id.
Kinds = tuple[tuple[str, type], ...]


@cache
def _range(limit: int, kinds: Kinds) -> Prepared:
    """
    Positions have no gaps, so a page is a range of them: the deepest costs what the first does,
    whatever the database knows about the table.
    """

    def build(chat_id: int, *refs: Ref) -> QuerySet[Message, Any]:
        if refs:
            end = Subquery(_marked(chat_id, refs[0]))
        else:
            end = Subquery(Chat.objects.filter(id=chat_id).values(end=F("last_position") + 1))
        page = Message.objects.filter(chat_id=chat_id, position__lt=end, position__gte=end - limit)
        return page.order_by("-position").values_list(*FACTS)

    return Prepared(build, int, *(kind for _, kind in kinds))


@cache
def _list(limit: int, kinds: Kinds, forward: bool, deleted: bool) -> Prepared:
    def build(chat_id: int, *refs: Ref) -> QuerySet[Message, Any]:
        return _listed(limit, kinds, forward, deleted, 0, chat_id, *refs)

    return Prepared(build, int, *(kind for _, kind in kinds))


def _listed(
    limit: int, kinds: Kinds, forward: bool, deleted: bool, skip: int, chat_id: int, *refs: Ref
) -> QuerySet[Message, Any]:
    page = Message.objects.filter(chat_id=chat_id)
    for (side, _), ref in zip(kinds, refs, strict=True):
        page = page.filter(**{f"position__{side}": Subquery(_marked(chat_id, ref))})
    if not deleted:
        page = page.filter(deleted_at=None)
    page = page.order_by("position" if forward else "-position")
    return page.values_list(*FACTS)[skip : skip + limit + 1]


def _marked(chat_id: int, ref: Ref) -> QuerySet[Message, Any]:
    return Message.objects.filter(chat_id=chat_id, **lookup(ref)).values("position")


def _is_in(chat_id: int, ref: Ref) -> bool:
    return _marked(chat_id, ref).exists()


def last_messages(chat_ids: Iterable[int]) -> dict[int, MessageFacts]:
    """By chat, its newest message that was not deleted. Two queries."""
    living = Message.objects.filter(chat_id=OuterRef("id"), deleted_at=None).order_by("-position")
    newest = Chat.objects.filter(id__in=list(chat_ids)).values_list(
        Subquery(living.values("id")[:1])
    )
    ids = [id for (id,) in newest if id is not None]
    return {facts.chat_id: facts for facts in message_facts(Message.objects.filter(id__in=ids))}
