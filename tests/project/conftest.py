"""What the tests of the project share."""

import pytest
from django.conf import settings

from messenger.realtime import limits


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> float:
    """A machine that is busy must not look like a Redis that is away. How long it is in earnest."""
    in_earnest = limits.PATIENCE
    monkeypatch.setattr(limits, "PATIENCE", 5.0)
    limits.counter = limits.Counter(settings.REDIS_URL)
    return in_earnest
