"""Reports and the cases that gather them, what was decided, the rules of words, the audit log."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chats.models import Chat
from messaging.models import Message
from messenger.errors import Forbidden

# Characters of what people write to moderators, and of what moderators give as a reason.
MAX_COMMENT = 1000
MAX_REASON = 1000


class Case(models.Model):
    """
    What was reported of one thing, a message or a person, and what became of it. There is one open
    case at a time for a message, for a person and for a message that waits.
    """

    class Kind(models.TextChoices):
        MESSAGE = "message", _("Message")
        PERSON = "person", _("Person")
        # A message that a rule held back: it is in no chat yet.
        WAITING = "waiting", _("Message that waits")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        CLOSED = "closed", _("Closed")

    kind = models.CharField(_("about"), max_length=10, choices=Kind.choices)
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.OPEN, editable=False
    )
    # Whose doing it is about.
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="cases",
        verbose_name=_("person"),
    )
    message = models.ForeignKey(
        Message,
        null=True,
        on_delete=models.SET_NULL,
        related_name="cases",
        verbose_name=_("message"),
    )
    waiting = models.OneToOneField(
        "moderation.WaitingMessage",
        null=True,
        on_delete=models.CASCADE,
        related_name="case",
        verbose_name=_("message that waits"),
    )
    # Where it was; None where a person was reported without a chat.
    chat = models.ForeignKey(
        Chat, null=True, on_delete=models.SET_NULL, related_name="cases", verbose_name=_("chat")
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("assigned to"),
    )
    reports_count = models.PositiveIntegerField(_("reports"), default=0, editable=False)
    opened_at = models.DateTimeField(_("opened"), default=timezone.now, editable=False)
    claimed_at = models.DateTimeField(_("claimed"), null=True, editable=False)
    closed_at = models.DateTimeField(_("closed"), null=True, editable=False)

    class Meta:
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        constraints = [
            models.UniqueConstraint(
                fields=["message"],
                condition=Q(state="open", kind="message"),
                name="case_open_message",
            ),
            models.UniqueConstraint(
                fields=["person"], condition=Q(state="open", kind="person"), name="case_open_person"
            ),
        ]
        indexes = [
            models.Index(fields=["state", "opened_at"], name="case_queue"),
        ]
        permissions = [
            ("handle_case", _("Can claim and decide cases")),
            ("assign_case", _("Can assign cases to others and see the evidence of all")),
            ("ban_person", _("Can ban people and close chats")),
            ("view_dashboard", _("Can see the dashboard")),
        ]

    def __str__(self) -> str:
        return gettext("case {number}").format(number=self.pk)


class Evidence(models.Model):
    """
    What was seen when somebody reported it, frozen: later edits and deletions do not change it.
    `content` is what `moderation.evidence.Snapshot` describes; empty once it has expired.
    """

    case = models.ForeignKey(
        Case, on_delete=models.CASCADE, related_name="evidence", verbose_name=_("case")
    )
    taken_at = models.DateTimeField(_("taken"), default=timezone.now)
    content = models.JSONField(_("content"))
    # Of the content: the same thing seen twice is kept once.
    digest = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("evidence")
        verbose_name_plural = _("evidence")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["case", "digest"], name="evidence_once"),
        ]

    def __str__(self) -> str:
        return f"{self.case_id}: {self.taken_at:%Y-%m-%d %H:%M}"


class Report(models.Model):
    """Somebody's word, or a rule's, that something is wrong. One person reports a thing once."""

    class Reason(models.TextChoices):
        SPAM = "spam", _("Spam or advertising")
        ABUSE = "abuse", _("Insults or harassment")
        HATE = "hate", _("Hatred")
        VIOLENCE = "violence", _("Threats or violence")
        SEXUAL = "sexual", _("Sexual content")
        FRAUD = "fraud", _("Fraud")
        OTHER = "other", _("Something else")
        # Not for people to choose.
        RULE = "rule", _("A rule matched")

    case = models.ForeignKey(
        Case, on_delete=models.CASCADE, related_name="reports", verbose_name=_("case")
    )
    # None for a rule's.
    reporter = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="reports",
        verbose_name=_("reported by"),
    )
    rule = models.ForeignKey(
        "moderation.Rule", null=True, on_delete=models.SET_NULL, related_name="reports"
    )
    reason = models.CharField(_("reason"), max_length=10, choices=Reason.choices)
    comment = models.CharField(_("comment"), max_length=MAX_COMMENT, blank=True)
    evidence = models.ForeignKey(
        Evidence, on_delete=models.CASCADE, related_name="reports", verbose_name=_("evidence")
    )
    created_at = models.DateTimeField(_("reported"), default=timezone.now)

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["case", "reporter"],
                condition=Q(reporter__isnull=False),
                name="report_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case_id}: {self.reason}"


class Decision(models.Model):
    """What a moderator decided in a case, and why. It is undone, never deleted."""

    class Action(models.TextChoices):
        DISMISS = "dismiss", _("Dismiss: nothing wrong")
        REMOVE = "remove", _("Remove the message")
        WARN = "warn", _("Warn the person")
        MUTE_HERE = "mute_here", _("Mute the person in the chat")
        MUTE = "mute", _("Mute the person everywhere")
        BAN = "ban", _("Ban the person")
        CLOSE_CHAT = "close_chat", _("Close the chat")

    case = models.ForeignKey(
        Case, on_delete=models.PROTECT, related_name="decisions", verbose_name=_("case")
    )
    action = models.CharField(_("decision"), max_length=10, choices=Action.choices)
    # Who is concerned; the person of the case.
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="decisions_on",
        verbose_name=_("person"),
    )
    moderator = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="decisions",
        verbose_name=_("moderator"),
    )
    # Where a mute holds, or the chat that was closed.
    chat = models.ForeignKey(
        Chat, null=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("chat")
    )
    reason = models.CharField(_("reason"), max_length=MAX_REASON)
    # The end of a mute or a ban; None for what has no end.
    until = models.DateTimeField(_("until"), null=True)
    created_at = models.DateTimeField(_("decided"), default=timezone.now)
    undone_at = models.DateTimeField(_("undone"), null=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("undone by"),
    )
    undo_reason = models.CharField(_("why it was undone"), max_length=MAX_REASON, blank=True)

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["id"]
        indexes = [
            models.Index(fields=["moderator", "created_at"], name="decision_by_moderator"),
        ]
        permissions = [("undo_decision", _("Can undo the decisions of others"))]

    def __str__(self) -> str:
        return f"{self.get_action_display()} ({self.case_id})"


class Appeal(models.Model):
    """The word of the person whom a decision concerns: one for each. Somebody else decides."""

    class Outcome(models.TextChoices):
        UPHELD = "upheld", _("The decision stays")
        GRANTED = "granted", _("The decision is undone")

    decision = models.OneToOneField(
        Decision, on_delete=models.PROTECT, related_name="appeal", verbose_name=_("decision")
    )
    text = models.CharField(_("what the person says"), max_length=MAX_COMMENT)
    created_at = models.DateTimeField(_("appealed"), default=timezone.now)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices, blank=True)
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("decided by"),
    )
    reason = models.CharField(_("reason"), max_length=MAX_REASON, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True)

    class Meta:
        verbose_name = _("appeal")
        verbose_name_plural = _("appeals")
        ordering = ["id"]
        permissions = [("decide_appeal", _("Can decide appeals"))]

    def __str__(self) -> str:
        return gettext("appeal {number}").format(number=self.pk)


class Notice(models.Model):
    """
    What a person is to be told of a case: a message of the service's own account in their private
    chat with it. Written with the decision; `told_at` is when it was sent.
    """

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices"
    )
    kind = models.CharField(max_length=20)
    decision = models.ForeignKey(Decision, null=True, on_delete=models.CASCADE, related_name="+")
    case = models.ForeignKey(Case, null=True, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    told_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        indexes = [
            models.Index(fields=["id"], condition=Q(told_at__isnull=True), name="notice_untold"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id}: {self.kind}"


class Rule(models.Model):
    """
    Words or links that are not wanted, and what happens to a message with one of them. A rule does
    nothing until it is switched on.
    """

    class Kind(models.TextChoices):
        WORDS = "words", _("Words")
        LINKS = "links", _("Links")

    class Mode(models.TextChoices):
        FLAG = "flag", _("Flag: the message is sent and a case opened")
        HOLD = "hold", _("Hold: the message waits for a moderator")
        REJECT = "reject", _("Reject: the message is refused")

    name = models.CharField(_("name of the rule"), max_length=100)
    kind = models.CharField(_("looks for"), max_length=10, choices=Kind.choices)
    # One word, phrase or domain a line: see moderation.matching.
    patterns = models.TextField(_("what it looks for"), max_length=20_000)
    mode = models.CharField(_("mode"), max_length=10, choices=Mode.choices, default=Mode.FLAG)
    in_private = models.BooleanField(_("in private chats, too"), default=False)
    is_on = models.BooleanField(_("switched on"), default=False, editable=False)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("rule")
        verbose_name_plural = _("rules")
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class WaitingMessage(models.Model):
    """
    A message that a rule held back. It is sent in its author's name when a moderator lets it
    through; refused, its text is kept as evidence only.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waits")
        RELEASED = "released", _("Let through")
        REFUSED = "refused", _("Refused")

    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("author"),
    )
    chat = models.ForeignKey(
        Chat, on_delete=models.CASCADE, related_name="+", verbose_name=_("chat")
    )
    type = models.CharField(max_length=20)
    content = models.TextField(_("text of the message"), null=True)
    payload = models.JSONField(null=True)
    reply_to = models.ForeignKey(Message, null=True, on_delete=models.SET_NULL, related_name="+")
    # As those of a message: the same one sent again is not held twice.
    key = models.CharField(max_length=255, null=True)
    key_digest = models.UUIDField(null=True, unique=True)
    fingerprint = models.CharField(max_length=32, null=True)
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.WAITING
    )
    created_at = models.DateTimeField(_("sent"), default=timezone.now)

    class Meta:
        verbose_name = _("message that waits")
        verbose_name_plural = _("messages that wait")

    def __str__(self) -> str:
        return f"{self.pk}"


