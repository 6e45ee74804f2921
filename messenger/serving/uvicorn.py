"""uvicorn, with sockets that can be written to directly. The faster server, for load."""

import asyncio
from typing import Any

import uvicorn
from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from messenger import serving
from messenger.realtime import doorbell
from messenger.realtime.socket import Bundle


class Transport:
    """The way to one client over asyncio. See messenger.realtime.socket.Transport."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: "WebSocketProtocol") -> None:
        self._protocol = protocol

    def write(self, bundle: Bundle) -> None:
        protocol = self._protocol
        if not protocol.close_sent and not protocol.transport.is_closing():
            protocol.transport.write(bundle.wire)

    def backlog(self) -> int:
        return self._protocol.transport.get_write_buffer_size()

    def close(self, code: int, reason: str) -> None:
        protocol = self._protocol
        if protocol.close_sent or protocol.transport.is_closing():
            protocol.drop_soon()
            return
        protocol.conn.send_close(code, reason)
        protocol.transport.write(b"".join(protocol.conn.data_to_send()))
        protocol.close_sent = True
        protocol.stop_keepalive()
        protocol.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if protocol.read_paused:
            protocol.read_paused = False
            protocol.transport.resume_reading()
        protocol.drop_soon()


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which gives up when a request does not come to its end in time."""

    waiting: asyncio.TimerHandle | None = None
    running: Any = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop_waiting()
        super().connection_lost(exc)
        if self.running is not None:
            # uvicorn tells the last request only, and not the one that the others wait for.
            self.running.disconnected = True
            self.running.message_event.set()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self.running = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.wait()
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.wait()

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= serving.MOST_PIPELINED:
            # uvicorn has read them all already; this ends the parsing, and the connection.
            raise ValueError("too many requests at once")
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.pipeline:
            # uvicorn would read on here, however many wait.
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        self.stop_waiting()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self.stop_waiting()
        super().handle_websocket_upgrade()

    def wait(self) -> None:
        if self.waiting is None:
            self.waiting = self.loop.call_later(serving.REQUEST_PATIENCE, self.transport.abort)

    def stop_waiting(self) -> None:
        if self.waiting is not None:
            self.waiting.cancel()
            self.waiting = None


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, with our transport in the scope, and an end to every closing."""

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                # The same as in uvicorn, which would write a traceback for each.
                self.frames = []
                self.conn.send_close(1007)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def handle_cont(self, event: Any) -> None:
        super().handle_cont(event)
        if len(self.frames) > serving.MOST_PIECES:
            self.transport.abort()

    def handle_ping(self) -> None:
        if self.transport.get_write_buffer_size() > settings.SOCKET_BACKLOG_HARD:
            # It asks and asks, and does not read the answers.
            self.transport.abort()
        else:
            super().handle_ping()

    def drop_soon(self) -> None:
        """abort, not close: a client that does not read would be waited for without end."""
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(serving.CLOSE_PATIENCE, self.transport.abort)

    def handle_close(self, event: Any) -> None:
        super().handle_close(event)
        self.drop_soon()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.drop_soon()

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions: Any = self.scope["extensions"]
            extensions["messenger.transport"] = Transport(self)


class Server(uvicorn.Server):
    async def shutdown(self, sockets: Any = None) -> None:
        if doorbell.hub is not None:
            # New sockets are refused from here on; uvicorn itself closes the others with 1012.
            doorbell.hub.draining = True
        await super().shutdown(sockets)
        # uvicorn would raise the signal again when all is done, and the exit code would be its.
        self._captured_signals.clear()


def serve(application: Any, host: str, port: int, *, max_frame: int) -> None:
    """Run until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        http=HttpProtocol,
        ws=WebSocketProtocol,
        ws_max_size=max_frame,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        # It would believe X-Forwarded-For from the loopback; messenger.addresses goes by PROXIES.
        proxy_headers=False,
        timeout_graceful_shutdown=8,
        server_header=False,
    )
    Server(config).run()
