"""Chatroulette's REST: reading, editing and liking one message."""

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.models import User
from messaging import services as messages
from messaging.events import Likes
from messaging.models import Message
from messaging.selectors import likes_for, status_of
from messenger.ids import Ref
from messenger.protocols.chatroulette import shapes
from messenger.rest import ContentField, Wanted, operation, route, user_of
from messenger.snapshot import snapshot


class NewContent(serializers.Serializer):
    content = ContentField()


class StatusViewSet(ViewSet):
    """What has become of a message: `read`, `edit`, `status`."""

    @operation({200: shapes.ReadInWords})
    def read(self, request: Request, message_id: Ref) -> Response:
        """Mark a message as read; one's own stays as it is."""
        read = messages.read_message(user_of(request), message=message_id)
        return Response(shapes.read_in_words(read))

    @operation({200: shapes.Edited}, body=NewContent, errors=[403])
    def edit(self, request: Request, message_id: Ref, wanted: Wanted) -> Response:
        """Another content for a message, by its author."""
        facts = messages.edit_message(
            user_of(request), message=message_id, content=wanted["content"]
        )
        return Response(shapes.edited(facts))

    @operation({200: shapes.MessageStatus})
    def retrieve(self, request: Request, message_id: Ref) -> Response:
        """What a message is by now, and who has read it."""
        with snapshot():
            return Response(shapes.status(status_of(user_of(request), message_id)))


class LikeViewSet(ViewSet):
    """Likes: the reaction ❤️, which every other protocol sees and gives as well."""

    @operation({200: shapes.LikedByMe}, errors=[403])
    def like(self, request: Request, message_id: Ref) -> Response:
        """Like a message. Again: nothing happens."""
        user = user_of(request)
        return Response(_liked(user, *messages.like_message(user, message=message_id)))

    @operation({200: shapes.LikedByMe})
    def unlike(self, request: Request, message_id: Ref) -> Response:
        """Take one's like off a message. Where there is none, nothing happens."""
        user = user_of(request)
        return Response(_liked(user, *messages.unlike_message(user, message=message_id)))

    @operation({200: shapes.Likes})
    def list(self, request: Request, message_id: Ref) -> Response:
        """Who likes a message."""
        user = user_of(request)
        _, likes = likes_for(user, message_id)
        mine = str(user.uuid) in likes.liked_by
        return Response(shapes.Likes(**shapes.likes_of(likes), is_liked_by_user=mine))


def _liked(user: User, message: Message, likes: Likes) -> shapes.LikedByMe:
    mine = str(user.uuid) in likes.liked_by
    return {**shapes.liked(str(message.uuid), likes), "is_liked": mine}


MESSAGE = r"api/v1/messages/(?P<message_id>[^/]+)"
routes = [
    route(f"{MESSAGE}/read", StatusViewSet, put="read"),
    route(f"{MESSAGE}/edit", StatusViewSet, put="edit"),
    route(f"{MESSAGE}/status", StatusViewSet, get="retrieve"),
    route(f"{MESSAGE}/like", LikeViewSet, post="like", delete="unlike"),
    route(f"{MESSAGE}/likes", LikeViewSet, get="list"),
]
