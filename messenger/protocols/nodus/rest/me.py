"""`/api/v1/me`: what was decided about oneself, what is kept of oneself, and the end of it."""

import orjson
from django.utils.translation import gettext as _
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from messenger.drf import address_of
from messenger.errors import Forbidden
from messenger.ids import MAX_ID, Ref
from messenger.protocols.accounts import limit_guesses
from messenger.protocols.nodus import shapes
from messenger.realtime import limits
from messenger.rest import (
    FlagField,
    IdField,
    PlaceField,
    TextField,
    Wanted,
    WholeField,
    operation,
    route,
    user_of,
)
from moderation.export import Export
from moderation.models import MAX_COMMENT
from moderation.own import decisions_on
from moderation.services import appeal, erase, export_of


class PageOfDecisions(serializers.Serializer):
    limit = WholeField(min_value=1, max_value=100, required=False, default=50)
    cursor = PlaceField(min_value=0, max_value=MAX_ID, required=False, default=MAX_ID)


class NewAppeal(serializers.Serializer):
    decision_id = IdField()
    text = TextField(max_length=MAX_COMMENT)


class DecisionViewSet(ViewSet):
    """What moderators decided about the caller."""

    @operation({200: shapes.DecisionPage}, query=PageOfDecisions)
    def list(self, request: Request, wanted: Wanted) -> Response:
        """What moderators decided about oneself, the latest first."""
        limit = wanted["limit"]
        found = decisions_on(user_of(request)).filter(id__lt=wanted["cursor"])[: limit + 1]
        page, has_more = list(found)[:limit], len(found) > limit
        return Response(
            shapes.DecisionPage(
                decisions=[shapes.decision(one) for one in page],
                has_more=has_more,
                next_cursor=str(page[-1].id) if has_more else None,
            )
        )

    @operation({201: shapes.Appeal}, body=NewAppeal, errors=[403, 404, 409])
    def appeal(self, request: Request, wanted: Wanted) -> Response:
        """Appeal against a decision about oneself: once, within thirty days."""
        user = user_of(request)
        limits.check(limits.REPORTS, f"user {user.id}")
        made = appeal(user, number_of(wanted["decision_id"]), text=wanted["text"])
        return Response(shapes.appeal(made), status=status.HTTP_201_CREATED)


def number_of(ref: Ref) -> int:
    """Decisions have no UUIDs: there is none of that name."""
    return ref if isinstance(ref, int) else -1


class Farewell(serializers.Serializer):
    password = TextField(max_length=4096, trim_whitespace=False, style={"input_type": "password"})
    messages = FlagField(required=False, default=False)


class MeViewSet(ViewSet):
    """The caller's own account."""

    hashing = {"destroy": limits.LOGIN_ADDRESS}

    @operation({200: Export})
    def export(self, request: Request) -> Response:
        """Everything that is kept about oneself, as one document."""
        user = user_of(request)
        limits.check(limits.EXPORTS, f"user {user.id}")
        return Response(
            orjson.Fragment(export_of(user)),
            headers={"Content-Disposition": 'attachment; filename="messenger.json"'},
        )

    @operation({204: None}, body=Farewell, errors=[403])
    def destroy(self, request: Request, wanted: Wanted) -> Response:
        """
        Delete one's own account, for good. What one wrote stays, said by nobody in particular; with
        `messages` it goes too. 403 for a wrong password.
        """
        user = user_of(request)
        limits.check(limits.LOGIN_ADDRESS, address_of(request))
        limit_guesses(request, user.username)
        if not user.check_password(wanted["password"]):
            raise Forbidden(_("This is not your password."))
        erase(user, by=user, messages=wanted["messages"])
        return Response(status=status.HTTP_204_NO_CONTENT)


routes = [
    route("api/v1/me/decisions", DecisionViewSet, get="list"),
    route("api/v1/me/appeals", DecisionViewSet, post="appeal"),
    route("api/v1/me/export", MeViewSet, get="export"),
    route("api/v1/me", MeViewSet, delete="destroy"),
]
