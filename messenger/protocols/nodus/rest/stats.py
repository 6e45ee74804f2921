"""`/api/v1/chats/{id}/stats`: how much is said in a chat, and what becomes of it."""

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from chats.selectors import chat_for
from messaging.stats import PERIODS, Period, beginning, chat_stats
from messenger.ids import Ref
from messenger.protocols.nodus import shapes
from messenger.protocols.nodus.rest.chats import CHAT
from messenger.realtime import limits
from messenger.rest import Wanted, operation, route, user_of
from messenger.snapshot import snapshot


class PeriodField(serializers.Field):
    """The name of a period."""

    # An empty one is none of them.
    allow_blank = True
    schema = {"type": "string", "enum": list(PERIODS)}

    def to_internal_value(self, data: str) -> Period:
        for period in PERIODS:
            if data == period:
                return period
        raise serializers.ValidationError(
            _("say one of %(choices)s") % {"choices": ", ".join(PERIODS)}
        )

    def to_representation(self, value: Period) -> str:
        return value


class Wish(serializers.Serializer):
    period = PeriodField(required=False, default="month")


class StatsViewSet(ViewSet):
    """A chat in numbers."""

    @operation({200: shapes.ChatStats}, query=Wish)
    def retrieve(self, request: Request, chat_id: Ref, wanted: Wanted) -> Response:
        """A chat in numbers. They are about the messages of the period that are not deleted."""
        user, period, now = user_of(request), wanted["period"], timezone.now()
        chat = chat_for(user, chat_id).chat
        limits.check(limits.STATS, f"user {user.id}")
        with snapshot():
            found = chat_stats(chat.id, since=beginning(chat, period, now), until=now)
        return Response(shapes.chat_stats(chat.id, period, found))


routes = [
    route(f"api/v1/{CHAT}/stats", StatsViewSet, get="retrieve"),
]
