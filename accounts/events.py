"""What happens to accounts that open sockets must hear of."""

from dataclasses import dataclass
from typing import ClassVar

from messenger.events import UserEvent


@dataclass(frozen=True, kw_only=True)
class LoginsEnded(UserEvent):
    """Logins of a person ended: by logout, a new password, a reused token, a ban or their end."""

    kind: ClassVar[str] = "logins_ended"
    internal: ClassVar[bool] = True
    # Hexadecimal ids of the logins; None means all of them.
    logins: list[str] | None
    reason: str
