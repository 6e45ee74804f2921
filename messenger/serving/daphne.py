"""
daphne, with two things added: sockets that can be written to directly, and a clean end.

Stock daphne drops every connection at SIGTERM, without a close frame, and on Python 3.11 can crash
there. Here the sockets are told (1012, come back) and waited for before the reactor stops.
"""

import asyncio
import logging
import signal
from typing import Any

import orjson
from daphne import http_protocol
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server as DaphneServer
from daphne.server import twisted_loop
from daphne.ws_protocol import WebSocketFactory
from daphne.ws_protocol import WebSocketProtocol as DaphneWebSocketProtocol
from django.conf import settings
from django.utils import translation
from twisted.internet import reactor as twisted_reactor
from twisted.web import http

from messenger import serving
from messenger.errors import TooLarge
from messenger.realtime import doorbell
from messenger.realtime import hub as hubs
from messenger.realtime.socket import Bundle
from messenger.texts import language_of

logger = logging.getLogger(__name__)
reactor: Any = twisted_reactor
# Bytes that a client may have sent and the application not yet taken.
MOST_UNREAD = 256 * 1024
# What a frame costs besides its bytes: an empty one is not free.
FRAME = 256


class WebSocketProtocol(DaphneWebSocketProtocol):
    """
    daphne's protocol, which stops reading while the application is behind: stock daphne takes all
    that a client sends into an unbounded queue.
    """

    unread = 0
    paused = False
    pieces = 0

    def onConnect(self, request: Any) -> Any:
        # autobahn's own second is over before a slow client has read what came before the close
        # frame; dropped then, it never sees the code.
        self.closeHandshakeTimeout = serving.CLOSE_PATIENCE
        return super().onConnect(request)

    def onMessageBegin(self, isBinary: bool) -> None:
        self.pieces = 0
        super().onMessageBegin(isBinary)

    def onMessageFrameBegin(self, length: int) -> None:
        self.pieces += 1
        if self.pieces > serving.MOST_PIECES:
            self.dropConnection(abort=True)
        super().onMessageFrameBegin(length)

    def onPing(self, payload: bytes) -> None:
        if Transport(self).backlog() > settings.SOCKET_BACKLOG_HARD:
            # It asks and asks, and does not read the answers.
            self.dropConnection(abort=True)
        else:
            super().onPing(payload)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.unread += len(payload) + FRAME
        if self.unread > MOST_UNREAD and not self.paused:
            self.paused = True
            self.transport.pauseProducing()
        super().onMessage(payload, isBinary)

    def onCloseFrame(self, code: int | None, reasonRaw: bytes | None) -> Any:
        # A client that says goodbye and does not read would be waited for without end.
        reactor.callLater(serving.CLOSE_PATIENCE, self.dropConnection, True)
        return super().onCloseFrame(code, reasonRaw)

    def taken(self, size: int) -> None:
        """The application has taken a frame of `size` characters, which is at most its bytes."""
        self.unread = max(0, self.unread - size - FRAME) if self.application_queue.qsize() else 0
        if self.paused and not self.unread:
            self.paused = False
            self.transport.resumeProducing()


class Channel(http.HTTPChannel):
    """Twisted's connection, given up when a request does not come to its end in time."""

    waiting: Any = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self.wait()

    def dataReceived(self, data: bytes) -> None:
        if self.waiting is None and not self._handlingRequest:
            self.wait()
        super().dataReceived(data)

    def allContentReceived(self) -> None:
        self.stop_waiting()
        super().allContentReceived()

    def connectionLost(self, reason: Any = None) -> None:
        self.stop_waiting()
        super().connectionLost(reason)

    def wait(self) -> None:
        self.waiting = reactor.callLater(serving.REQUEST_PATIENCE, self.forceAbortClient)

    def stop_waiting(self) -> None:
        if self.waiting is not None and self.waiting.active():
            self.waiting.cancel()
        self.waiting = None


def make_channel(factory: Any) -> Any:
    """What Twisted's factory makes for each connection, with a channel of ours in it."""
    return http._GenericHTTPChannelProtocol(Channel())


