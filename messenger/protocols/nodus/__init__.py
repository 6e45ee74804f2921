"""The native API under `/api/v1`: accounts, messages and reactions."""

from messenger.protocols.nodus.rest import routes

__all__ = ["routes"]
