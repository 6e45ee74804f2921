"""Nobody listens here: what goes out is written down."""

from typing import Any

import pytest

from tests.chats.helpers import listen


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The events that went out, in their order."""
    return listen(monkeypatch)
