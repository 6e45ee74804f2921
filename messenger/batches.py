"""Carrying out many commands in one transaction, so that one bad command fails alone."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import IntegrityError, InterfaceError, OperationalError

from messenger.errors import Internal, MessengerError, Unavailable

logger = logging.getLogger(__name__)


Command = TypeVar("Command")
Result = TypeVar("Result")


def carry_out(
    commands: Sequence[Command],
    together: Callable[[Sequence[Command]], list[Result | MessengerError]],
    *,
    again: bool = False,
) -> list[Result | MessengerError]:
    """
    `together(commands)` in one go; if that fails as a whole, its halves, and so down to the
    command that is to blame. For each command a result or an error, in the order given. Never
    raises because of a command.
    """
    if not commands:
        return []
    try:
        return together(commands)
    except MessengerError as error:
        if len(commands) == 1:
            return [error]
    except (OperationalError, InterfaceError) as error:
        # Away, overloaded, or somebody holds a lock for too long: trying each would take as long
        # again for each. What was in doubt is settled by the idempotency keys of a retry.
        logger.warning("The database refused %s commands: %s", len(commands), error)
        return [Unavailable(retry_after=1)] * len(commands)
    except Exception as error:
        if len(commands) == 1 and isinstance(error, IntegrityError) and not again:
            # Somebody was quicker, under another lock: now there is theirs to be found.
            return carry_out(commands, together, again=True)
        logger.exception("A batch of %s failed", len(commands))
        if len(commands) == 1:
            return [Internal()]
    half = len(commands) // 2
    return carry_out(commands[:half], together) + carry_out(commands[half:], together)
