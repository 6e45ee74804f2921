"""Bob wrote something in Alice's group; people with powers, by their ranks."""

from typing import Any

import pytest
from django.contrib.auth.models import Group

from accounts.models import User
from chats.models import Chat
from messaging.models import Message
from messaging.services import send_message
from moderation.models import Case
from moderation.powers import ADMINISTRATOR, MODERATOR, SENIOR
from moderation.services import claim, report_message
from tests.chats.helpers import listen
from tests.people import make_user


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The events that went out, in their order; nobody else listens."""
    return listen(monkeypatch)


@pytest.fixture(autouse=True)
def english_notices(settings: Any) -> None:
    """What people are told of decisions is in the language of the place."""
    settings.LANGUAGE_CODE = "en"


def staff(name: str, group: str) -> User:
    user = make_user(name, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


@pytest.fixture
def mia() -> User:
    """A moderator."""
    return staff("mia", MODERATOR)


@pytest.fixture
def max() -> User:
    """Another moderator."""
    return staff("max", MODERATOR)


@pytest.fixture
def sara() -> User:
    """A senior moderator."""
    return staff("sara", SENIOR)


@pytest.fixture
def sam() -> User:
    """Another senior moderator."""
    return staff("sam", SENIOR)


@pytest.fixture
def adam() -> User:
    """An administrator."""
    return staff("adam", ADMINISTRATOR)


@pytest.fixture
def root_user() -> User:
    """A superuser."""
    return make_user("root", is_staff=True, is_superuser=True)


@pytest.fixture
def message(bob: User, group: Chat) -> Message:
    """Bob's, in the group."""
    sent = send_message(bob, chat=group.id, content="You are all stupid")
    return Message.objects.get(id=sent.message.id)


@pytest.fixture
def case(alice: User, message: Message) -> Case:
    """Alice reported Bob's message; nobody has claimed it."""
    return report_message(alice, message=message.id, reason="abuse", comment="Again!").case


@pytest.fixture
def mine(mia: User, case: Case) -> Case:
    """The same case, claimed by Mia."""
    claim(mia, case)
    return case
