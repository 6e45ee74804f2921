"""
The life of a message: sent → delivered → read → edited → deleted, and how it goes from one to the
next.

A message is `sent` when it is accepted, and `delivered` as soon as it is stored and handed to the
chat, so that is what anybody sees first. It is `read` at the first reading by somebody other than
its author, `edited` at an edit, and `read` again when somebody reads it for the first time after
that. `deleted` is the end, unless a moderator takes it back: then it is what it was.
"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Status(TextChoices):
    SENT = "sent", _("Sent")
    DELIVERED = "delivered", _("Delivered")
    READ = "read", _("Read")
    EDITED = "edited", _("Edited")
    DELETED = "deleted", _("Deleted")


# What is done to a message → what it is then, from whatever it was; but for DELETED, to which
# nothing is done any more.
AFTER_SENDING = Status.DELIVERED
AFTER_FIRST_READING_BY_SOMEBODY = Status.READ
AFTER_EDITING = Status.EDITED
AFTER_DELETION = Status.DELETED


def after_restoring(*, edited: bool, read: bool) -> Status:
    """What a deleted message is when it is there again."""
    if edited:
        return Status.EDITED
    return Status.READ if read else Status.DELIVERED
