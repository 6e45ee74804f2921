"""ASGI entry point of the baseline: HTTP by Django, WebSockets by Channels."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.textbook.settings")
django_application = get_asgi_application()

from .auth import TokenAuthMiddleware  # noqa: E402  (needs the loaded apps)
from .consumers import ChatConsumer  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": TokenAuthMiddleware(URLRouter([path("connect", ChatConsumer.as_asgi())])),
    }
)
