"""What browsers are told on every answer, whoever gives it; and that errors say nothing more."""

from typing import Any

import pytest
from django.conf import settings as project
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from messenger import urls
from messenger.headers import POLICY
from tests.project.asgi import ask


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("told-to-nobody")


# As the site's own, and one page that fails.
urlpatterns = [path("broken", broken), *urls.urlpatterns]
handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
EVERYWHERE = [
    "/",
    "/sign-in",
    "/sign-up",
    "/appeal",
    "/about",
    "/admin/login/",
    "/admin/",
    "/docs",
    "/docs/ws",
    "/docs/openapi.json",
    "/static/nothing.css",
    "/nothing",
    "/api/v1/chats",
    "/auth/login",
    "/broken",
]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("where", EVERYWHERE)
def test_every_answer_has_the_headers(where: str) -> None:
    response = Client(raise_request_exception=False).get(where)
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS
    assert "camera=()" in response["Permissions-Policy"]


async def test_so_has_a_file() -> None:
    answer = await ask("GET", "/static/about.css")
    assert answer.status == 200
    assert {name: answer.headers.get(name.lower()) for name in HEADERS} == HEADERS


def test_nothing_inline_is_allowed_anywhere() -> None:
    assert "unsafe" not in POLICY and POLICY.startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"content-length": "x"}, b"", 400),
        ({"content-length": "99999999"}, b"", 413),
        ({}, b"x=%00", 400),
    ],
)
async def test_what_is_refused_before_any_page_has_them_too(
    headers: dict[str, str], query: bytes, status: int
) -> None:
    answer = await ask("POST", "/api/v1/chats", headers=headers, query=query)
    assert answer.status == status
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("where", ["/healthz", "/readyz"])
async def test_probes_are_not_sniffed(where: str) -> None:
    assert (await ask("GET", where)).headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "where", ["/", "/about", "/access", "/admin/login/", "/docs", "/docs/ws", "/auth/login"]
)
def test_nothing_is_echoed(api: Client, where: str) -> None:
    response = api.generic("TRACE", where, headers={"Cookie": "sessionid=secret"})
    assert response.status_code == 405 and response["Allow"]
    assert b"secret" not in response.content


@pytest.mark.urls(__name__)
def test_a_failure_says_nothing_of_us() -> None:
    client = Client(raise_request_exception=False)
    failed, missing = client.get("/broken"), client.get("/nothing?x=told-to-nobody")
    assert (failed.status_code, missing.status_code) == (500, 404)
    for response, code in ((failed, "internal_error"), (missing, "not_found")):
        assert set(response.json()) == {"detail", "code"} and response.json()["code"] == code
        for word in ("told-to-nobody", "Traceback", "Django", "messenger.", str(project.BASE_DIR)):
            assert word not in response.text


@pytest.mark.urls(__name__)
def test_over_https_who_comes_without_is_sent_there_and_cookies_stay_on_it(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.CSRF_COOKIE_SECURE = True
    plain = Client().get("/admin/login/")
    assert plain.status_code == 301 and plain["Location"] == "https://testserver/admin/login/"
    tls = Client().get("/admin/login/", headers={"X-Forwarded-Proto": "https"})
    assert tls.status_code == 200 and tls["Strict-Transport-Security"] == "max-age=31536000"
    cookie = tls.cookies["csrftoken"]
    assert cookie["secure"] and cookie["httponly"] and cookie["samesite"] == "Lax"


def test_the_reference_says_nothing_of_this_installation(api: Client, settings: Any) -> None:
    """It is open to everybody, so it must be the same everywhere."""
    secrets = (
        project.SECRET_KEY,
        project.JWT_KEY,
        str(project.BASE_DIR),
        "postgres://",
        "redis://",
    )
    for where in ("/docs", "/docs/openapi.json", "/docs/openapi.yaml", "/docs/ws", "/docs/ws.json"):
        said = api.get(where).text
        assert said and not [word for word in secrets if word in said]
