"""The log of what happened in chats: what somebody missed of it, and how far back it reaches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Max, OuterRef, Subquery

from chats.events import ChatReset, Reason
from chats.models import Chat, LogEntry, Membership
from messenger.ids import Ref

# Changes to one chat that are told one by one to somebody who comes back; who missed more is better
# off with loading the chat anew.
MOST_MISSED = 1000
# More changes than a chat has between two backups, and than are told one by one. A browser's whole
# numbers reach nine million times as far.
LEAP = 1_000_000_000
# Rows of the log that are deleted in one transaction.
ROWS = 5000


@dataclass(frozen=True)
class Missed:
    """What somebody missed who was away: by chat id since which `seq`, or why it can't be told."""

    since: Mapping[int, int]
    resets: tuple[ChatReset, ...]
    # Chats that they are in and did not name.
    unnamed: tuple[int, ...]
    # Of all chats that they are in.
    uuids: Mapping[int, str]


def missed_by(user_id: int, known: Mapping[Ref, int], *, most: int = MOST_MISSED) -> Missed:
    """
    `known` are the chats of this person, each with the last `seq` they have; more than `most`
    changes are too many. Two queries.
    """
    rows = Membership.objects.filter(user_id=user_id, chat__deleted_at=None)
    found = list(rows.values_list("chat_id", "chat__uuid", "chat__last_seq", "joined_seq"))
    latest: dict[Ref, tuple[int, int, int]] = {}
    for chat_id, uuid, last, joined in found:
        latest[chat_id] = latest[uuid] = (chat_id, last, joined)
    uuids = {chat_id: str(uuid) for chat_id, uuid, *_ in found}
    since: dict[int, int] = {}
    resets: list[ChatReset] = []
    named: set[int] = set()
    behind: dict[int, int] = {}

    def reset(reason: Reason, chat_id: int, last: int) -> None:
        since.pop(chat_id, None)
        chat_uuid = uuids[chat_id]
        resets.append(ChatReset(chat=chat_id, chat_uuid=chat_uuid, reason=reason, seq=last))

    for ref, seq in known.items():
        if ref not in latest:
            called = ref if isinstance(ref, int) else str(ref)
            unknown = ChatReset(chat=called, chat_uuid=str(ref), reason="not_found", seq=None)
            resets.append(unknown)
            continue
        chat_id, last, joined = latest[ref]
        if chat_id in named and chat_id not in since:
            # By its other id it was reset already.
            continue
        named.add(chat_id)
        if seq > last:
            reset("ahead", chat_id, last)
        elif seq < joined - 1:
            # What happened while they were outside is not for them to be told.
            reset("rejoined", chat_id, last)
        elif last - seq > most:
            reset("too_far", chat_id, last)
        else:
            since[chat_id] = min(seq, since.get(chat_id, seq))
            if seq < last:
                behind[chat_id] = last
    there = reach_back({chat_id: since[chat_id] for chat_id in behind if chat_id in since})
    for chat_id, last in behind.items():
        if chat_id in since and chat_id not in there:
            reset("expired", chat_id, last)
    return Missed(since, tuple(resets), tuple(id for id in uuids if id not in named), uuids)


def reach_back(seqs: Mapping[int, int]) -> set[int]:
    """Those of these chats whose log still has every change after the `seq` given. One query."""
    first = LogEntry.objects.filter(chat_id=OuterRef("id")).order_by("seq").values("seq")[:1]
    chats = Chat.objects.filter(id__in=list(seqs)).annotate(first=Subquery(first))
    return {
        id
        for id, last, oldest in chats.values_list("id", "last_seq", "first")
        if last <= seqs[id] or (oldest is not None and oldest <= seqs[id] + 1)
    }


def outrun() -> int:
    """
    After an older backup was restored, and before anybody is served from it: let every chat's `seq`
    go on from where no client has been, and so far on that all load it anew (`too_far`). Else a
    client that comes back once the chat has as many new changes as it lost would not notice. How
    many chats there are.
    """
    return Chat.objects.update(last_seq=F("last_seq") + LEAP)


def prune(before: datetime, *, dry_run: bool = False) -> Iterator[tuple[int, int, int]]:
    """
    Delete the rows of the log from before this moment, chat by chat and from the oldest on, so that
    what is left has no holes. Yields how many chats there are, how many have been looked at, and
    how many rows were deleted (or would be) since the last time.
    """
    ids = list(Chat.objects.order_by("id").values_list("id", flat=True))
    for number in range(0, len(ids), 100):
        some = ids[number : number + 100]
        old = LogEntry.objects.filter(chat_id__in=some, created_at__lt=before)
        # By `seq`, not by time: the clocks of hosts may differ a little.
        ends = old.order_by().values_list("chat_id").annotate(last=Max("seq"))
        rows = 0
        for chat_id, last in ends:
            expired = LogEntry.objects.filter(chat_id=chat_id, seq__lte=last)
            if dry_run:
                rows += expired.count()
                continue
            first = expired.order_by("seq").values_list("seq", flat=True)[0]
            for start in range(first, last + 1, ROWS):
                rows += expired.filter(seq__lt=start + ROWS).delete()[0]
        yield len(ids), min(number + 100, len(ids)), rows
