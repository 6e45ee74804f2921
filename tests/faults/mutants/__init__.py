"""
The server with one classical mistake at a time, to see whether the checker notices.

`MUTANT=<name>` builds one in. Each is a function of its name in one of the modules here, and
replaces the server's own code by what one would find elsewhere.
"""

from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Mutant:
    """
    One mistake: `mistake` in a few words, the anomaly that the checker must count, statements that
    the database needs for it, and what else must go on for it to show: "cuts", sockets are lost
    again and again; "polls", somebody asks for pages all the time.
    """

    name: str
    module: str
    mistake: str
    anomaly: str
    sql: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()


def _without(table: str, constraint: str) -> str:
    return f"ALTER TABLE {table} DROP CONSTRAINT {constraint}"


MUTANTS = {
    mutant.name: mutant
    for mutant in (
        Mutant("ack_before_commit", "storing", "acknowledged before the commit", "lost"),
        Mutant("lossy_push", "telling", "1 % of pushes lost, nothing mended", "reader_skip"),
        Mutant(
            "raw_ids",
            "storing",
            "pages by ids taken before the lock",
            "reader_skip",
            noise=("polls",),
        ),
        Mutant(
            "racy_keys",
            "storing",
            "keys looked up before the lock, not unique",
            "duplicate",
            (_without("messaging_message", "messaging_message_key_digest_key"),),
        ),
        Mutant("blind_receipts", "reading", "the last reading wins", "receipt_regress"),
        Mutant("no_revoke", "telling", "who left goes on hearing", "leak_after_revoke"),
        Mutant(
            "no_lock",
            "storing",
            "the counters of a chat read without a lock",
            "inconsistent_offset",
            (
                _without("chats_logentry", "chats_logentry_pkey"),
                _without("messaging_message", "message_position"),
            ),
        ),
        Mutant("told_before_commit", "storing", "told before the commit", "inconsistent_offset"),
        Mutant("refused_late", "storing", "refused after it was stored", "aborted_visible"),
        Mutant("fresh_answers", "storing", "a retry answers with now", "ack_disagrees"),
        Mutant("double_push", "telling", "3 % of pushes twice", "reader_duplicate"),
        Mutant("late_push", "telling", "3 % of pushes overtaken", "reader_backwards"),
        Mutant(
            "short_resume",
            "telling",
            "a resume without its last event",
            "reader_skip",
            noise=("cuts",),
        ),
        Mutant("deaf_sockets", "telling", "some sockets not on a stream", "reader_behind_at_end"),
        Mutant("seqs_in_blocks", "storing", "places given out in blocks", "realtime_order"),
        Mutant("mixed_authors", "storing", "the author in a shared variable", "unexpected"),
        Mutant("forgotten_receipts", "reading", "3 % of receipts not stored", "receipt_lost"),
        Mutant("toggled_likes", "reading", "a like again takes it off", "likes_mismatch"),
        Mutant("last_owner_leaves", "members", "the last owner may leave", "owner_zero"),
    )
}


def install(name: str) -> None:
    """Build the mistake in; to be called once all apps are loaded."""
    getattr(import_module(f"{__name__}.{MUTANTS[name].module}"), name)()
