"""
Requests and handshakes that no library would send, against real servers: a refusal or a closed
connection, never an error of ours, and nobody else notices.
"""

import asyncio
import re

import pytest

from accounts.models import User
from chats.models import Chat
from tests.hostile.live import scene
from tests.hostile.tally import tally
from tests.hostile.wire import Line, address, line
from tests.live.servers import Server
from tests.processes import memory_of

pytestmark = pytest.mark.once

Attacked = tuple[Server, Server]
MB = 1024 * 1024
GET = b"GET /users_list HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /register HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
HOST = b"Host: localhost\r\n"
UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
END = b"\r\n" + HOST + b"\r\n"
KNOCK = b"GET /connect HTTP/1.1\r\nHost: localhost\r\n" + UPGRADE


def at(path: bytes) -> bytes:
    """The start of a handshake at another path than there is."""
    return KNOCK.replace(b"/connect", path)


# Requests, and what is none. After each the client is done.
REQUESTS: dict[str, bytes] = {
    "no method": b" /users_list HTTP/1.1" + END,
    "no path": b"GET HTTP/1.1" + END,
    "no version": b"GET /users_list\r\n\r\n",
    "HTTP/0.9": b"GET /users_list\r\n",
    "HTTP/9.9": b"GET /users_list HTTP/9.9" + END,
    "HTTP/1.1x": b"GET /users_list HTTP/1.1x" + END,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 32 + b"\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "SOCKS": b"\x05\x01\x00\r\n\r\n",
    "Redis": b"*1\r\n$8\r\nFLUSHALL\r\n\r\n",
    "SMTP": b"EHLO x\r\nMAIL FROM:<x@x>\r\n\r\n",
    "nonsense": b"\xff\xfe\x00\x01\r\n\r\n",
    "NULs": b"\x00" * 1000 + b"\r\n\r\n",
    "a method of 1,000 letters": b"G" * 1000 + b" / HTTP/1.1" + END,
    "an unknown method": b"NONSENSE /users_list HTTP/1.1" + END,
    "a method in small letters": b"get /users_list HTTP/1.1" + END,
    "TRACE": b"TRACE /users_list HTTP/1.1\r\nHost: localhost\r\nCookie: a=b\r\n\r\n",
    "CONNECT": b"CONNECT 127.0.0.1:5432 HTTP/1.1" + END,
    "OPTIONS of all": b"OPTIONS * HTTP/1.1" + END,
    "a whole address": b"GET http://evil.example/users_list HTTP/1.1" + END,
    "an address of another kind": b"GET file:///etc/passwd HTTP/1.1" + END,
    "a path up": b"GET /static/../../../../etc/passwd HTTP/1.1" + END,
    "a path up, escaped": b"GET /static/%2e%2e/%2e%2e/manage.py HTTP/1.1" + END,
    "a path without a slash": b"GET users_list HTTP/1.1" + END,
    "a path of bytes": b"GET /\xff\xfe HTTP/1.1" + END,
    "a path with a NUL": b"GET /users_list%00 HTTP/1.1" + END,
    "a path with a raw NUL": b"GET /users\x00list HTTP/1.1" + END,
    "a path with half an escape": b"GET /users_list% HTTP/1.1" + END,
    "a path with bad escapes": b"GET /%ff%fe%ED%A0%80 HTTP/1.1" + END,
    "a path with a new line": b"GET /users%0d%0aSet-Cookie:a=b HTTP/1.1" + END,
    "a path of 100 KB": b"GET /" + b"x" * 100_000 + b" HTTP/1.1" + END,
    "a query of 100 KB": b"GET /users_list?a=" + b"x" * 100_000 + b" HTTP/1.1" + END,
    "a query of bytes": b"GET /users_list?search=\xff HTTP/1.1" + END,
    "a fragment": b"GET /users_list#x HTTP/1.1" + END,
    "spaces in the line": b"GET  /users_list  HTTP/1.1" + END,
    "tabs in the line": b"GET\t/users_list\tHTTP/1.1" + END,
    "lines ended by LF": b"GET /users_list HTTP/1.1\nHost: x\n\n",
    "lines ended by CR": b"GET /users_list HTTP/1.1\rHost: x\r\r",
    "no Host": b"GET /users_list HTTP/1.1\r\n\r\n",
    "two Hosts": GET + b"Host: evil.example\r\n\r\n",
    "a Host of bytes": b"GET /users_list HTTP/1.1\r\nHost: \xff\r\n\r\n",
    "a Host that is open": b"GET /users_list HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "a Host with a path": b"GET /users_list HTTP/1.1\r\nHost: x/y@evil.example\r\n\r\n",
    "a Host of 10 KB": b"GET /users_list HTTP/1.1\r\nHost: " + b"x" * 10_000 + b"\r\n\r\n",
    "a space before the colon": GET + b"X-A : b\r\n\r\n",
    "no colon": GET + b"X-A\r\n\r\n",
    "no name": GET + b": b\r\n\r\n",
    "a folded line": GET + b"X-A: b\r\n c\r\n\r\n",
    "a folded first line": b"GET /users_list HTTP/1.1\r\n Host: localhost\r\n\r\n",
    **{
        f"a header with {byte!r}": GET + b"X-A: b" + byte + b"c\r\n\r\n"
        for byte in (b"\x00", b"\x01", b"\x0b", b"\x0c", b"\x1c", b"\x7f", b"\x85", b"\xff", b"\r")
    },
    **{
        f"a name with {byte!r}": GET + b"X-" + byte + b"A: b\r\n\r\n"
        for byte in (b"\x00", b"\x0b", b"\x1c", b"\x85", b"\xff", b" ", b"(", b"\t", b'"', b"_")
    },
    "a header of 100 KB": GET + b"X-A: " + b"x" * 100_000 + b"\r\n\r\n",
    "1,000 headers": GET + b"".join(b"X-%d: x\r\n" % n for n in range(1000)) + b"\r\n",
    "one header 1,000 times": GET + b"X-A: x\r\n" * 1000 + b"\r\n",
    "a cookie of 10 KB": GET + b"Cookie: " + b"a=b; " * 2000 + b"\r\n\r\n",
    "Daphne-Root-Path": GET + b"Daphne-Root-Path: /x\r\n\r\n",
    "Daphne-Root-Path of bytes": GET + b"Daphne-Root-Path: %ff\xff\r\n\r\n",
    "X_Forwarded_For": GET + b"X_Forwarded_For: 127.0.0.1\r\nX_Real_IP: 127.0.0.1\r\n\r\n",
    "Authorization_": GET + b"Authorization_: Bearer x\r\n\r\n",
    "two Authorizations": GET + b"Authorization: Bearer x\r\nAuthorization: Bearer y\r\n\r\n",
    "bytes for a token": GET + b"Authorization: Bearer \xff\xfe\r\n\r\n",
    "a length for a GET": GET + b"Content-Length: 5\r\n\r\nhello",
    "a length of -1": POST + b"Content-Length: -1\r\n\r\n{}",
    "a length of +2": POST + b"Content-Length: +2\r\n\r\n{}",
    "a length of 1e3": POST + b"Content-Length: 1e3\r\n\r\n{}",
    "a length of 0x2": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "a length of 2^64": POST + b"Content-Length: 18446744073709551616\r\n\r\n{}",
    "a length of nothing": POST + b"Content-Length: \r\n\r\n{}",
    "a length that is a list": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length too short": POST + b'Content-Length: 2\r\n\r\n{}{"email": "x"}\r\n\r\n',
    "a length and chunks": POST
    + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "chunks of another kind": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "compressed chunks": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks, said with a tab": POST + b"Transfer-Encoding:\tchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a chunk of a length that is none": CHUNKED + b"x\r\n{}\r\n0\r\n\r\n",
    "a chunk of -2": CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
    "a chunk of 2^64": CHUNKED + b"10000000000000000\r\n{}\r\n",
    "a chunk of 2^60": CHUNKED + b"fffffffffffffff\r\n{}\r\n",
    "a chunk too short": CHUNKED + b"1\r\n{}\r\n0\r\n\r\n",
    "an extension of 20 KB": CHUNKED + b"2;" + b"x" * 20_000 + b"\r\n{}\r\n0\r\n\r\n",
    "trailers": CHUNKED + b"2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\nContent-Length: 9\r\n\r\n",
    "1,000 chunks": CHUNKED + b"1\r\n \r\n" * 1000 + b"0\r\n\r\n",
    "1,000 empty lines first": b"\r\n" * 1000 + GET + b"\r\n",
    "100 requests at once": (GET + b"\r\n") * 100,
    "a body of 64 KB and one": POST + b"Content-Length: 65537\r\n\r\n" + b"x" * 65_537,
    "a body of 1.5 MB": POST + b"Content-Length: 1500000\r\n\r\n" + b"x" * 1_500_000,
    "expectations": POST + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n",
    "other expectations": POST + b"Expect: the-spanish-inquisition\r\nContent-Length: 2\r\n\r\n{}",
    # Handshakes that are none.
    "no key": KNOCK + b"\r\n",
    "an empty key": KNOCK + b"Sec-WebSocket-Key: \r\n\r\n",
    "a short key": KNOCK + b"Sec-WebSocket-Key: eA==\r\n\r\n",
    "a key of bytes": KNOCK + b"Sec-WebSocket-Key: \xff\xfe\r\n\r\n",
    "two keys": KNOCK + KEY + KEY + b"\r\n",
    "two versions": KNOCK + KEY + b"Sec-WebSocket-Version: 8\r\n\r\n",
    "an old version": KNOCK.replace(b"13", b"12") + KEY + b"\r\n",
    "a version that is none": KNOCK.replace(b"13", b"x") + KEY + b"\r\n",
    "no Connection": KNOCK.replace(b"Connection: Upgrade\r\n", b"") + KEY + b"\r\n",
    "Connection: close": KNOCK.replace(b"n: Upgrade", b"n: close") + KEY + b"\r\n",
    "POST": KNOCK.replace(b"GET", b"POST") + KEY + b"Content-Length: 2\r\n\r\n{}",
    "HTTP/1.0": KNOCK.replace(b"HTTP/1.1", b"HTTP/1.0") + KEY + b"\r\n",
    "h2c": b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    "an upgrade to nothing": b"GET / HTTP/1.1\r\nUpgrade: \r\nConnection: Upgrade" + END,
    "a socket's path as a page": b"GET /connect HTTP/1.1" + END,
    "a page's path as a socket": at(b"/users_list") + KEY + b"\r\n",
    "a socket nowhere": at(b"/nowhere/at/all") + KEY + b"\r\n",
    "a socket at a NUL": at(b"/connect%00") + KEY + b"\r\n",
    "a socket at bytes": at(b"/\xff\xfe") + KEY + b"\r\n",
    "a socket at bad escapes": at(b"/%ff%ED%A0%80") + KEY + b"\r\n",
    "a socket with a query of bytes": at(b"/connect?token=\xff") + KEY
    + b"\r\n",
    "a socket above": at(b"/x/../connect") + KEY + b"\r\n",
    "a whole address for a socket": at(b"http://localhost/connect") + KEY + b"\r\n",
    "an Origin that is open": KNOCK + KEY + b"Origin: http://[::1\r\n\r\n",
    "an Origin of bytes": KNOCK + KEY + b"Origin: \xff\xfe\r\n\r\n",
    "an Origin elsewhere": KNOCK + KEY + b"Origin: http://evil.example\r\n\r\n",
    "two Origins": KNOCK + KEY + b"Origin: http://localhost\r\nOrigin: http://evil.example\r\n\r\n",
    "an Origin of 10 KB": KNOCK + KEY + b"Origin: http://" + b"x" * 10_000 + b"\r\n\r\n",
    "subprotocols": KNOCK + KEY + b"Sec-WebSocket-Protocol: a, b, c\r\n\r\n",
    "empty subprotocols": KNOCK + KEY + b"Sec-WebSocket-Protocol: ,,,\r\n\r\n",
    "bytes for subprotocols": KNOCK + KEY + b"Sec-WebSocket-Protocol: bearer, \xff\xfe\r\n\r\n",
    "escapes for subprotocols": KNOCK + KEY + b"Sec-WebSocket-Protocol: bearer, %00%ff\r\n\r\n",
    "an extension": KNOCK + KEY + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
    "extensions of nonsense": KNOCK + KEY + b"Sec-WebSocket-Extensions: ;;=,\xff\r\n\r\n",
    "a body behind a handshake": KNOCK + KEY + b"Content-Length: 5\r\n\r\nhello",
    "chunks behind a handshake": KNOCK + KEY + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "frames behind a handshake": KNOCK + KEY + b"\r\n" + b"\x81\x80\x00\x00\x00\x00" * 100,
    "1,000 headers of a handshake": KNOCK
    + KEY
    + b"".join(b"X-%d: x\r\n" % n for n in range(1000))
    + b"\r\n",
}  # fmt: skip
# What says that it does not know this method or version is no mistake.
REFUSALS = {501, 505}


