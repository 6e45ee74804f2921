"""`/api/v1/reports`: telling the moderators of a message or of a person."""

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from messenger.protocols.native import report
from messenger.protocols.nodus import shapes
from messenger.realtime import limits
from messenger.rest import IdField, TextField, Wanted, operation, route, user_of
from messenger.schemas import Schema
from moderation.models import MAX_COMMENT
from moderation.reports import REASONS

SAID: Schema = {"not": {"type": "null"}}
UNSAID: Schema = {"type": "null"}


class NewReport(serializers.Serializer):
    """Of a message, or of a person, perhaps in a chat."""

    either = (
        {
            "properties": {"message_id": SAID, "user_id": UNSAID, "chat_id": UNSAID},
            "required": ["message_id"],
        },
        {"properties": {"user_id": SAID, "message_id": UNSAID}, "required": ["user_id"]},
    )

    message_id = IdField(default=None, allow_null=True)
    user_id = IdField(default=None, allow_null=True)
    chat_id = IdField(default=None, allow_null=True)
    reason = serializers.ChoiceField(REASONS)
    comment = TextField(default="", allow_blank=True, allow_null=True, max_length=MAX_COMMENT)


class ReportViewSet(ViewSet):
    """Reports of the caller's own."""

    @operation({201: shapes.Report, 200: shapes.Report}, body=NewReport, errors=[404])
    def create(self, request: Request, wanted: Wanted) -> Response:
        """Report a message or a person; what is reported already: 200, the first report."""
        user = user_of(request)
        limits.check(limits.REPORTS, f"user {user.id}")
        made, new = report(user, **wanted)
        return Response(
            shapes.report(made), status=status.HTTP_201_CREATED if new else status.HTTP_200_OK
        )


routes = [
    route("api/v1/reports", ReportViewSet, post="create"),
]
