"""uvicorn, with sockets that can be written to directly. The faster server, for load."""

from typing import Any

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from messenger.realtime import doorbell
from messenger.realtime.socket import Bundle

# Seconds that a client has to answer our close frame.
CLOSE_PATIENCE = 5.0


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


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, with our transport in the scope, and an end to every closing."""

    def drop_soon(self) -> None:
        """abort, not close: a client that does not read would be waited for without end."""
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(CLOSE_PATIENCE, self.transport.abort)

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
        ws=WebSocketProtocol,
        ws_max_size=max_frame,
        ws_ping_interval=20,
        ws_ping_timeout=30,
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
