"""Messages, who has read them, and reactions to them."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chats.models import Chat, Membership
from messaging.status import Status
from messenger.ids import uuid7


class Message(models.Model):
    """The `position`-th message of its chat. Deletion keeps the row and clears the content."""

    uuid = models.UUIDField(_("UUID"), default=uuid7, unique=True, editable=False)
    chat = models.ForeignKey(
        Chat,
        on_delete=models.CASCADE,
        related_name="messages",
        db_index=False,
        verbose_name=_("chat"),
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="messages",
        db_index=False,
        verbose_name=_("author"),
    )
    position = models.BigIntegerField(editable=False)
    # The `seq` of its sending in the chat's log.
    seq = models.BigIntegerField(editable=False)
    type = models.CharField(_("type"), max_length=20, default="text")
    content = models.TextField(_("text of the message"), null=True, blank=True)
    payload = models.JSONField(_("payload"), null=True, blank=True)
    reply_to = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
        verbose_name=_("in reply to"),
    )
    # A digest of the author and of what the client named this message (its idempotency key), unique
    # for ever; and one of what came with it: the same name with something else in it is a mistake.
    # (Text, not bytes: Django inserts rows with a BinaryField one value at a time, not by columns.)
    key_digest = models.UUIDField(null=True, unique=True, editable=False)
    fingerprint = models.CharField(max_length=32, null=True, editable=False)
    status = models.CharField(
        _("status"),
        max_length=10,
        choices=Status.choices,
        default=Status.DELIVERED,
        db_default=Status.DELIVERED,
        editable=False,
    )
    created_at = models.DateTimeField(_("sent"), default=timezone.now, editable=False)
    edited_at = models.DateTimeField(_("edited"), null=True, editable=False)
    # When somebody other than the author read it first, so that a page need not ask for receipts.
    first_read_at = models.DateTimeField(_("first read"), null=True, editable=False)
    deleted_at = models.DateTimeField(_("deleted"), null=True, editable=False)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
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
        said = gettext("message {message} in chat {chat}")
        return said.format(message=self.pk, chat=self.chat_id)


class Revision(models.Model):
    """
    What a message said before an edit, for moderators. It goes when the message is deleted: a
    deleted text is gone, whichever of its versions.
    """

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="revisions", verbose_name=_("message")
    )
    content = models.TextField(_("text before the edit"), null=True)
    # Until when it said so.
    replaced_at = models.DateTimeField(_("edited"))

    class Meta:
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.message_id}: {self.replaced_at:%Y-%m-%d %H:%M}"


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
        verbose_name = _("read receipt")
        verbose_name_plural = _("read receipts")
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
        verbose_name = _("range of what was read")
        verbose_name_plural = _("ranges of what was read")
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
        verbose_name = _("reaction")
        verbose_name_plural = _("reactions")
        constraints = [
            models.UniqueConstraint(fields=["message", "user", "emoji"], name="reaction_once"),
        ]

    def __str__(self) -> str:
        return f"{self.emoji} by {self.user_id}"
