"""What the tests of limits share."""

import pytest
from django.conf import settings

from messenger.realtime import limits


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy must not look like a Redis that is away."""
    monkeypatch.setattr(limits, "PATIENCE", 30.0)
    limits.counter = limits.Counter(settings.REDIS_URL)
