"""Chats, who is in them, and the log of what happened there."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from messenger.ids import uuid7


class Chat(models.Model):
    """
    A conversation. `last_seq` numbers the changes to it and `last_position` its messages, both
    from 1 and without gaps: they are taken under this row's lock, in the transaction that makes
    the change, so their order is the order of the commits.
    """

    class Kind(models.TextChoices):
        GROUP = "group", _("Group")
        PRIVATE = "private", _("Private chat")

    uuid = models.UUIDField(_("UUID"), default=uuid7, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    name = models.CharField(_("name of the chat"), max_length=100, blank=True)
    description = models.CharField(_("description"), max_length=1000, blank=True)
    # Anyone may join an open group; a closed one is by invitation.
    is_open = models.BooleanField(_("open"), default=False)
    # Seconds from one message of a member to their next; 0 for no limit. Owners have none.
    slow_mode = models.PositiveIntegerField(_("slow mode, seconds"), default=0)
    # "<smaller user id>:<larger user id>" of a private chat: one chat for a pair, also in a race.
    pair = models.CharField(max_length=41, null=True, editable=False)
    last_seq = models.BigIntegerField(_("number of changes"), default=0, editable=False)
    last_position = models.BigIntegerField(_("number of messages"), default=0, editable=False)
    last_activity_at = models.DateTimeField(
        _("last activity"), default=timezone.now, editable=False
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(_("deleted"), null=True, editable=False)

    class Meta:
        verbose_name = _("chat")
        verbose_name_plural = _("chats")
        constraints = [
            models.UniqueConstraint(
                fields=["pair"], condition=Q(deleted_at=None), name="chat_one_per_pair"
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"{self.get_kind_display()} {self.pk}"


class Membership(models.Model):
    """
    A person in a chat. Everything up to `read_position` has been read by them or needs no reading;
    what they have read beyond it is in `messaging.ReadRange`.
    """

    class Role(models.TextChoices):
        OWNER = "owner", _("Owner")
        MEMBER = "member", _("Member")

    chat = models.ForeignKey(
        Chat,
        on_delete=models.CASCADE,
        related_name="memberships",
        db_index=False,
        verbose_name=_("chat"),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="memberships",
        verbose_name=_("person"),
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.MEMBER)
    joined_at = models.DateTimeField(_("joined"), default=timezone.now, editable=False)
    # The `seq` of the event that made them a member.
    joined_seq = models.BigIntegerField(default=1, editable=False)
    # The chat's `last_position` at joining: earlier messages do not wait for this person.
    joined_position = models.BigIntegerField(default=0, editable=False)
    read_position = models.BigIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.UniqueConstraint(fields=["chat", "user"], name="membership_once"),
        ]

    def __str__(self) -> str:
        where = gettext("person {person} in chat {chat}")
        where = where.format(person=self.user_id, chat=self.chat_id)
        return f"{where} ({self.get_role_display()})"


class Mute(models.Model):
    """
    This person may not write in a chat, or anywhere (`chat` None), until then. It outlives their
    membership: who leaves and comes back is muted still.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="mutes",
        verbose_name=_("person"),
    )
    chat = models.ForeignKey(
        Chat, null=True, on_delete=models.CASCADE, related_name="mutes", verbose_name=_("chat")
    )
    until = models.DateTimeField(_("until"))

    class Meta:
        verbose_name = _("mute")
        verbose_name_plural = _("mutes")
        constraints = [
            models.UniqueConstraint(fields=["user", "chat"], name="mute_once"),
            models.UniqueConstraint(
                fields=["user"], condition=Q(chat=None), name="mute_everywhere_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.chat_id}: {self.until:%Y-%m-%d %H:%M}"


class LogEntry(models.Model):
    """
    One change to a chat: the chat's `seq`-th. It says what happened to which message and by whom,
    and holds no content: an event is rebuilt from the message as it is now, so a deleted text never
    comes back. `chats.selectors.events_after` reads it.
    """

    pk = models.CompositePrimaryKey("chat_id", "seq")
    chat = models.ForeignKey(Chat, on_delete=models.CASCADE, related_name="log", db_index=False)
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=30)
    # Plain numbers, without foreign keys: the log outlives what it tells of.
    message_id = models.BigIntegerField(null=True)
    actor_id = models.BigIntegerField(null=True)
    # The small facts that the message does not show: who joined, which emoji.
    facts = models.JSONField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("log entry")
        verbose_name_plural = _("log entries")

    def __str__(self) -> str:
        return f"{self.chat_id}/{self.seq} {self.kind}"
