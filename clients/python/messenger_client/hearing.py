"""What the frames of one connection mean: what is next, what is missing, what is to be loaded."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from messenger_client.api import Api
from messenger_client.connection import Asked, Connection
from messenger_client.errors import MessengerError, from_facts
from messenger_client.events import (
    ChatDeleted,
    ChatReset,
    Event,
    MemberLeft,
    SendFailed,
    from_frame,
)
from messenger_client.outbox import Gate, Outbox, Pending
from messenger_client.places import Places, Verdict

# Chats that one `resume` names: the server takes no frame of more than 64 KiB.
MOST = 1000


class Hearing:
    """
    Reads frames one after the other: while a chat is being loaded, or the application is slow, what
    follows waits in the socket. `tell` hands an event to the application; `caught_up` is called
    once, when everything that was missed has been told.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        api: Api,
        user_id: int,
        places: Places,
        outbox: Outbox,
        gate: Gate,
        tell: Callable[[Event], Awaitable[None]],
        caught_up: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._api = api
        self._user_id = user_id
        self._places = places
        self._outbox = outbox
        self._gate = gate
        self._tell = tell
        self._caught_up: Callable[[], None] | None = caught_up
        # The chats still to be resumed, those that the `resume` under way names, and of these the
        # ones that were loaded instead.
        self._wanted: set[int] = set(places.seqs)
        self._resuming: set[int] | None = None
        self._loaded: set[int] = set()

    def begin(self) -> None:
        """Ask for what was missed. Also with no chats at all: for those that are new."""
        self._resume()

    def end(self) -> None:
        """The connection is gone."""
        self._outbox.shut()

    async def take(self, frame: dict[str, Any]) -> None:
        """
        One frame. MessengerError if the connection can't go on; KeyError or TypeError for a frame
        that breaks the contract.
        """
        name = frame["event"]
        if name in ("ack", "error", "resumed"):
            asked = self._connection.answered(frame)
            if name == "resumed":
                await self._resumed(frame["data"])
            elif asked is not None:
                await self._answer(asked, frame)
            elif name == "error":
                await self._refused_one(from_facts(frame["data"]))
        elif name == "reset":
            await self._load(int(frame["data"]["chat_id"]), frame["data"]["reason"])
        elif "seq" in frame:
            await self._change(frame)
        else:
            await self._tell(from_frame(frame))

    # --- changes to chats ---------------------------------------------------------------------

    async def _change(self, frame: Mapping[str, Any]) -> None:
        chat_id, seq = frame["chat_id"], frame["seq"]
        match self._places.judge(frame):
            case Verdict.SEEN:
                pass
            case Verdict.STRANGE:
                await self._load(chat_id, "new", seq)
            case Verdict.GAP:
                # The `resume` under way may have been sent before this frame was: its end tells.
                if chat_id not in (self._resuming or ()):
                    self._wanted.add(chat_id)
                    self._resume()
            case Verdict.NEXT:
                event = from_frame(frame)
                if isinstance(event, ChatDeleted) or (
                    isinstance(event, MemberLeft) and event.user_id == self._user_id
                ):
                    self._places.leave(chat_id, seq)
                else:
                    self._places.advance(chat_id, seq)
                await self._tell_all(self._gate.enter(chat_id, event))
                if chat_id not in self._places.seqs:
                    self._gate.forget(chat_id, None)

    async def _load(self, chat_id: int, reason: str, seq: int = 0) -> None:
        """Take the chat as it is now, in place of changes (as `seq`) that can't be told."""
        self._loaded.add(chat_id)
        chat = None
        if reason != "not_found":
            try:
                chat = await self._api.chat(chat_id)
            except MessengerError as error:
                if error.status != 404:
                    raise
        known = chat_id in self._places.seqs
        if chat is None:
            self._places.leave(chat_id, seq)
            self._gate.forget(chat_id, None)
            if known:
                reset = ChatReset(chat_id, "not_found", None)
                await self._tell_all(self._gate.enter(chat_id, reset))
        else:
            self._places.load(chat_id, chat["seq"])
            self._gate.forget(chat_id, chat["seq"])
            await self._tell_all(self._gate.enter(chat_id, ChatReset(chat_id, reason, chat)))

    async def _tell_all(self, events: list[Event]) -> None:
        for event in events:
            await self._tell(event)

    # --- what was missed ----------------------------------------------------------------------

    def _resume(self) -> None:
        """Ask for what is missing of the chats that are wanted, if no answer is under way."""
        if self._resuming is not None:
            return
        seqs = self._places.seqs
        self._resuming = set(sorted(self._wanted & seqs.keys())[:MOST])
        self._wanted = (self._wanted & seqs.keys()) - self._resuming
        self._loaded = set()
        chats = {str(chat_id): seqs[chat_id] for chat_id in sorted(self._resuming)}
        self._connection.ask("resume", json.dumps({"chats": chats}))

    async def _resumed(self, data: Mapping[str, Any]) -> None:
        told = {int(chat_id): seq for chat_id, seq in data["chats"].items()}
        for chat_id in self._loaded:
            # It may have been loaded before that, and follows from where it was.
            told.pop(chat_id, None)
        resumed, self._resuming = self._resuming or set(), None
        for chat_id in self._places.resumed(resumed, told):
            if self._places.hopeless(chat_id):
                await self._load(chat_id, "gap")
            else:
                self._wanted.add(chat_id)
        for chat_id in data["new"]:
            if chat_id not in self._places.seqs:
                await self._load(chat_id, "new")
        if self._wanted & self._places.seqs.keys():
            self._resume()
        elif self._caught_up is not None:
            caught_up, self._caught_up = self._caught_up, None
            caught_up()

    # --- answers ------------------------------------------------------------------------------

    async def _answer(self, asked: Asked, frame: Mapping[str, Any]) -> None:
        error = from_facts(frame["data"]) if frame["event"] == "error" else None
        about = asked.about
        if asked.name == "resume" and error is not None:
            raise error
        if isinstance(about, Pending):
            await self._sent(about, error, frame["data"])
        elif isinstance(about, asyncio.Future) and not about.done():
            if error is not None:
                about.set_exception(error)
            else:
                about.set_result(frame["data"])

    async def _refused_one(self, error: MessengerError) -> None:
        """Something was refused, and the server could not say what: each message may be it."""
        self._connection.give_up("message.send")
        for pending in self._outbox.flying():
            await self._sent(pending, error, None, sure=False)

    async def _sent(
        self, pending: Pending, error: MessengerError | None, message: Any, *, sure: bool = True
    ) -> None:
        chat_id, key = pending.chat_id, pending.key
        if not self._outbox.answered(pending, error or message, sure=sure):
            if not self._outbox.doubtful(chat_id):
                await self._tell_all(self._gate.refused(chat_id))
        elif error is not None:
            await self._tell_all(self._gate.refused(chat_id))
            await self._tell(SendFailed(chat_id, key, error))
        else:
            known = self._places.seqs.get(chat_id, 0)
            await self._tell_all(self._gate.stored(chat_id, key, message["seq"], known))
