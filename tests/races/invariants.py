"""What must be true of a chat at any time, found anew from its rows."""

from collections.abc import Iterable, Iterator

from django.db.models import Exists, OuterRef

from accounts.models import User
from chats.models import Chat, LogEntry, Membership
from messaging.models import Message, Reaction, ReadRange, Receipt, Revision
from messaging.unread import unread_counts


def violations(chat_ids: Iterable[int]) -> list[str]:
    """A sentence for each thing that is not as it must be."""
    found = []
    for chat in Chat.objects.filter(id__in=list(chat_ids)):
        log = list(LogEntry.objects.filter(chat_id=chat.id).order_by("seq"))
        messages = list(Message.objects.filter(chat_id=chat.id).order_by("position"))
        checks = (
            _numbers(chat, log, messages),
            _members(chat, log),
            _reactions(log, messages),
            _changes_to_messages(log, messages),
            _unread(chat),
        )
        found += [f"chat {chat.id}: {wrong}" for check in checks for wrong in check]
    return found


def _numbers(chat: Chat, log: list[LogEntry], messages: list[Message]) -> Iterator[str]:
    if [entry.seq for entry in log] != list(range(1, chat.last_seq + 1)):
        yield f"the log is not 1 to {chat.last_seq}"
    if [message.position for message in messages] != list(range(1, chat.last_position + 1)):
        yield f"the messages are not 1 to {chat.last_position}"
    sent = [(entry.seq, entry.message_id) for entry in log if entry.kind == "message_sent"]
    if sent != [(message.seq, message.id) for message in messages]:
        yield "the log tells of other messages than there are"
    ends = [entry.seq for entry in log if entry.kind == "chat_deleted"]
    if ends != ([chat.last_seq] if chat.deleted_at else []):
        yield f"deleted at {ends}, and its last change is {chat.last_seq}"


def _members(chat: Chat, log: list[LogEntry]) -> Iterator[str]:
    """Who comes is not there, who goes is; roles change to another one."""
    now = dict(Membership.objects.filter(chat_id=chat.id).values_list("user_id", "role"))
    inside: dict[int, bool] = {}
    roles: dict[int, str] = {}
    for entry in log:
        facts = entry.facts or {}
        if entry.kind == "member_joined":
            # Who was in it from the beginning is not told to have come.
            if inside.get(facts["user_id"]):
                yield f"{facts['user_id']} came twice"
            inside[facts["user_id"]], roles[facts["user_id"]] = True, facts["role"]
        elif entry.kind == "member_left":
            if inside.get(facts["user_id"]) is False:
                yield f"{facts['user_id']} went twice"
            inside[facts["user_id"]] = False
        elif entry.kind == "role_changed":
            if roles.get(facts["user_id"]) == facts["role"]:
                yield f"{facts['user_id']} was made {facts['role']} twice"
            roles[facts["user_id"]] = facts["role"]
    if {user for user, there in inside.items() if there} - set(now):
        yield "somebody came and is not there"
    if {user for user, there in inside.items() if not there} & set(now):
        yield "somebody went and is there"
    if any(roles.get(user, role) != role for user, role in now.items()):
        yield "the log tells of other roles than there are"
    if chat.deleted_at is None and "owner" not in now.values():
        yield "nobody owns it"


def _reactions(log: list[LogEntry], messages: list[Message]) -> Iterator[str]:
    told: set[tuple[int | None, int, str]] = set()
    for entry in log:
        if entry.kind in ("reaction_added", "reaction_removed"):
            facts = entry.facts or {}
            one = (entry.message_id, facts["user_id"], facts["emoji"])
            if (one in told) is (entry.kind == "reaction_added"):
                yield f"{one}: {entry.kind} twice"
            told ^= {one}
    rows = Reaction.objects.filter(message__in=messages)
    if told != set(rows.values_list("message_id", "user_id", "emoji")):
        yield "the log tells of other reactions than there are"


def _changes_to_messages(log: list[LogEntry], messages: list[Message]) -> Iterator[str]:
    """A deletion is the last that happens to a message; what was edited away is kept till then."""
    for message in messages:
        own = [entry for entry in log if entry.message_id == message.id]
        kinds = [entry.kind for entry in own]
        if "message_deleted" in kinds[:-1] or (kinds[-1] == "message_deleted") is not (
            message.deleted_at is not None
        ):
            yield f"message {message.id}: {kinds}"
        revisions = Revision.objects.filter(message=message).count()
        edits = kinds.count("message_edited")
        if revisions != (0 if message.deleted_at else min(edits, 50)):
            yield f"message {message.id}: {edits} edits and {revisions} revisions"
        if message.deleted_at is not None and message.content is not None:
            yield f"message {message.id}: deleted, and says something"
        read = [entry.actor_id for entry in own if entry.kind == "message_read"]
        receipts = Receipt.objects.filter(message=message).values_list("user_id", flat=True)
        if sorted(read, key=str) != sorted(receipts, key=str):
            yield f"message {message.id}: read by {read}, receipts of {list(receipts)}"


def _unread(chat: Chat) -> Iterator[str]:
    """What is unread by the receipts, against what is counted from positions."""
    if chat.deleted_at is not None:
        return
    for member in Membership.objects.filter(chat_id=chat.id):
        waiting = (
            Message.objects.filter(
                chat_id=chat.id, position__gt=member.joined_position, deleted_at=None
            )
            .exclude(author_id=member.user_id)
            .exclude(Exists(Receipt.objects.filter(message=OuterRef("id"), user=member.user_id)))
            .count()
        )
        counted = unread_counts(User(id=member.user_id), [chat.id]).get(chat.id, 0)
        if counted != waiting:
            yield f"{member.user_id} has {waiting} unread and is told {counted}"
        last = member.read_position
        for first, end in (
            ReadRange.objects.filter(membership=member)
            .order_by("first")
            .values_list("first", "last")
        ):
            if first <= last + 1:
                yield f"{member.user_id}: the range {first}–{end} touches what comes before it"
            last = end
