"""`/api/v1/users`: everybody there is to talk to."""

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.selectors import active_users, user_for
from messenger.ids import MAX_ID, Ref
from messenger.protocols.nodus import shapes
from messenger.rest import PlaceField, TextField, Wanted, WholeField, operation, route


class PageOfUsers(serializers.Serializer):
    search = TextField(max_length=100, required=False, default="", allow_blank=True)
    limit = WholeField(min_value=1, max_value=100, required=False, default=50)
    cursor = PlaceField(min_value=0, max_value=MAX_ID, required=False, default=0)


class UserViewSet(ViewSet):
    """Active people."""

    @operation({200: shapes.UserPage}, query=PageOfUsers)
    def list(self, request: Request, wanted: Wanted) -> Response:
        """Everybody, by id; `search` finds part of a name or username in any case."""
        people = active_users(wanted["search"]).filter(id__gt=wanted["cursor"])
        found = list(people[: wanted["limit"] + 1])
        page, has_more = found[: wanted["limit"]], len(found) > wanted["limit"]
        return Response(
            shapes.UserPage(
                users=[shapes.user(person) for person in page],
                has_more=has_more,
                next_cursor=str(page[-1].id) if has_more else None,
            )
        )

    @operation({200: shapes.User})
    def retrieve(self, request: Request, user_id: Ref) -> Response:
        """One person."""
        return Response(shapes.user(user_for(user_id)))


routes = [
    route("api/v1/users", UserViewSet, get="list"),
    route(r"api/v1/users/(?P<user_id>[^/]+)", UserViewSet, get="retrieve"),
]
