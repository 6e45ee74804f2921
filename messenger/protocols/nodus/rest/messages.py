"""`/api/v1/messages`: pages of history, one message, sending, deleting, reactions."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from chats.selectors import chat_for
from messaging import services as messages
from messaging.content import MAX_KEY, MAX_TEXT
from messaging.history import history, history_around
from messaging.selectors import facts_of, message_for, reactions_to
from messenger.errors import NotFound
from messenger.ids import Ref
from messenger.protocols.nodus import shapes
from messenger.rest import (
    KEY_HEADER,
    IdField,
    PayloadField,
    TextField,
    Wanted,
    WholeField,
    idempotency_key,
    operation,
    route,
    sent_response,
    user_of,
)
from messenger.schemas import SEEN


class PageOfHistory(serializers.Serializer):
    """Which page: the newest, or one by one message that it is next to."""

    chat_id = IdField()
    limit = WholeField(min_value=1, max_value=100, required=False, default=50)
    before_id = IdField(required=False, default=None)
    after_id = IdField(required=False, default=None)
    around_id = IdField(required=False, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["around_id"] is not None and (attrs["before_id"] or attrs["after_id"]) is not None:
            raise serializers.ValidationError({"around_id": [_("say it alone")]})
        return attrs


OTHER = {"type": {"not": {"const": "text"}}}


class NewMessage(serializers.Serializer):
    """A text, or a message of a type of the client's own, with a `content`, a `payload` or both."""

    either = (
        {"properties": {"content": {"type": "string", "pattern": SEEN}}, "required": ["content"]},
        {
            "properties": {**OTHER, "content": {"type": "string"}},
            "required": ["type", "content"],
        },
        {
            "properties": {**OTHER, "payload": {"not": {"type": "null"}}},
            "required": ["type", "payload"],
        },
    )

    chat_id = IdField()
    type = TextField(default="text", max_length=20)
    content = TextField(
        default=None, allow_null=True, allow_blank=True, trim_whitespace=False, max_length=MAX_TEXT
    )
    payload = PayloadField(default=None, allow_null=True)
    reply_to_id = IdField(default=None, allow_null=True)
    client_message_id = TextField(
        default=None, allow_null=True, max_length=MAX_KEY, trim_whitespace=False
    )


class MessageViewSet(ViewSet):
    """Pages of history, newest first; one message; sending and deleting."""

    @operation({200: shapes.MessagePage}, query=PageOfHistory, errors=[404])
    def list(self, request: Request, wanted: Wanted) -> Response:
        """A page of history, newest first, next to a message or at the end."""
        chat_id = chat_for(user_of(request), wanted["chat_id"]).chat_id
        limit, around = wanted["limit"], wanted["around_id"]
        if around is not None:
            page = history_around(chat_id, around, limit=limit)
        else:
            page = history(
                chat_id, limit=limit, before=wanted["before_id"], after=wanted["after_id"]
            )
        # Where the next page in this direction begins: below this one, or above it.
        last = -1 if wanted["after_id"] is None else 0
        reactions = reactions_to(facts.id for facts in page.messages)
        return Response(
            shapes.MessagePage(
                messages=[
                    shapes.message(facts, reactions.get(facts.id, [])) for facts in page.messages
                ],
                has_more=page.has_more,
                next_cursor=page.messages[last].id if page.has_more else None,
            )
        )

    @operation({200: shapes.Message})
    def retrieve(self, request: Request, message_id: Ref) -> Response:
        """One message."""
        found = message_for(user_of(request), message_id)
        reactions = reactions_to([found.id]).get(found.id, [])
        return Response(shapes.message(facts_of(found), reactions))

    @operation(
        {201: shapes.Message, 200: shapes.Message},
        body=NewMessage,
        errors=[403, 404, 422],
        headers=KEY_HEADER,
    )
    def create(self, request: Request, wanted: Wanted) -> Response:
        """Send a message."""
        sent = messages.send_message(
            user_of(request),
            chat=wanted["chat_id"],
            type=wanted["type"],
            content=wanted["content"],
            payload=wanted["payload"],
            reply_to=wanted["reply_to_id"],
            key=idempotency_key(request) or wanted["client_message_id"],
        )
        return sent_response(shapes.message(sent.message, []), replayed=sent.replayed)

    @operation({204: None}, errors=[403])
    def destroy(self, request: Request, message_id: Ref) -> Response:
        """Delete a message: its author, or the owner of the group."""
        messages.delete_message(user_of(request), message=message_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class NewReaction(serializers.Serializer):
    emoji = TextField(max_length=64)


class ReactionViewSet(ViewSet):
    """`/api/v1/messages/{message_id}/reactions`."""

    @operation({201: shapes.Reaction, 200: shapes.Reaction}, body=NewReaction, errors=[403])
    def create(self, request: Request, message_id: Ref, wanted: Wanted) -> Response:
        """React to a message with one emoji."""
        reaction, created = messages.add_reaction(
            user_of(request), message=message_id, emoji=wanted["emoji"]
        )
        return Response(
            shapes.reaction(reaction),
            status=status.HTTP_201_CREATED if created else status.HTTP_200_OK,
        )

    @operation({204: None})
    def destroy(self, request: Request, message_id: Ref, emoji: str) -> Response:
        """Take a reaction back."""
        if not messages.remove_reaction(user_of(request), message=message_id, emoji=emoji):
            raise NotFound
        return Response(status=status.HTTP_204_NO_CONTENT)


MESSAGE = r"api/v1/messages/(?P<message_id>[^/]+)"
routes = [
    route("api/v1/messages", MessageViewSet, get="list", post="create"),
    route(MESSAGE, MessageViewSet, get="retrieve", delete="destroy"),
    route(f"{MESSAGE}/reactions", ReactionViewSet, post="create"),
    route(rf"{MESSAGE}/reactions/(?P<emoji>[^/]+)", ReactionViewSet, delete="destroy"),
]
