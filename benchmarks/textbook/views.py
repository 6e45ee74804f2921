"""The history over REST: a ModelSerializer and DRF's cursor pagination."""

# The type checker has loaded another Django project, and Channels has no types.
# mypy: disable-error-code="attr-defined"

from django.http import HttpRequest, HttpResponse
from rest_framework import generics, pagination, serializers

from .models import Message


class MessageSerializer(serializers.ModelSerializer):
    """A message as JSON."""

    class Meta:
        model = Message
        fields = ["id", "chat", "sender", "text", "timestamp", "read_status"]


class MessagePagination(pagination.CursorPagination):
    """Newest first, `limit` messages a page. (Unlike page numbers it needs no COUNT.)"""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 100


class MessageList(generics.ListAPIView):
    """GET /api/v1/messages?chat_id=&limit=&before_id= for members of the chat."""

    serializer_class = MessageSerializer
    pagination_class = MessagePagination

    def get_queryset(self):  # type: ignore[no-untyped-def]
        """Messages of the wanted chat if the asking person is a member of it."""
        messages = Message.objects.filter(
            chat_id=self.request.query_params["chat_id"], chat__members=self.request.user
        )
        before_id = self.request.query_params.get("before_id")
        return messages.filter(id__lt=before_id) if before_id else messages


def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the server is up."""
    return HttpResponse("ok")
