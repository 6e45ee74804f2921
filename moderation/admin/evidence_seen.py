"""The evidence of a case, as its page shows it."""

import json
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import User
from messaging.models import Message
from messenger.errors import MessengerError
from moderation import services
from moderation.evidence import MessageSeen, Snapshot
from moderation.models import Case, Evidence


def evidence_seen(moderator: User, case: Case) -> list[dict[str, Any]] | None:
    """What was frozen, and what has become of it since; None for who may not see it."""
    try:
        found = services.evidence_for(moderator, case)
    except MessengerError:
        return None
    now = Message.objects.filter(pk=case.message_id).first() if case.message_id else None
    return [_seen(one, now) for one in found]


def _seen(frozen: Evidence, now: Message | None) -> dict[str, Any]:
    """For the page. Of evidence that has expired there is nothing but when it was taken."""
    seen: dict[str, Any] = {"taken_at": frozen.taken_at}
    if not frozen.content:
        return seen
    content: Snapshot = frozen.content
    for name in ("before", "after", "messages"):
        seen[name] = [_line(one) for one in content[name]]
    then = content["message"]
    return {
        **seen,
        "chat": content["chat"],
        "message": _line(then) if then else None,
        "revisions": [(one["content"], _time(one["until"])) for one in content["revisions"]],
        "since": _since(then, now),
    }


def _line(message: MessageSeen) -> dict[str, Any]:
    payload = message["payload"]
    return {
        **message,
        "at": _time(message["sent_at"]),
        "payload": json.dumps(payload, ensure_ascii=False, indent=1) if payload else "",
    }


def _time(iso: str) -> datetime:
    return datetime.fromisoformat(iso)


def _since(then: MessageSeen | None, now: Message | None) -> str:
    """Whether the message is another one by now than the evidence has it; "" if not."""
    if then is None or now is None:
        return ""
    if now.deleted_at is not None and not then["deleted"]:
        return _("The message has been removed since.")
    if now.deleted_at is None and now.content != then["content"]:
        return _("The message has been edited since.")
    return ""
