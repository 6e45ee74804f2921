"""
One socket, from its handshake to its close, in whatever protocol.

Frames are handled in the order in which they come. Sends and reads are handed to the group commit
without waiting, so that a client may have many under way; any other command waits for those before
it and holds up those behind it.
"""

import asyncio
import logging
import time
from typing import Any

import orjson
from channels.consumer import AsyncConsumer
from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from accounts import selectors as accounts
from accounts import tickets
from accounts.tokens import Claims
from chats.log import Missed
from messaging.unread import Unread, unread_messages
from messenger.addresses import address_in
from messenger.errors import (
    Internal,
    Malformed,
    MessengerError,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from messenger.protocols.base import After, Call, Command, Incoming, Protocol, Told
from messenger.realtime import hub as hubs
from messenger.realtime import limits
from messenger.realtime.handshake import (
    Opening,
    Session,
    origin_allowed,
    read_token,
    subprotocol_for,
    ticket_in,
)
from messenger.realtime.limits import FrameLimit
from messenger.realtime.resume import tell_missed
from messenger.realtime.socket import Bundle, Frame, SendTransport, Socket
from messenger.realtime.threads import askers, in_db
from messenger.texts import language_of

logger = logging.getLogger(__name__)

# Handshakes under way in this process: who comes on top of these is to come again later, so that
# those who are in are served meanwhile.
KNOCKING = 300
# Malformed frames in a row until the socket is closed; commands under way on one socket.
STRIKES = 100
UNDER_WAY = 256


class SocketConsumer(AsyncConsumer):
    """
    `SocketConsumer.as_asgi(protocol=…)` serves one protocol.

    Unlike Channels' own it makes no channel for each socket (the hub has one for all) and does not
    go to a thread before every frame.
    """

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.socket: Socket | None = None
        self.limit: FrameLimit
        self.strikes = 0
        # What the gathered commands under way belong to, and how many there are.
        self.together: Any = None
        self.under_way = 0
        self.idle: asyncio.Event | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.hub = hubs.get()
        self.scope, self.base_send = scope, send
        try:
            message = await receive()
            if message["type"] != "websocket.connect" or not await self.connect():
                return
            # What the handshake brought is not needed any more, and there are many sockets.
            self.scope = None
            while (message := await receive())["type"] == "websocket.receive":
                await self.receive(message)
        finally:
            if self.socket is not None:
                self.hub.detach(self.socket)

    # --- the handshake ------------------------------------------------------------------------

    async def connect(self) -> bool:
        """Let the client in, or close at once with a code that says why."""
        scope = self.scope
        if not origin_allowed(scope):
            # Before the handshake: no page elsewhere learns anything but a 403.
            logger.info("A socket was refused for its Origin")
            await self.send({"type": "websocket.close"})
            return False
        await self.send({"type": "websocket.accept", "subprotocol": subprotocol_for(scope)})
        self.hub.knocking += 1
        try:
            if self.hub.knocking > KNOCKING:
                raise Unavailable
            if self.hub.draining:
                return await self.refuse(1012, "server restart")
            if settings.RATE_LIMITS:
                await askers.submit(limits.check, limits.CONNECTS, address_in(scope))
            claims = await self.claims(scope)
            opening = await self.hub.openings.carry_out(claims)
            if isinstance(opening, MessengerError):
                raise opening
            user_id, arriving = opening.user.id, self.hub.arriving
            open_ones = len(self.hub.people.get(user_id, ())) + arriving[user_id]
            if open_ones >= settings.MAX_SOCKETS_PER_USER:
                raise RateLimited(_("Too many sockets are open for this account."))
        except Unauthenticated as error:
            return await self.refuse(4401, error.code)
        except RateLimited as error:
            return await self.refuse(4429, error.code)
        except MessengerError as error:
            return await self.refuse(1013, error.code)
        except DatabaseError as error:
            logger.warning("A socket could not be opened: %s", error)
            return await self.refuse(1013, Unavailable.code)
        finally:
            self.hub.knocking -= 1
        arriving[user_id] += 1
        try:
            await self.open(claims, opening)
        finally:
            arriving[user_id] -= 1
            if not arriving[user_id]:
                del arriving[user_id]
        return True

    async def claims(self, scope: Any) -> Claims:
        ticket = ticket_in(scope)
        return await in_db(tickets.redeem, ticket) if ticket else read_token(scope)

    async def refuse(self, code: int, reason: str) -> bool:
        offered = self.scope.get("extensions", {}).get("messenger.transport")
        if offered is not None:
            offered.close(code, reason)
        else:
            await self.send({"type": "websocket.close", "code": code, "reason": reason})
        return False

    async def open(self, claims: Claims, opening: Opening) -> None:
        user, places = opening.user, opening.places
        language = language_of(self.scope["headers"])
        session = Session(user.id, str(user.uuid), claims.login_id, claims.expires, language)
        offered = self.scope.get("extensions", {}).get("messenger.transport")
        transport = offered or SendTransport(self.base_send)
        self.limit = FrameLimit(f"user {user.id}")
        self.socket = socket = Socket(self.hub.next_id(), self.protocol, session, transport)
        if self.protocol.greet is not None:
            unread = Unread([], truncated=False, places=places)
            if opening.behind:
                try:
                    unread = await in_db(unread_messages, user)
                except DatabaseError as error:
                    logger.warning("What is unread could not be read: %s", error)
                    socket.close(1013, "unavailable")
                    return
            socket.greet(self.protocol.greet(unread))
            # What the greeting knew, its stream does not tell again.
            places = unread.places
        self.hub.attach(socket, places)
        if self.hub.draining:
            # The goodbye to everybody was said while this one was on its way.
            socket.close(1012, "server restart")

    # --- frames -------------------------------------------------------------------------------

    async def receive(self, message: dict[str, Any]) -> None:
        """One frame: carried out, or answered with an error. Nothing in it closes the socket."""
        socket = self.socket
        assert socket is not None
        if socket.closed is not None:
            return
        incoming: Incoming | None = None
        try:
            if not self.limit.admit():
                if self.limit.abused:
                    self.tell(socket, RateLimited(retry_after=1), None)
                    socket.close(4429, "too many frames")
                    return
                raise RateLimited(retry_after=1)
            incoming = self.protocol.decode(read_frame(message))
            self.strikes = 0
            command = self.protocol.find(incoming)
            if command.counts:
                socket.spoke = time.monotonic()
            fields = command.clean(incoming.data)
            if command.together is not None:
                await self.hand_over(socket, command, incoming, fields)
            else:
                await self.settled()
                await self.carry_out(socket, command, incoming, fields)
        except MessengerError as error:
            self.complain(socket, error, incoming)
        except DatabaseError as error:
            logger.warning("A command failed because the database did: %s", error)
            self.complain(socket, Unavailable(retry_after=1), incoming)
        except Exception:
            logger.exception("A command failed")
            self.complain(socket, Internal(), incoming)

    def complain(self, socket: Socket, error: MessengerError, incoming: Incoming | None) -> None:
        self.tell(socket, error, incoming)
        if isinstance(error, Malformed | TooLarge):
            self.strikes += 1
            if self.strikes >= STRIKES:
                socket.close(4400, "malformed frames")

    def tell(self, socket: Socket, error: MessengerError, incoming: Incoming | None) -> None:
        """Errors are the only sentences on a socket."""
        with translation.override(socket.session.language):
            words = self.protocol.error(error, incoming)
        socket.answer(words)

    async def carry_out(
        self, socket: Socket, command: Command, incoming: Incoming, fields: dict[str, Any]
    ) -> None:
        who = f"user {socket.session.user_id}"

        def job() -> tuple[Call, Any]:
            if command.limit is not None:
                limits.check(command.limit, who)
            call = Call(socket.session, socket.id, accounts.user_for(socket.session.user_id))
            return call, command.run(call, **fields)

        if command.stored:
            call, outcome = await in_db(job)
        else:
            if command.limit is not None:
                await askers.submit(limits.check, command.limit, who)
            call = Call(socket.session, socket.id)
            outcome = command.run(call, **fields)
        for chat_id, seq in call.subscriptions.items():
            self.hub.subscribe(socket, chat_id, seq)
        self.follow_up(socket, call.after)
        if isinstance(outcome, Missed):
            await self.resume(socket, command, outcome, incoming.request_id)
        else:
            words = command.answer(outcome) if command.answer else outcome
            if words is not None:
                socket.answer(self.protocol.answer(command.name, words, incoming.request_id))

    def follow_up(self, socket: Socket, after: After) -> None:
        """What a command asked for its socket."""
        if after.renewed is not None:
            socket.session.login_id = after.renewed.login_id
            socket.session.expires = after.renewed.expires
            # That login may have ended a moment ago.
            self.hub.watch.arrived(socket)
        if after.away is not None:
            socket.away = after.away
            self.hub.keeper.changed(socket)

    async def resume(
        self, socket: Socket, command: Command, missed: Missed, request_id: Any
    ) -> None:
        assert command.answer is not None
        socket.hold()
        try:
            words = command.answer(Told(missed, await tell_missed(self.hub, socket, missed)))
            socket.write(Bundle([Frame(self.protocol.answer(command.name, words, request_id))]))
        finally:
            # What happened meanwhile.
            socket.release()

    async def hand_over(
        self, socket: Socket, command: Command, incoming: Incoming, fields: dict[str, Any]
    ) -> None:
        if self.under_way and (self.together is not command.together):
            await self.settled()
        while self.under_way >= UNDER_WAY:
            await self.settled()
        self.together = command.together
        wanted = command.run(Call(socket.session, socket.id), **fields)
        self.under_way += 1

        def done(outcome: Any) -> None:
            self.under_way -= 1
            if self.idle is not None and not self.under_way:
                self.idle.set()
            if isinstance(outcome, MessengerError):
                self.complain(socket, outcome, incoming)
            else:
                assert command.answer is not None
                words = command.answer(outcome)
                socket.answer(self.protocol.answer(command.name, words, incoming.request_id))

        assert command.together is not None
        self.hub.batchers[command.together].submit(wanted, done)

    async def settled(self) -> None:
        """Wait until no gathered command of this socket is under way."""
        if self.under_way:
            self.idle = asyncio.Event()
            await self.idle.wait()
            self.idle = None


def read_frame(message: dict[str, Any]) -> dict[str, Any]:
    """The JSON object of a frame. Malformed or TooLarge otherwise."""
    text = message.get("text")
    if text is None:
        raise Malformed(_("Send text frames."))
    # Characters first: no more bytes than four times as many.
    if len(text) > settings.MAX_FRAME or len(text.encode(errors="replace")) > settings.MAX_FRAME:
        raise TooLarge.beyond(settings.MAX_FRAME)
    try:
        data = orjson.loads(text)
    except ValueError:
        raise Malformed from None
    if not isinstance(data, dict):
        raise Malformed
    return data
