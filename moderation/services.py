"""
What can be done in moderation: report, decide, undo, appeal, open, appoint. Everything enters here;
what is done is in the files named after what it is done to.
"""

from moderation.appeals import appeal, decide_appeal
from moderation.blocks import block_person, unblock_person
from moderation.cases import assign, claim, open_case, release
from moderation.decisions import actions_for, decide, undo
from moderation.direct import (
    ban_person,
    close_chat,
    remove_message,
    reopen_chat,
    slow_chat,
    unban_person,
)
from moderation.erasure import erase, go_on_erasing
from moderation.export import export_of
from moderation.notices import tell_notices
from moderation.openings import may_read, open_chat, opened_by
from moderation.reports import (
    find_or_report_message,
    find_or_report_person,
    report_message,
    report_person,
)
from moderation.selectors import case_for, dashboard, evidence_for, queue, reasons_of
from moderation.staff import appoint

__all__ = [
    "actions_for",
    "appeal",
    "appoint",
    "assign",
    "ban_person",
    "block_person",
    "case_for",
    "claim",
    "close_chat",
    "dashboard",
    "decide",
    "decide_appeal",
    "erase",
    "evidence_for",
    "export_of",
    "find_or_report_message",
    "find_or_report_person",
    "go_on_erasing",
    "may_read",
    "open_case",
    "open_chat",
    "opened_by",
    "queue",
    "reasons_of",
    "release",
    "remove_message",
    "reopen_chat",
    "report_message",
    "report_person",
    "slow_chat",
    "tell_notices",
    "unban_person",
    "unblock_person",
    "undo",
]
