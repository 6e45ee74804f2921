"""The application that a server runs: HTTP to Django, sockets to the protocols' consumers."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "messenger.settings")

import django

django.setup()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402

from messenger import health  # noqa: E402
from messenger.handler import Handler  # noqa: E402
from messenger.protocols import protocols  # noqa: E402
from messenger.realtime import doorbell  # noqa: E402
from messenger.realtime import hub as hubs  # noqa: E402
from messenger.realtime.consumer import SocketConsumer  # noqa: E402

django_app = Handler()


async def http(scope: dict[str, Any], receive: Any, send: Any) -> None:
    answer = health.PATHS.get(scope["path"].rstrip("/"))
    await (answer or django_app)(scope, receive, send)


async def nowhere(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """No protocol lives at this path. A browser can read a close code, not an HTTP status."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 4404, "reason": "no such path"})


async def lifespan(scope: dict[str, Any], receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            hubs.get()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            if doorbell.hub is not None:
                await doorbell.hub.stop()
            return


application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": URLRouter(
            [
                *(
                    re_path(rf"^{protocol.path}/?$", SocketConsumer.as_asgi(protocol=protocol))
                    for protocol in protocols()
                ),
                re_path(r"", nowhere),  # type: ignore[arg-type]
            ]
        ),
        "lifespan": lifespan,
    }
)
