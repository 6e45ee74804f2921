"""
Whether a history keeps what is promised. `check(history, final)` counts what is wrong, by kind, and
says of each in one line which message, which reader and when:

    lost                  acknowledged, and not there
    duplicate             one send, two messages
    unexpected            there, and sent by nobody
    aborted_visible       refused, and there
    inconsistent_offset   one place in a chat's log, two different events
    reader_skip           a reader was told what comes after an event, and never of it
    reader_backwards      ... or was told of it afterwards
    reader_duplicate      ... or twice
    reader_behind_at_end  a reader lacks the end, or is not connected
    realtime_order        acknowledged before another was sent, and stored after it
    ack_disagrees         two answers to one send, or an answer that is not what is stored
    receipt_regress       what was read waits again, or was read twice
    receipt_lost          a reading was acknowledged, and nobody knows of it
    leak_after_revoke     an event from after somebody's leaving, told to them
    likes_mismatch        who likes a message are not those who said so
    owner_zero            a chat with members and no owner

An operation without an answer (`info`) may have happened or not; it counts as neither.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from tests.faults.facts import Facts
from tests.faults.figures import Figures, figures
from tests.faults.history import Attempt, Delivery, Final, History, Opened
from tests.faults.readers import Readers

ANOMALIES = (
    "lost",
    "duplicate",
    "unexpected",
    "aborted_visible",
    "inconsistent_offset",
    "reader_skip",
    "reader_backwards",
    "reader_duplicate",
    "reader_behind_at_end",
    "realtime_order",
    "ack_disagrees",
    "receipt_regress",
    "receipt_lost",
    "leak_after_revoke",
    "likes_mismatch",
    "owner_zero",
)
# Seconds in which who has left may still be told of the chat.
GRACE = 2.0


@dataclass
class Verdict:
    """What was found: explanations by anomaly, and the figures of the run."""

    found: dict[str, list[str]]
    figures: Figures

    @property
    def counts(self) -> dict[str, int]:
        return {anomaly: len(self.found.get(anomaly, ())) for anomaly in ANOMALIES}

    @property
    def clean(self) -> bool:
        return not self.found

    def explained(self, each: int = 5) -> list[str]:
        """A line for each anomaly, no more than so many of a kind."""
        lines = []
        for anomaly in ANOMALIES:
            lines += [f"{anomaly}: {line}" for line in self.found.get(anomaly, ())[:each]]
        return lines


def check(history: History, final: Final) -> Verdict:
    """All of the above. `final` was read when everything was quiet."""
    checker = _Checker(history, final)
    checker.sends()
    checker.order()
    checker.offsets()
    checker.reads()
    checker.likes()
    checker.leaks()
    checker.owners()
    Readers(history, checker.facts, checker.report)
    return Verdict(dict(checker.found), figures(history, checker.facts))


@dataclass
class _Send:
    """All tries of one send."""

    tries: list[Attempt] = field(default_factory=list)

    @property
    def acked(self) -> list[Attempt]:
        return [one for one in self.tries if one.result == "ok"]

    @property
    def begun(self) -> float:
        return min(one.time for one in self.tries)


class _Checker:
    def __init__(self, history: History, final: Final) -> None:
        self.history, self.final, self.facts = history, final, Facts(final)
        self.found: dict[str, list[str]] = defaultdict(list)
        self.tries: dict[str, list[Attempt]] = defaultdict(list)
        self.by_key: dict[str, _Send] = defaultdict(_Send)
        for attempt in history.of(Attempt):
            self.tries[attempt.action].append(attempt)
            if attempt.action == "send":
                self.by_key[attempt.key].tries.append(attempt)

    def report(self, anomaly: str, explanation: str) -> None:
        self.found[anomaly].append(explanation)

    # --- messages -----------------------------------------------------------------------------

    def sends(self) -> None:
        rows = defaultdict(list)
        for chat, all_rows in self.final.rows.items():
            for row in all_rows:
                rows[row.key].append((chat, row))
        for key, send in self.by_key.items():
            there = rows.pop(key, [])
            acked = send.acked
            if acked and not there:
                first = acked[0]
                self.report(
                    "lost",
                    f"{key} of person {first.person} in chat {first.chat}, acknowledged at "
                    f"{first.completed:.2f} s as {first.ref} by app {first.process} ({first.way})",
                )
            if len(there) > 1:
                places = ", ".join(f"{row.id} (seq {row.seq})" for _, row in there)
                self.report("duplicate", f"{key}, tried {len(send.tries)} times, is {places}")
            if there and all(one.result == "fail" for one in send.tries):
                one = send.tries[-1]
                self.report(
                    "aborted_visible",
                    f"{key} was refused ({one.error or one.status}) at {one.completed:.2f} s, and "
                    f"is there as {there[0][1].id}",
                )
            self._answers(key, send, [row.id for _, row in there], [row.seq for _, row in there])
            for chat, row in there:
                tried = send.tries[0]
                if chat != tried.chat or row.author != tried.person:
                    self.report(
                        "unexpected",
                        f"{row.id} in chat {chat} by person {row.author} says it is {key}, which "
                        f"person {tried.person} sent to chat {tried.chat}",
                    )
        for key, strangers in rows.items():
            for chat, row in strangers:
                self.report(
                    "unexpected", f"{row.id} in chat {chat}, {key or 'unreadable'}: sent by nobody"
                )

    def _answers(self, key: str, send: _Send, ids: list[str], seqs: list[int]) -> None:
        acked = send.acked
        refs = {row.id if (row := self.facts.row(one.ref)) else one.ref for one in acked}
        places = {one.seq for one in acked if one.seq is not None}
        if len(refs) > 1 or len(places) > 1:
            self.report(
                "ack_disagrees",
                f"{key} was acknowledged as {' and as '.join(sorted(refs))}, "
                f"at {' and '.join(map(str, sorted(places))) or 'no place'}",
            )
        elif len(ids) == 1 and acked and (refs != {ids[0]} or not places <= {seqs[0]}):
            self.report(
                "ack_disagrees",
                f"{key} was acknowledged as {refs.pop()} at {places or 'no place'}, and is "
                f"{ids[0]} at {seqs[0]}",
            )
        refused = [one for one in send.tries if one.error == "idempotency_key_reused"]
        if acked and refused:
            self.report(
                "ack_disagrees",
                f"{key} was acknowledged, and at {refused[0].completed:.2f} s refused as another's",
            )

    def order(self) -> None:
        """What was acknowledged before another send began comes before it."""
        sends = {key: send for key, send in self.by_key.items() if send.acked}
        for chat, rows in self.final.rows.items():
            earliest, who = float("inf"), ""
            for row in sorted(rows, key=lambda row: -row.seq):
                send = sends.get(row.key)
                if send is None:
                    continue
                if earliest < send.begun:
                    self.report(
                        "realtime_order",
                        f"{row.key} was sent at {send.begun:.2f} s and comes before {who} in chat "
                        f"{chat}, which was acknowledged at {earliest:.2f} s",
                    )
                acked = min(one.completed for one in send.acked)
                if acked < earliest:
                    earliest, who = acked, row.key

    def offsets(self) -> None:
        """Everybody was told the same of each place in a chat's log."""
        values: dict[tuple[int, int], tuple[str, str, int | None]] = {}
        wrong: set[tuple[int, int]] = set()
        for chat, log in self.final.log.items():
            for entry in log:
                values[chat, entry.seq] = (entry.kind, self.facts.name(entry.ref), entry.person)
            for row in self.final.rows.get(chat, []):
                value = values.get((chat, row.seq))
                if value is not None and value[:2] != ("sent", row.key or row.id):
                    wrong.add((chat, row.seq))
                    self.report(
                        "inconsistent_offset",
                        f"{row.seq} of chat {chat} is {row.key} in the history, {value} in the log",
                    )
        for told in self.history.of(Delivery):
            if told.seq is None:
                continue
            place = (told.chat, told.seq)
            name = told.key or self.facts.name(told.ref)
            known = values.setdefault(place, (told.kind, name, told.person))
            # Some protocols do not say who it was.
            people = {known[2], told.person} - {None}
            if (known[:2] != (told.kind, name) or len(people) > 1) and place not in wrong:
                wrong.add(place)
                self.report(
                    "inconsistent_offset",
                    f"{told.seq} of chat {told.chat} is {known[0]} {known[1]} ({known[2]}) to one "
                    f"and {told.kind} {name} ({told.person}) to another, at {told.time:.2f} s",
                )

    # --- receipts and likes -------------------------------------------------------------------

    def reads(self) -> None:
        logged: dict[tuple[str, int], int] = defaultdict(int)
        for log in self.final.log.values():
            for entry in log:
                if entry.kind == "read" and entry.person is not None:
                    logged[self.facts.name(entry.ref), entry.person] += 1
        for (name, person), times in logged.items():
            if times > 1:
                self.report(
                    "receipt_regress",
                    f"{name} was read {times} times by person {person} in the log",
                )
        for (name, person), when in self._acked_reads().items():
            row = self.facts.row(name)
            if row is not None and row.author == person:
                continue  # Reading one's own changes nothing.
            readers = self.final.read_by.get(row.id if row else name)
            unknown = [
                where
                for where, missing in (
                    ("its log", (name, person) not in logged),
                    ("its receipts", readers is not None and person not in readers),
                )
                if missing
            ]
            if unknown:
                self.report(
                    "receipt_lost",
                    f"person {person} read {name}, acknowledged at {when:.2f} s, and it is not in "
                    f"{' or '.join(unknown)}",
                )
        self._waiting(logged)

    def _acked_reads(self) -> dict[tuple[str, int], float]:
        """(message, reader): when it was acknowledged first."""
        found: dict[tuple[str, int], float] = {}
        done: dict[tuple[int, int], int] = defaultdict(int)
        for read in self.tries["read"]:
            seq = self.facts.seq_of(read.ref)
            if read.result != "ok" or seq is None:
                continue
            names = [self.facts.name(read.ref)]
            if read.up_to:
                who = (read.chat, read.person)
                names = [
                    self.facts.name(row.id)
                    for row in self.final.rows.get(read.chat, [])
                    if done[who] < row.seq <= seq
                    and row.author != read.person
                    and self.facts.stayed(read.person, read.chat)
                ]
                done[who] = max(done[who], seq)
            for name in names:
                found.setdefault((name, read.person), read.completed)
        return found

    def _waiting(self, logged: dict[tuple[str, int], int]) -> None:
        """What waits for a person is what others wrote, without what they have read."""
        for (person, chat), count in self.final.unread.items():
            if not self.facts.stayed(person, chat):
                continue
            others = [row for row in self.final.rows.get(chat, []) if row.author != person]
            read = sum((row.key or row.id, person) in logged for row in others)
            if count > len(others) - read:
                self.report(
                    "receipt_regress",
                    f"{count - len(others) + read} messages of chat {chat} that person {person} "
                    "had read wait for them again",
                )
            elif count < len(others) - read:
                self.report(
                    "receipt_lost",
                    f"{len(others) - read - count} messages of chat {chat} wait no longer for "
                    f"person {person}, and no receipt says that they read them",
                )

    def likes(self) -> None:
        tries: dict[tuple[str, int], list[Attempt]] = defaultdict(list)
        for attempt in self.tries["like"] + self.tries["unlike"]:
            tries[self.facts.name(attempt.ref), attempt.person].append(attempt)
        liked = {
            (row.key or row.id, person)
            for rows in self.final.rows.values()
            for row in rows
            for person in row.liked_by
        }
        for (name, person), attempts in tries.items():
            possible = {False}
            # What nobody answered may have come about at any time since.
            stray: set[bool] = set()
            for attempt in sorted(attempts, key=lambda attempt: attempt.completed):
                outcome = attempt.action == "like"
                if attempt.result == "ok":
                    possible = {outcome}
                elif attempt.result == "info":
                    stray.add(outcome)
            if ((name, person) in liked) not in possible | stray and self.facts.row(name):
                last = max(attempts, key=lambda attempt: attempt.completed)
                self.report(
                    "likes_mismatch",
                    f"person {person} {last.action}d {name} last, at {last.completed:.2f} s, and "
                    f"{'does' if (name, person) in liked else 'does not'} like it in the end",
                )
        for name, person in liked - set(tries):
            self.report("likes_mismatch", f"person {person} likes {name} and never said so")

    # --- people -------------------------------------------------------------------------------

    def leaks(self) -> None:
        left: dict[tuple[int, int], list[float]] = defaultdict(list)
        joined: dict[tuple[int, int], list[float]] = defaultdict(list)
        for attempt in self.tries["leave"]:
            if attempt.result == "ok":
                left[attempt.person, attempt.chat].append(attempt.completed)
        for attempt in self.tries["join"]:
            joined[attempt.person, attempt.chat].append(attempt.time)
        people = {opened.session: opened.person for opened in self.history.of(Opened)}
        for told in self.history.of(Delivery):
            who = (people[told.session], told.chat)
            if who not in left:
                continue
            seq = told.seq if told.seq is not None else self.facts.seq_of(told.ref)
            if seq is None or self.facts.inside(*who, seq):
                continue
            gone = max((at for at in left[who] if at + GRACE < told.time), default=None)
            if gone is not None and not any(gone < at <= told.time for at in joined[who]):
                self.report(
                    "leak_after_revoke",
                    f"person {who[0]} left chat {told.chat} at {gone:.2f} s and was told of "
                    f"{told.kind} {self.facts.name(told.ref)} at {told.time:.2f} s",
                )

    def owners(self) -> None:
        for chat, roles in self.final.roles.items():
            if roles and "owner" not in roles.values():
                self.report("owner_zero", f"chat {chat} has {len(roles)} members and no owner")