class Request(http_protocol.WebRequest):
    """daphne's request, refused as soon as it is too large: stock daphne keeps all on the disk."""

    received = 0
    pieces = 0

    def process(self) -> Any:
        # daphne believes it, whoever sends it, and stumbles over what is not ASCII in it.
        self.requestHeaders.removeHeader(b"daphne-root-path")
        # And over these.
        wanted = self.requestHeaders.getRawHeaders(b"sec-websocket-protocol", [])
        if not all(line.isascii() for line in wanted):
            return self.basic_error(400, b"Bad Request", "Invalid header value")
        return super().process()

    def gotLength(self, length: int | None) -> None:
        super().gotLength(length)
        if length is not None and length > settings.MAX_FORM:
            self.refuse()

    def handleContentChunk(self, data: bytes) -> None:
        self.received += len(data)
        self.pieces += 1
        if self.received > settings.MAX_FORM or self.pieces > serving.MOST_CHUNKS:
            self.refuse()
        else:
            super().handleContentChunk(data)

    def refuse(self) -> None:
        transport = self.channel.transport
        if not transport.disconnecting:
            raw = self.requestHeaders.getAllRawHeaders()
            language = language_of((name.lower(), value) for name, [*_, value] in raw)
            with translation.override(language):
                body = orjson.dumps(TooLarge().facts())
            transport.write(
                b"HTTP/1.1 413 Content Too Large\r\nContent-Type: application/json\r\n"
                b"Content-Language: " + language.encode() + b"\r\n"
                b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            transport.loseConnection()


class Transport:
    """The way to one client over autobahn and Twisted. See messenger.realtime.socket.Transport."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol

    def taken(self, message: dict[str, Any]) -> None:
        self._protocol.taken(len(message.get("text") or message.get("bytes") or ""))

    def write(self, bundle: Bundle) -> None:
        protocol = self._protocol
        if protocol.state != protocol.STATE_OPEN:
            return
        transport = protocol.transport
        if transport._tempDataBuffer or transport.dataBuffer or not transport.connected:
            transport.write(bundle.wire)
            return
        # Nothing is waiting: the kernel may take it at once. Twisted would ask the reactor to call
        # back when the socket is writable, four system calls instead of one.
        wire = bundle.wire
        written = transport.writeSomeData(wire)
        if isinstance(written, Exception):
            transport.loseConnection()
        elif written < len(wire):
            transport.write(wire[written:])

    def backlog(self) -> int:
        transport = self._protocol.transport
        return len(transport.dataBuffer) - transport.offset + transport._tempDataLen

    def close(self, code: int, reason: str) -> None:
        protocol = self._protocol
        if protocol.state == protocol.STATE_OPEN:
            # Not sendClose, which refuses 1012.
            protocol.sendCloseFrame(code=code, reasonUtf8=reason.encode()[:120], isReply=False)
        if code == 4408:
            reactor.callLater(serving.CLOSE_PATIENCE, protocol.dropConnection, True)


class Server(DaphneServer):
    """daphne's server, with our transport in the scope of each socket."""

    draining = False
    connections: dict[Any, dict[str, Any]]

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        if scope["type"] == "websocket" and hasattr(protocol.transport, "writeSomeData"):
            scope.setdefault("extensions", {})["messenger.transport"] = Transport(protocol)
        return super().create_application(protocol, scope)

    def run(self) -> None:
        WebSocketFactory.protocol = WebSocketProtocol
        http_protocol.WebRequest = Request
        http_protocol.HTTPFactory.protocol = make_channel
        reactor.callWhenRunning(hubs.get)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: reactor.callFromThread(self.finish))
        super().run()

    def listen_success(self, port: Any) -> Any:
        super().listen_success(port)
        # `listeners` hold what is answered here, and are to be stopped in the end.
        return port

    def finish(self) -> None:
        """Stop listening, say goodbye to every socket, wait for them, stop."""
        if self.draining:
            return
        self.draining = True
        asyncio.ensure_future(self._finish(), loop=twisted_loop)

    async def _finish(self) -> None:
        for listener in self.listeners:
            port = listener.result
            if hasattr(port, "stopListening"):
                port.stopListening()
        hub = doorbell.hub
        if hub is not None:
            await hub.drain()
        tasks = {details.get("application_instance") for details in self.connections.values()}
        if under_way := {task for task in tasks if task is not None and not task.done()}:
            # A request that is being answered may finish.
            await asyncio.wait(under_way, timeout=5)
        if hub is not None:
            # Not before: a socket that still came in would find a new hub, which knows of no end.
            await hub.stop()
        # daphne's own goodbye expects every connection to have an application still.
        self.connections = {
            protocol: details
            for protocol, details in self.connections.items()
            if "application_instance" in details
        }
        reactor.stop()


def reading_on(application: Any) -> Any:
    """The application, telling the server of each frame that it takes."""

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        transport = scope.get("extensions", {}).get("messenger.transport")
        if transport is None:
            return await application(scope, receive, send)

        async def taking() -> dict[str, Any]:
            message: dict[str, Any] = await receive()
            if message["type"] == "websocket.receive":
                transport.taken(message)
            return message

        await application(scope, taking, send)

    return app


def serve(application: Any, host: str, port: int, *, max_frame: int) -> None:
    """Run until SIGTERM or SIGINT."""
    Server(
        reading_on(application),
        endpoints=build_endpoint_description_strings(host=host, port=port),
        signal_handlers=False,
        http_timeout=120,
        ping_interval=20,
        # Shorter than the interval: the next ping would forget the one before.
        ping_timeout=18,
        websocket_timeout=-1,
        websocket_connect_timeout=10,
        websocket_max_message_size=max_frame,
        websocket_max_frame_size=max_frame,
        application_close_timeout=10,
        server_name="messenger",
    ).run()
