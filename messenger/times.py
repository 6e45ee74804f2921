"""Times as clients see them."""

from datetime import datetime


def iso(time: datetime) -> str:
    """ISO 8601 in UTC, ending in Z."""
    return time.isoformat().replace("+00:00", "Z")
