"""`/api/v1/chats/{id}/events`, `/api/v1/sync`: the unbroken stream for those without a socket."""

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from chats.events import Reason
from chats.log import reach_back
from chats.selectors import chat_for, chats_of, events_after
from messenger.ids import MAX_ID, Ref
from messenger.protocols.nodus import frames, shapes
from messenger.protocols.nodus.rest.chats import CHAT, chats_seen_by
from messenger.protocols.nodus.socket import nodus
from messenger.rest import PlaceField, Wanted, WholeField, operation, route, user_of
from messenger.snapshot import snapshot


class PageOfLog(serializers.Serializer):
    after_seq = PlaceField(min_value=0, max_value=MAX_ID, required=False, default=0)
    limit = WholeField(min_value=1, max_value=500, required=False, default=100)


class LogViewSet(ViewSet):
    """The changes to a chat after a `seq`, in order."""

    @operation({200: frames.Log}, query=PageOfLog)
    def list(self, request: Request, chat_id: Ref, wanted: Wanted) -> Response:
        user, after, limit = user_of(request), wanted["after_seq"], wanted["limit"]
        with snapshot():
            chat = chat_for(user, chat_id).chat
            reason: Reason | None = None
            if after > chat.last_seq:
                reason = "ahead"
            elif not reach_back({chat.id: after}):
                reason = "expired"
            events = [] if reason else events_after(chat.id, after, limit=limit)
        return Response(
            frames.Log(
                events=nodus.words_for(user.id, events),
                has_more=bool(events) and events[-1].seq < chat.last_seq,
                last_seq=chat.last_seq,
                reset={"reason": reason, "seq": chat.last_seq} if reason else None,
            )
        )


class SyncViewSet(ViewSet):
    """All that a client needs to start, from one snapshot."""

    @operation({200: frames.Snapshot})
    def retrieve(self, request: Request) -> Response:
        user = user_of(request)
        with snapshot():
            chats = chats_seen_by(user, chats_of(user))
        return Response(frames.Snapshot(user=shapes.me(user), chats=chats))


routes = [
    route(f"api/v1/{CHAT}/events", LogViewSet, get="list"),
    route("api/v1/sync", SyncViewSet, get="retrieve"),
]
