"""Marking everything up to a message as read."""

from accounts.models import User
from chats.changes import changes_to
from chats.selectors import chat_for
from messaging.models import Message
from messaging.reading import ReadMessage, advance_past, read_locked
from messaging.unread import gaps, ids_in
from messenger.errors import NotFound
from messenger.ids import Ref, lookup

# Messages in a transaction: the chat is held for some 45 ms each time.
BATCH = 200


def read_up_to(reader: User, *, chat: Ref, message: Ref, origin: str | None = None) -> int:
    """
    Mark everything in the chat that waits for `reader` up to this message, itself included, as
    read, each with its receipt and its event; how many there were. Again: none. The message may be
    deleted or one's own. NotFound for a chat that is not the reader's, or a message not in it.
    """
    membership = chat_for(reader, chat)
    mark = Message.objects.filter(chat_id=membership.chat_id, **lookup(message)).values("position")
    end = mark.values_list("position", flat=True).first()
    if end is None:
        raise NotFound
    behind = (membership.id, membership.chat_id, membership.read_position, end)
    waiting = ids_in(gaps([behind]), reader, limit=end)
    # What is said or deleted, and what is read elsewhere, meanwhile adds nothing to these.
    return sum(
        _read(reader, membership.chat_id, waiting[start : start + BATCH], origin)
        for start in range(0, len(waiting), BATCH)
    )


def _read(reader: User, chat_id: int, ids: list[int], origin: str | None) -> int:
    """Of messages before which nothing is unread, how many were not read yet."""
    commands = [ReadMessage(reader_id=reader.id, message=id, origin=origin) for id in ids]
    with changes_to(chat_id, members=[reader.id]) as changes:
        if chat_id not in changes.chats:
            raise NotFound
        wanted = Message.objects.filter(id__in=ids, deleted_at=None)
        _, read = read_locked(changes, commands, wanted)
        for membership, positions in read:
            advance_past(membership, max(positions))
        return sum(len(positions) for _, positions in read)
