"""
The hostile inputs, of tokens: somebody made them himself, found, kept or bent them. Each is made
from the claims of a good one.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import orjson
from django.conf import settings

Claims = dict[str, Any]


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(
    claims: Claims | bytes, *, key: str = "", hash: Any = hashlib.sha256, **header: Any
) -> str:
    """A JWT by hand: what libraries refuse to make is what matters here."""
    body = claims if isinstance(claims, bytes) else orjson.dumps(claims)
    start = f"{_part(orjson.dumps({'alg': 'HS256', 'typ': 'JWT', **header}))}.{_part(body)}"
    digest = hmac.new((key or settings.JWT_KEY).encode(), start.encode(), hash).digest()
    return f"{start}.{_part(digest)}"


def unsigned(claims: Claims, alg: str) -> str:
    return signed(claims, alg=alg).rpartition(".")[0] + "."


def with_exp(claims: Claims, exp: str) -> str:
    """With an `exp` that is not a number of JSON's usual kind, as text."""
    return signed(orjson.dumps({**claims, "exp": 0}).replace(b'"exp":0', f'"exp":{exp}'.encode()))


def without(claims: Claims, *names: str) -> Claims:
    return {name: value for name, value in claims.items() if name not in names}


def bent(text: str, at: int) -> str:
    """One character changed for another that base64 knows."""
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def claims_of(text: str) -> Claims:
    body = text.split(".")[1]
    claims: Claims = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


BAD: dict[str, Callable[[Claims], str]] = {
    "nothing": lambda c: "",
    "a word": lambda c: "x",
    "two words": lambda c: f"{signed(c)} {signed(c)}",
    "dots": lambda c: "..",
    "many dots": lambda c: "." * 2000,
    "not ASCII": lambda c: "\xff\xfe",
    "no signature": lambda c: signed(c).rpartition(".")[0],
    "an empty signature": lambda c: signed(c).rpartition(".")[0] + ".",
    "a bent signature": lambda c: bent(signed(c), -10),
    "bent claims": lambda c: bent(signed(c), 60),
    "other claims under the signature": lambda c: ".".join(
        [*signed({**c, "user_id": c["user_id"] + 1}).split(".")[:2], signed(c).split(".")[2]]
    ),
    "alg none": lambda c: unsigned(c, "none"),
    "alg None": lambda c: unsigned(c, "None"),
    "alg none, signed": lambda c: signed(c, alg="none"),
    "alg HS512": lambda c: signed(c, alg="HS512", hash=hashlib.sha512),
    "alg HS512, said to be HS256": lambda c: signed(c, hash=hashlib.sha512),
    "alg hs256": lambda c: signed(c, alg="hs256"),
    "alg RS256": lambda c: signed(c, alg="RS256"),
    "alg a number": lambda c: signed(c, alg=256),
    "alg a list": lambda c: signed(c, alg=["HS256"]),
    "an unknown crit": lambda c: signed(c, crit=["exp2"], exp2=1),
    "claims outside of it": lambda c: signed(c, b64=False, crit=["b64"]),
    "a blank key": lambda c: signed(c, key=" "),
    "the key of zeros": lambda c: signed(c, key="0" * 64),
    "Django's own key": lambda c: signed(c, key=settings.SECRET_KEY),
    "a blank key by path": lambda c: signed(c, key=" ", kid="../../../../dev/null"),
    "a key of one's own": lambda c: signed(c, key="mine", jku="https://evil.example/keys"),
    "another issuer": lambda c: signed({**c, "iss": "messenger.evil.example"}),
    "no issuer": lambda c: signed(without(c, "iss")),
    "expired": lambda c: signed({**c, "exp": time.time() - 6}),
    "exp missing": lambda c: signed(without(c, "exp")),
    "exp a text": lambda c: signed({**c, "exp": "x"}),
    "exp null": lambda c: signed({**c, "exp": None}),
    "exp a list": lambda c: signed({**c, "exp": [c["exp"]]}),
    "exp negative": lambda c: signed({**c, "exp": -1}),
    "exp 1e400": lambda c: with_exp(c, "1e400"),
    "exp NaN": lambda c: with_exp(c, "NaN"),
    "exp Infinity": lambda c: with_exp(c, "Infinity"),
    "exp of a thousand digits": lambda c: with_exp(c, "9" * 1000),
    "made in ten minutes": lambda c: signed({**c, "iat": time.time() + 600}),
    "good from ten minutes on": lambda c: signed({**c, "nbf": time.time() + 600}),
    "no jti": lambda c: signed(without(c, "jti")),
    "no type": lambda c: signed(without(c, "token_type")),
    "another type": lambda c: signed({**c, "token_type": "sliding"}),
    "no login": lambda c: signed(without(c, "sid")),
    "a login that is no UUID": lambda c: signed({**c, "sid": "x"}),
    "a login that is a number": lambda c: signed({**c, "sid": 5}),
    "a login that nobody has": lambda c: signed({**c, "sid": uuid4().hex}),
    "no person": lambda c: signed(without(c, "user_id")),
    "another person": lambda c: signed({**c, "user_id": c["user_id"] + 1}),
    "a person beyond 2^63": lambda c: signed({**c, "user_id": 2**63}),
    "a person as text": lambda c: signed({**c, "user_id": str(c["user_id"])}),
    "a person as true": lambda c: signed({**c, "user_id": True}),
    "a list for claims": lambda c: signed(b"[]"),
    "a number for claims": lambda c: signed(b"1"),
    "deep claims": lambda c: signed(b"[" * 1100),
    "8,000 brackets": lambda c: signed(b"[" * 8000),
    "a deep header": lambda c: f"{_part(b'[' * 1100)}.{_part(orjson.dumps(c))}.x",
    "claims that are no UTF-8": lambda c: signed(b'{"exp": "\xff"}'),
    "a megabyte": lambda c: signed({**c, "x": "x" * 1_000_000}),
    "a megabyte of dots": lambda c: "." * 1_000_000,
}
