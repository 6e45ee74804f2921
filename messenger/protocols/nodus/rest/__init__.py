"""The native REST API under `/api/v1`, a file for each noun."""

from messenger.protocols.nodus.rest import (
    accounts,
    blocks,
    chats,
    me,
    messages,
    presence,
    reports,
    stats,
    stream,
    users,
)

routes = [
    *accounts.routes,
    *blocks.routes,
    *chats.routes,
    *me.routes,
    *messages.routes,
    *presence.routes,
    *reports.routes,
    *stats.routes,
    *stream.routes,
    *users.routes,
]
