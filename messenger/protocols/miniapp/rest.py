"""The mini-app's REST: signing up, signing in, the list of people."""

from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts import selectors, services
from messenger.protocols.accounts import Credentials, limit_login, limit_register
from messenger.protocols.miniapp import shapes
from messenger.rest import WholeField, fields_of, route


class Registration(serializers.Serializer):
    name = serializers.CharField(max_length=100)
    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=128, trim_whitespace=False)


class Listing(serializers.Serializer):
    search = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)
    limit = WholeField(min_value=1, max_value=100_000, required=False)
    offset = WholeField(min_value=0, max_value=10**9, required=False, default=0)


class AccountViewSet(ViewSet):
    """`POST /register` and `POST /login`."""

    permission_classes = [AllowAny]
    authentication_classes = []
    hashes_passwords = True

    def register(self, request: Request) -> Response:
        limit_register(request)
        form = Registration(data=fields_of(request))
        form.is_valid(raise_exception=True)
        user = services.register(**form.validated_data)
        return Response(shapes.user(user), status=status.HTTP_201_CREATED)

    def login(self, request: Request) -> Response:
        form = Credentials(data=fields_of(request))
        form.is_valid(raise_exception=True)
        login, password = form.validated_data["login"], form.validated_data["password"]
        limit_login(request, login)
        return Response(shapes.tokens(services.log_in(login, password)))


class PeopleViewSet(ViewSet):
    """`GET /users_list`: all active people, `?search=`, `?limit=&offset=`."""

    def list(self, request: Request) -> Response:
        form = Listing(data=request.query_params)
        form.is_valid(raise_exception=True)
        wanted = form.validated_data
        rows = selectors.active_users(wanted["search"]).values_list("uuid", "name")
        start = wanted["offset"]
        rows = rows[start : start + wanted["limit"]] if "limit" in wanted else rows[start:]
        return Response({"users": [{"user_uuid": uuid, "name": name} for uuid, name in rows]})


routes = [
    route("register", AccountViewSet, post="register"),
    route("login", AccountViewSet, post="login"),
    route("users_list", PeopleViewSet, get="list"),
]
