"""
What is known of people's presence, and what every store of it promises.

A person is here while any of their connections holds a lease that has not run out: online if any of
these is not away, else away. A process that dies says nothing, so nothing depends on anybody saying
that they go: a lease that is not renewed runs out.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

ONLINE: Final = "online"
AWAY: Final = "away"
OFFLINE: Final = "offline"
StatusName = Literal["online", "away", "offline"]

# Seconds for which it is known of somebody that they have gone; seconds that there are for telling
# of a change, until the next who asks is given it.
REMEMBERED = 600
TELLING = 2.0


@dataclass(frozen=True)
class Lease:
    """
    One connection of one person; `connection` is unique among all processes. `away`: nobody is
    looking at it.
    """

    user_id: int
    connection: str
    away: bool = False


@dataclass(frozen=True)
class Change:
    """
    A person has another status. `at` orders the changes of a person: seconds by the clock of the
    store, or 0 where it is away and nobody knows. `was` is the status that was told last; the same
    as `status` where a change between them may have been told or not. `ago` is how many seconds it
    is that they were here, or not away: it may have been noticed late.
    """

    user_id: int
    status: StatusName
    at: float
    was: StatusName
    ago: float = 0.0


class Store(Protocol):
    """
    The leases. What runs out is a change only when `lapsed` has said so: until then they may come
    back, and never went, or were never away.

    Who is given a change is to tell everybody, and then to confirm it by `told`. What is not
    confirmed, because they died say, `lapsed` gives to the next who asks after two seconds.
    """

    def take(self, leases: Sequence[Lease], seconds: float) -> list[Change]:
        """
        Hold the leases of connections that are new, or have become away or are so no more, for
        `seconds` from now. The people whose status changed by it, each once.
        """

    def renew(self, leases: Sequence[Lease], seconds: float) -> list[Change]:
        """
        Hold on to leases for `seconds` from now, also to those that were lost. The people whose
        status changed by it, each once: whom `lapsed` had said to have gone, in the last ten
        minutes or so, or to be away, and who had not; and whose connections are away, or no longer,
        that were not. Who is merely missing, because Redis was emptied, is restored and not among
        them. Call it before `lapsed`, so that a process that was held up keeps its own people.
        """

    def release(self, leases: Sequence[Lease], seconds: float) -> None:
        """
        Connections that ended: their leases end `seconds` from now, or earlier if they would have.
        Who comes back in time never went.
        """

    def lapsed(self) -> list[Change]:
        """
        The people who have gone, or are only away, since anybody asked: of all calls in all
        processes, one is given each. And what has been given out before and was not confirmed in
        time. To be called every now and then: what is remembered of them goes with it.
        """

    def told(self, changes: Sequence[Change]) -> None:
        """Everybody has been told of these changes."""

    def statuses(self, user_ids: Collection[int]) -> dict[int, StatusName]:
        """Of those of `user_ids` who are here, whether they are online or away."""

    def set_typing(self, chat_id: int, user_id: int, seconds: float) -> None:
        """This person is typing in this chat for `seconds` from now; 0: they are not."""

    def typing(self, chat_id: int) -> set[int]:
        """The people who are typing in this chat."""

    def forget(self) -> None:
        """Start over: nobody has ever been here. For tests."""
