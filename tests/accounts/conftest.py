"""What the tests of accounts share."""

import pytest
from django.conf import settings


@pytest.fixture(scope="package", autouse=True)
def quick_clients() -> None:
    """A test client loads the middleware anew, and would look through all static files for it."""
    settings.WHITENOISE_AUTOREFRESH = True
