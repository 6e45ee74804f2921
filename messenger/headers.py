"""What browsers may do with our answers: a header or two on every one of them."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponseBase

from messenger.drf import plain_error
from messenger.errors import MethodNotAllowed

# Pages load what is ours, talk to us, and are in nobody's frame; nothing in them is inline. The
# pictures of Swagger UI are in its style sheet, as data.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# No page of ours asks for any of these.
PERMISSIONS: Final = ", ".join(
    f"{name}=()"
    for name in (
        "accelerometer",
        "browsing-topics",
        "camera",
        "display-capture",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "usb",
    )
)


def harden(response: HttpResponseBase) -> None:
    """Give an answer the headers."""
    response["Content-Security-Policy"] = POLICY
    response["Permissions-Policy"] = PERMISSIONS
    response["X-Content-Type-Options"] = "nosniff"


class Headers:
    """Middleware: the headers on all that the application answers; and no TRACE."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.method in ("TRACE", "TRACK", "CONNECT") and response.status_code < 400:
            # Views of Django's take any method for GET. Those of REST have refused it already.
            response = plain_error(MethodNotAllowed())
            response["Allow"] = "GET, HEAD, POST, OPTIONS"
        harden(response)
        return response