async def everything(found: Line) -> bytes:
    """What comes back until the other side is silent or gone. We have said all that we have to."""
    whole = b""
    try:
        # `eof` would do, but servers differ in what they make of it.
        async with asyncio.timeout(0.5):
            while more := await found.reader.read(65536):
                whole += more
    except (TimeoutError, ConnectionError):
        pass
    return whole


async def test_no_request_is_a_mistake_of_ours(
    attacked: Attacked, alice: User, bob: User, group: Chat
) -> None:
    async def attempt(name: str, data: bytes) -> None:
        async with line(attacked[0]) as mine:
            own = f"X-Forwarded-For: {address()}\r\n".encode()
            await mine.send(data.replace(HOST, HOST + own, 1))
            came = await everything(mine)
        statuses = {int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", came)}
        for status in statuses or {0}:
            tally.count("requests", "a connection", name, status or "closed")
        assert all(status < 500 or status in REFUSALS for status in statuses), (name, came[:300])
        assert b"root:" not in came and b"Traceback" not in came and b"evil" not in came, name

    async with scene(*attacked, alice, bob, group) as others:
        before = memory_of(attacked[0].process.pid)
        items = list(REQUESTS.items())
        for start in range(0, len(items), 24):
            await asyncio.gather(*(attempt(*item) for item in items[start : start + 24]))
            await others.still_hear()
        assert memory_of(attacked[0].process.pid) - before < 24 * MB
