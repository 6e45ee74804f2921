"""
Erasing people, and what was frozen about them.

Erasing shuts the account first; the rest goes in steps, each of which may come again, so what was
interrupted goes on: at once, every few seconds in each process, and when old things are pruned.
"""

import logging
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.erasure import finish, shut, unfinished
from accounts.models import User
from accounts.services import PLAIN, WITH_MESSAGES
from chats.models import Chat, Membership, Mute
from chats.services import leave_chat
from messaging.models import Message, Revision
from messaging.services import delete_messages
from messaging.status import AFTER_DELETION
from messenger.errors import Conflict, Forbidden, MessengerError, NotFound
from moderation import audit
from moderation.cases import locked_person
from moderation.models import Case, Evidence, Notice, Report, WaitingMessage
from moderation.powers import must, must_outrank
from moderation.words import LEAST, checked_reason
from presence.models import LastSeen

logger = logging.getLogger(__name__)

# Messages that are deleted in one transaction, which holds their chat for so long; and in one go,
# for which somebody may be waiting.
TOGETHER = 50
AT_ONCE = 1000
# Accounts that are looked at in one go.
FEW = 3
# Pieces of evidence that are emptied in one statement.
PAGE = 500


def erase(user: User, *, by: User | None, reason: str = "", messages: bool = False) -> None:
    """
    The end of an account, for good: names, e-mail, password, logins, powers and what moderators
    were to be told of it go; the groups are left. What the person wrote stays, said by a deleted
    account, unless `messages`; earlier texts of it go in any case. Again, before it is done: what
    is left goes on, and the messages may go after all.

    `by` is the person themselves, who has the permission to erase people, with a reason, or None
    for a command. Forbidden for superusers, whom nobody erases; Conflict for the service's account,
    and for one that is erased.
    """
    if user.is_service:
        raise Conflict(_("Notices come from this account."))
    with transaction.atomic():
        found = locked_person(user.id)
        if found.is_superuser:
            raise Forbidden(_("Take away this person's powers first."))
        if by is not None and by.id != user.id:
            must(by, "accounts.erase_user")
            must_outrank(by, found)
            reason = checked_reason(reason, least=LEAST)
        if found.erased_at is not None:
            raise Conflict(_("This account is erased."))
        if found.password not in ((WITH_MESSAGES,) if messages else (PLAIN, WITH_MESSAGES)):
            shut(user, messages=messages)
            audit.record(by, "user.erased", user, reason=reason, messages=messages)
    user.refresh_from_db()
    try:
        go_on(user, most=AT_ONCE)
    except (MessengerError, DatabaseError) as error:
        # It is done all the same: asked again, who erased themselves would not be let in.
        logger.warning("Erasing person %s goes on later: %s", user.id, error)


def go_on_erasing(*, most: int | None = AT_ONCE) -> int:
    """
    Do what is left of the accounts that are being erased: of a few, with no more than so many
    messages of each, or all there is for None. How many are done by it.
    """
    # By chance: one that fails keeps no other waiting.
    people = unfinished().order_by("?")
    return sum(go_on(user, most=most) for user in (people if most is None else people[:FEW]))


def go_on(user: User, *, most: int | None = None) -> bool:
    """The next steps of one account, with no more than so many messages. Whether it is done."""
    inside = Chat.objects.filter(memberships__user=user, kind=Chat.Kind.GROUP, deleted_at=None)
    for chat in inside.order_by("id"):
        try:
            leave_chat(user, chat)
        except NotFound:
            # Somebody was quicker.
            continue
    _forget_words(user)
    if user.password == WITH_MESSAGES and not _delete_messages(user, most):
        return False
    finish(user)
    return True


def _forget_words(user: User) -> None:
    """What others have not seen, or not all of them: drafts, comments, earlier texts."""
    with transaction.atomic():
        # Nobody is to decide about these any more. What was decided stays, without the text.
        waiting = WaitingMessage.objects.filter(author=user)
        undecided = Case.objects.filter(waiting__in=waiting, decisions=None)
        ids = list(undecided.order_by("id").values_list("id", flat=True))
        locked = list(Case.objects.filter(id__in=ids).select_for_update().order_by("id"))
        free = [case.id for case in locked if not case.decisions.exists()]
        waiting.filter(case__in=free).delete()
        waiting.update(content=None, payload=None, key=None, key_digest=None, fingerprint=None)
    # Who has claimed them decides no more.
    Case.objects.filter(assignee=user, state=Case.State.OPEN).update(assignee=None, claimed_at=None)
    Notice.objects.filter(person=user).delete()
    Report.objects.filter(reporter=user).update(comment="")
    Revision.objects.filter(message__author=user).delete()
    Mute.objects.filter(user=user).delete()
    LastSeen.objects.filter(user=user).delete()
    gone = Chat.objects.filter(kind=Chat.Kind.GROUP, deleted_at__isnull=False)
    Membership.objects.filter(user=user, chat__in=gone).delete()
    # What the admin has noted of changes to the account has the name in it.
    people = ContentType.objects.get_for_model(User)
    LogEntry.objects.filter(content_type=people, object_id=str(user.id)).update(object_repr="")


def _delete_messages(user: User, most: int | None) -> bool:
    """Delete what they wrote, chat by chat; whether nothing is left."""
    left = Message.objects.filter(author=user, deleted_at=None)
    # Of chats that are gone nobody is told.
    left.filter(chat__deleted_at__isnull=False).update(
        content=None, payload=None, deleted_at=timezone.now(), status=AFTER_DELETION
    )
    rows = left.order_by("chat_id", "position").values_list("chat_id", "id")
    wanted = list(rows if most is None else rows[: most + 1])
    for chat_id, found in groupby(wanted[:most], key=itemgetter(0)):
        ids = [id for _, id in found]
        for start in range(0, len(ids), TOGETHER):
            try:
                delete_messages(chat_id, ids[start : start + TOGETHER])
            except NotFound:
                # The chat is gone by now: see above, the next time.
                return False
    return most is None or len(wanted) <= most


def expire(before: datetime) -> int:
    """
    Forget what was seen of cases that were closed before then, and what was refused in them, unless
    an appeal is undecided: how many pieces of evidence. Who decided what, and why, stays.
    """
    old = Case.objects.filter(state=Case.State.CLOSED, closed_at__lt=before)
    old = old.exclude(decisions__appeal__outcome="")
    waiting = WaitingMessage.objects.filter(case__in=old).exclude(content=None, payload=None)
    waiting.update(content=None, payload=None)
    emptied = 0
    rows = Evidence.objects.filter(case__in=old).exclude(content={})
    while ids := list(rows.order_by("id").values_list("id", flat=True)[:PAGE]):
        emptied += Evidence.objects.filter(id__in=ids).update(content={})
    return emptied


def forget_traces() -> int:
    """When erased people were last here, which their last sockets still say as they close."""
    deleted, _rows = LastSeen.objects.filter(user__erased_at__isnull=False).delete()
    return deleted