class Opening(models.Model):
    """
    A moderator opened a chat that nobody had reported, for the reason stated, and may read it in
    the admin until `expires_at`.
    """

    moderator = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="openings",
        verbose_name=_("moderator"),
    )
    chat = models.ForeignKey(
        Chat, on_delete=models.CASCADE, related_name="openings", verbose_name=_("chat")
    )
    reason = models.CharField(_("reason"), max_length=MAX_REASON)
    opened_at = models.DateTimeField(_("opened"), default=timezone.now)
    expires_at = models.DateTimeField(_("until"))

    class Meta:
        verbose_name = _("opening")
        verbose_name_plural = _("openings")
        permissions = [("open_chat", _("Can open chats that were not reported, with a reason"))]
        indexes = [models.Index(fields=["moderator", "expires_at"], name="opening_live")]

    def __str__(self) -> str:
        return f"{self.moderator_id} → {self.chat_id}"


class AuditEntries(models.QuerySet["AuditEntry"]):
    """Only added to; PostgreSQL itself refuses everything else (0003_append_only)."""

    def update(self, **changes: Any) -> int:
        raise Forbidden(_("The audit log is only added to."))

    def delete(self) -> tuple[int, dict[str, int]]:
        raise Forbidden(_("The audit log is only added to."))


class AuditEntry(models.Model):
    """
    Something that somebody with powers did. Each entry holds the hash of the one before it, so none
    can be changed, left out or put in without `manage.py verify_audit` noticing. It names people
    and things by their ids only: it is never edited, not even when somebody is erased.
    """

    # 1, 2, 3, … without gaps.
    number = models.BigIntegerField(_("number"), primary_key=True)
    at = models.DateTimeField(_("when"))
    # None for the server itself and for commands.
    actor_id = models.BigIntegerField(_("who"), null=True, db_index=True)
    action = models.CharField(_("action"), max_length=40, db_index=True)
    # "case 5", "user 12", "chat 3".
    target = models.CharField(_("what"), max_length=60, db_index=True)
    reason = models.CharField(_("reason"), max_length=MAX_REASON, blank=True)
    facts = models.JSONField(_("facts"), default=dict)
    previous = models.CharField(_("hash before"), max_length=64)
    hash = models.CharField(_("hash"), max_length=64)

    objects = AuditEntries.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.number} {self.action}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise Forbidden(_("The audit log is only added to."))
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise Forbidden(_("The audit log is only added to."))


class AuditHead(models.Model):
    """The last entry of the audit log: one row, locked while the next one is made."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)

    class Meta:
        verbose_name = _("end of the audit log")
        verbose_name_plural = _("ends of the audit log")

    def __str__(self) -> str:
        return f"{self.number}"
