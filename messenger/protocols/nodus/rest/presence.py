"""`/api/v1/presence`: who is here, for clients without a socket, too; who is typing."""

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from messenger.ids import Ref
from messenger.protocols.nodus import shapes
from messenger.realtime import limits
from messenger.rest import FlagField, IdField, Wanted, operation, route, user_of
from presence import services
from presence.leases import AWAY, ONLINE
from presence.selectors import status_for, typing_in


class OwnStatus(serializers.Serializer):
    status = serializers.ChoiceField([ONLINE, AWAY])


class PresenceViewSet(ViewSet):
    """One's own status, and those of the people one shares a chat with."""

    @operation({204: None})
    def heartbeat(self, request: Request) -> Response:
        user = user_of(request)
        limits.check(limits.TYPING, f"user {user.id}")
        services.heartbeat(user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @operation({200: shapes.Presence})
    def me(self, request: Request) -> Response:
        user = user_of(request)
        return Response(shapes.presence(status_for(user, user.id)))

    @operation({200: shapes.Presence}, body=OwnStatus)
    def set_me(self, request: Request, wanted: Wanted) -> Response:
        user = user_of(request)
        limits.check(limits.TYPING, f"user {user.id}")
        services.heartbeat(user, away=wanted["status"] == AWAY)
        return Response(shapes.presence(status_for(user, user.id)))

    @operation({200: shapes.Presence})
    def retrieve(self, request: Request, user_id: Ref) -> Response:
        return Response(shapes.presence(status_for(user_of(request), user_id)))


class NewTyping(serializers.Serializer):
    chat_id = IdField()
    is_typing = FlagField()


class TypingViewSet(ViewSet):
    """Saying that one is typing, and who else is."""

    @operation({204: None}, body=NewTyping, errors=[403, 404])
    def create(self, request: Request, wanted: Wanted) -> Response:
        user = user_of(request)
        limits.check(limits.TYPING, f"user {user.id}")
        services.set_typing(user, chat=wanted["chat_id"], is_typing=wanted["is_typing"])
        return Response(status=status.HTTP_204_NO_CONTENT)

    @operation({200: list[int]})
    def list(self, request: Request, chat_id: Ref) -> Response:
        return Response(typing_in(user_of(request), chat_id))


routes = [
    route("api/v1/presence/heartbeat", PresenceViewSet, post="heartbeat"),
    # Before the people: "me" is nobody's id.
    route("api/v1/presence/me", PresenceViewSet, get="me", put="set_me"),
    route("api/v1/presence/typing", TypingViewSet, post="create"),
    route(r"api/v1/presence/typing/(?P<chat_id>[^/]+)", TypingViewSet, get="list"),
    route(r"api/v1/presence/(?P<user_id>[^/]+)", PresenceViewSet, get="retrieve"),
]
