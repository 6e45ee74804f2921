"""What can happen to a socket's authority, and what must follow."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx
from django.db import IntegrityError
from django.db.models import Max
from rest_framework_simplejwt.tokens import AccessToken

from accounts import services as accounts
from accounts.models import Login, User
from accounts.tokens import TokenPair, issue, read_access
from chats.models import Chat, LogEntry, Membership
from chats.services import change_role, create_chat
from messaging.services import send_message
from messenger.realtime.threads import in_db
from tests.people import make_user

# Seconds that a token has left that is to run out while its socket is looked at.
SHORT = 6.0


@dataclass
class Case:
    """Whose socket it is, and where: a closed group of `friend`'s."""

    victim: User
    friend: User
    chat: Chat
    tokens: TokenPair
    # The friend's headers, for REST.
    friends: dict[str, str]
    # Where the change is asked for over REST, and where the socket hangs.
    one: httpx.AsyncClient
    two: httpx.AsyncClient
    # What the change kept for later.
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens.access}"}


Do = Callable[[Case], Awaitable[None]]


class Change(NamedTuple):
    """One thing that can happen. `code` 0: the socket stays open."""

    name: str
    code: int
    do: Do
    # When it happened by the database, in seconds since the epoch: never later than the commit.
    happened: Callable[[Case], float]
    # Whether the chat is still the person's afterwards.
    stays: bool = False
    # Whether the socket's first token runs out within SHORT.
    short: bool = False
    protocols: tuple[str, ...] = ("miniapp", "messenger_api", "nodus", "chatroulette")


def make_case(number: int, change: Change, one: httpx.AsyncClient, two: httpx.AsyncClient) -> Case:
    """The people and their chat, in the database."""
    victim, friend = make_user(f"victim{number}"), make_user(f"friend{number}")
    chat = create_chat(friend, kind="group", name="Chat", members=[victim])
    if change is ROLE_LOSS:
        change_role(friend, chat=chat, user=victim, role=Membership.Role.OWNER)
    tokens = accounts.start_login(victim)
    if change.short:
        access = AccessToken(tokens.access)  # type: ignore[arg-type]
        access.payload["exp"] = time.time() + SHORT
        tokens = TokenPair(str(access), tokens.refresh)
    friends = {"Authorization": f"Bearer {accounts.start_login(friend).access}"}
    case = Case(victim, friend, chat, tokens, friends, one, two)
    if change is ROLE_LOSS:
        case.notes["theirs"] = send_message(friend, chat=chat.id, content="mine").message.id
    return case


# --- when it happened ----------------------------------------------------------------------------


def _login_ended(case: Case) -> float:
    ended = Login.objects.filter(user_id=case.victim.id).aggregate(at=Max("ended_at"))["at"]
    return float(ended.timestamp())


def _logged(kind: str) -> Callable[[Case], float]:
    def happened(case: Case) -> float:
        entry = LogEntry.objects.filter(chat_id=case.chat.id, kind=kind).latest("seq")
        case.notes["seq"] = entry.seq
        return entry.created_at.timestamp()

    return happened


def _noted(case: Case) -> float:
    return float(case.notes["at"])


def _expired(case: Case) -> float:
    return expires(case.tokens.access)


def expires(access: str) -> float:
    """When a token runs out, also if it has."""
    return float(AccessToken(access, verify=False).payload["exp"])  # type: ignore[arg-type]


# --- in a third process --------------------------------------------------------------------------


async def _ban(case: Case) -> None:
    await in_db(accounts.ban, case.victim)


async def _log_out_everywhere(case: Case) -> None:
    await in_db(lambda: accounts.end_logins(case.victim.id, reason="logout"))


async def _change_password(case: Case) -> None:
    await in_db(accounts.change_password, case.victim, "another-horse-8")


async def _deactivate(case: Case) -> None:
    """Past the services, as in a shell."""

    def save() -> None:
        case.victim.is_active = False
        case.notes["at"] = time.time()
        case.victim.save()

    await in_db(save)


async def _delete(case: Case) -> None:
    """Past the services, as in a shell."""

    def delete() -> bool:
        case.notes["at"] = time.time()
        try:
            User.objects.get(id=case.victim.id).delete()
        except IntegrityError:
            # They said something that very moment, and what was said keeps its author.
            return False
        return True

    while not await in_db(delete):
        pass


# --- at the other process ------------------------------------------------------------------------


async def _ask(
    case: Case, method: str, path: str, headers: dict[str, str], body: Any = None, status: int = 204
) -> httpx.Response:
    answer = await case.one.request(method, path, headers=headers, json=body)
    assert answer.status_code == status, (path, answer.status_code, answer.text)
    return answer


async def _log_out(case: Case) -> None:
    await _ask(case, "POST", "/api/v1/auth/logout", case.bearer)


async def _reuse(case: Case) -> None:
    """Somebody shows a refresh token that had been exchanged before."""
    path, body = "/api/v1/auth/refresh", {"refresh_token": case.tokens.refresh}
    await _ask(case, "POST", path, {}, body, 200)
    await _ask(case, "POST", path, {}, body, 401)


async def _remove(case: Case) -> None:
    path = f"/api/v1/chats/{case.chat.id}/members/{case.victim.id}"
    await _ask(case, "DELETE", path, case.friends)


async def _leave(case: Case) -> None:
    await _ask(case, "POST", f"/api/v1/chats/{case.chat.id}/leave", case.bearer)


async def _delete_chat(case: Case) -> None:
    await _ask(case, "DELETE", f"/api/v1/chats/{case.chat.id}", case.friends)


async def _lose_role(case: Case) -> None:
    path = f"/api/v1/chats/{case.chat.id}/members/{case.victim.id}"
    await _ask(case, "PATCH", path, case.friends, {"role": "member"}, 200)
    path = f"/api/v1/messages/{case.notes['theirs']}"
    answer = await case.two.delete(path, headers=case.bearer)
    assert answer.status_code == 403, "who owns it no longer deletes what others said"


async def _nothing(case: Case) -> None:
    """Time passes; in the case of a refresh, the socket sends the fresh token itself."""


CLOSING = [
    Change("ban", 4403, _ban, _login_ended),
    Change("logout", 4401, _log_out, _login_ended),
    Change("logout everywhere", 4401, _log_out_everywhere, _login_ended),
    Change("password changed", 4401, _change_password, _login_ended),
    Change("refresh token reused", 4401, _reuse, _login_ended),
    Change("token expired", 4401, _nothing, _expired, short=True),
    Change("deactivated", 4401, _deactivate, _noted),
    Change("account deleted", 4401, _delete, _noted),
]
REMOVED = Change("removed from the chat", 0, _remove, _logged("member_left"))
LEFT = Change("left the chat", 0, _leave, _logged("member_left"))
CHAT_DELETED = Change("chat deleted", 0, _delete_chat, _logged("chat_deleted"))
ROLE_LOSS = Change("role lost", 0, _lose_role, _logged("role_changed"), stays=True)
REFRESHED = Change(
    "refreshed in-band",
    0,
    _nothing,
    _expired,
    stays=True,
    short=True,
    protocols=("nodus", "chatroulette"),
)
CHANGES = [*CLOSING, REMOVED, LEFT, CHAT_DELETED, ROLE_LOSS, REFRESHED]


def fresh_token(case: Case) -> str:
    """One more access token of the same login, that lasts."""
    claims = read_access(case.tokens.access)
    return issue(claims.user_id, claims.login_id)[0].access
