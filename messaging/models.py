"""Messages, who has read them, and reactions to them."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from chats.models import Chat, Membership
from messenger.ids import uuid7


class Message(models.Model):
    """The `position`-th message of its chat. Deletion keeps the row and clears the content."""

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    chat = models.ForeignKey(
        Chat, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="messages",
        db_index=False,
    )
    position = models.BigIntegerField(editable=False)
    # The `seq` of its sending in the chat's log.
    seq = models.BigIntegerField(editable=False)
    type = models.CharField(max_length=20, default="text")
    content = models.TextField(null=True, blank=True)
    payload = models.JSONField(null=True, blank=True)
    reply_to = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    # A digest of the author and of what the client named this message (its idempotency key), unique
    # for ever; and one of what came with it: the same name with something else in it is a mistake.
    # (Text, not bytes: Django inserts rows with a BinaryField one value at a time, not by columns.)
    key_digest = models.UUIDField(null=True, unique=True, editable=False)
    fingerprint = models.CharField(max_length=32, null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    edited_at = models.DateTimeField(null=True, editable=False)
    # When somebody other than the author read it first, so that a page need not ask for receipts.
    first_read_at = models.DateTimeField(null=True, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chat", "position"], name="message_position"),
        ]
        indexes = [
            # Counting unread: my own messages and deleted ones past a position.
            models.Index(fields=["author", "chat", "position"], name="message_by_author"),
            models.Index(
                fields=["chat", "position"],
                condition=Q(deleted_at__isnull=False),
                name="message_deleted",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} in {self.chat_id}"


class Receipt(models.Model):
    """This person has read this message, first at that time."""

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="receipts", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    read_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "user"], name="receipt_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} read {self.message_id}"


class ReadRange(models.Model):
    """
    Positions that a member has read beyond the first one still unread (`read_position`): from
    `first` to `last`, both included. Ranges of a membership never touch, so reading a whole chat
    but for one old message is one row, and what is unread is found without looking at what is not.
    """

    membership = models.ForeignKey(
        Membership, on_delete=models.CASCADE, related_name="read_ranges", db_index=False
    )
    first = models.BigIntegerField()
    last = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["membership", "first"], name="read_range_first"),
            models.CheckConstraint(condition=Q(last__gte=F("first")), name="read_range_order"),
        ]

    def __str__(self) -> str:
        return f"{self.membership_id}: {self.first}–{self.last}"


class Reaction(models.Model):
    """One emoji of one person on one message."""

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="reactions", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    emoji = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "user", "emoji"], name="reaction_once"),
        ]

    def __str__(self) -> str:
        return f"{self.emoji} by {self.user_id}"
