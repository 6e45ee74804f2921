"""The native REST API under `/api/v1`, a file for each noun."""

from messenger.protocols.nodus.rest import accounts, chats, messages, presence, stats, stream, users

routes = [
    *accounts.routes,
    *chats.routes,
    *messages.routes,
    *presence.routes,
    *stats.routes,
    *stream.routes,
    *users.routes,
]
