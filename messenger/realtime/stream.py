"""One chat in this process: its events in the order of their `seq`, each once, none left out."""

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from messenger.events import ChatEvent
from messenger.realtime.socket import Bundle, Frame, Socket

if TYPE_CHECKING:
    from messenger.protocols.base import Protocol

logger = logging.getLogger(__name__)


class Stream:
    """
    The sockets that follow a chat, by protocol, and `cursor`, the `seq` up to which they have been
    told. Events that come too early wait in `early` for the ones before them.
    """

    __slots__ = ("chat_id", "uuid", "cursor", "sockets", "quiet", "early", "since", "mending")

    def __init__(self, chat_id: int, cursor: int) -> None:
        self.chat_id = chat_id
        # Known from the first event on.
        self.uuid = ""
        self.cursor = cursor
        self.sockets: dict[Protocol, set[Socket]] = {}
        # Those that have not subscribed: they get what is unsolicited.
        self.quiet: dict[Protocol, set[Socket]] = {}
        self.early: dict[int, ChatEvent] = {}
        # Sockets whose own reading of the database was ahead of `cursor` when they came: what is
        # not newer than that they know already.
        self.since: dict[Socket, int] = {}
        self.mending = False

    def attach(self, socket: Socket, since: int) -> None:
        self.seat(socket)
        socket.chats.add(self.chat_id)
        self.skip(socket, max(since, socket.told.get(self.chat_id, 0)))

    def knows(self, socket: Socket) -> int:
        """Up to which `seq` this follower knows, or will not be told again."""
        return max(self.cursor, self.since.get(socket, 0))

    def skip(self, socket: Socket, until: int) -> None:
        """This follower knows everything up to that `seq`."""
        if until > self.knows(socket):
            self.since[socket] = until

    def seat(self, socket: Socket) -> None:
        """Put a follower where it belongs by what it wants to hear."""
        self._unseat(socket)
        room = self.sockets if socket.hears(self.chat_id) else self.quiet
        room.setdefault(socket.protocol, set()).add(socket)

    def detach(self, socket: Socket) -> None:
        self._unseat(socket)
        self.since.pop(socket, None)
        socket.chats.discard(self.chat_id)
        if socket.subscriptions is not None:
            socket.subscriptions.discard(self.chat_id)

    def _unseat(self, socket: Socket) -> None:
        for room in (self.sockets, self.quiet):
            followers = room.get(socket.protocol)
            if followers is not None:
                followers.discard(socket)
                if not followers:
                    del room[socket.protocol]

    def followers(self) -> list[Socket]:
        rooms = (self.sockets, self.quiet)
        return [socket for room in rooms for followers in room.values() for socket in followers]

    def accept(self, events: Iterable[ChatEvent]) -> list[ChatEvent]:
        """
        Of `events`, the ones that are next, with those that were waiting for them; what came
        before is dropped, what is too early is kept.
        """
        ready: list[ChatEvent] = []
        for event in events:
            if event.seq == self.cursor + 1:
                ready.append(event)
                self.cursor += 1
                while self.early and self.cursor + 1 in self.early:
                    self.cursor += 1
                    ready.append(self.early.pop(self.cursor))
            elif event.seq > self.cursor:
                self.early[event.seq] = event
        if self.early:
            self.early = {seq: event for seq, event in self.early.items() if seq > self.cursor}
        return ready

    def skip_to(self, seq: int) -> None:
        """Go on from there: what lies between is not to be had any more."""
        self.cursor = max(self.cursor, seq)
        self.accept(())

    def deliver(self, events: Sequence[ChatEvent], local: dict[str, Socket]) -> None:
        """
        Tell the followers, each protocol in its own words, found once for all of them. `local` are
        the sockets of this process by id: one whose command made an event may have an answer.
        """
        for protocol in {*self.sockets, *self.quiet}:
            frames = protocol.frames(events)
            if not frames:
                continue
            if followers := self.sockets.get(protocol):
                self._tell(followers, frames, local)
            unsolicited = [frame for frame in frames if frame.unsolicited]
            if unsolicited and (followers := self.quiet.get(protocol)):
                self._tell(followers, unsolicited, local)
        if self.since:
            self.since = {s: seq for s, seq in self.since.items() if seq > events[-1].seq}

    def _tell(self, followers: set[Socket], frames: list[Frame], local: dict[str, Socket]) -> None:
        # Nearly everybody gets the same bytes. Who does not, is looked at one by one.
        special: set[Socket] = set(self.since)
        picky: set[int] = set()
        for frame in frames:
            if frame.origin is not None and frame.origin in local:
                special.add(local[frame.origin])
            picky |= (frame.only or frozenset()) | (frame.but or frozenset())
        general = [frame for frame in frames if frame.only is None]
        bundle = Bundle(general) if general else None
        if not special and not picky:
            if bundle is not None:
                for socket in tuple(followers):
                    socket.send(bundle)
            return
        for socket in tuple(followers):
            if socket in special or socket.user_id in picky:
                since = self.since.get(socket, 0)
                own = [frame for frame in frames if frame.is_for(socket) and frame.seq > since]
                if own:
                    socket.send(Bundle(own))
            elif bundle is not None:
                socket.send(bundle)
