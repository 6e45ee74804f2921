"""The native API under `/api/v1`: accounts and history."""

from messenger.protocols.nodus.rest import routes

__all__ = ["routes"]
