"""`/api/v1/blocks`: whom one wants nothing of."""

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.blocks import blocks_of
from messenger.ids import MAX_ID, Ref
from messenger.protocols.nodus import shapes
from messenger.realtime import limits
from messenger.rest import IdField, PlaceField, Wanted, WholeField, operation, route, user_of
from moderation.services import block_person, unblock_person


class PageOfBlocks(serializers.Serializer):
    limit = WholeField(min_value=1, max_value=100, required=False, default=50)
    cursor = PlaceField(min_value=0, max_value=MAX_ID, required=False, default=MAX_ID)


class NewBlock(serializers.Serializer):
    user_id = IdField()


class BlockViewSet(ViewSet):
    """
    Between the two of a block there are no private messages, and each looks offline to the other.
    Whoever is blocked is not told.
    """

    @operation({200: shapes.BlockPage}, query=PageOfBlocks)
    def list(self, request: Request, wanted: Wanted) -> Response:
        """Whom one has blocked, the latest first."""
        limit = wanted["limit"]
        found = blocks_of(user_of(request)).filter(id__lt=wanted["cursor"])[: limit + 1]
        page, has_more = list(found)[:limit], len(found) > limit
        return Response(
            shapes.BlockPage(
                blocks=[shapes.block(one) for one in page],
                has_more=has_more,
                next_cursor=str(page[-1].id) if has_more else None,
            )
        )

    @operation({201: shapes.Block, 200: shapes.Block}, body=NewBlock, errors=[404])
    def create(self, request: Request, wanted: Wanted) -> Response:
        """Block somebody; 200 if they are already."""
        user = user_of(request)
        limits.check(limits.BLOCKS, f"user {user.id}")
        made, new = block_person(user, wanted["user_id"])
        return Response(
            shapes.block(made), status=status.HTTP_201_CREATED if new else status.HTTP_200_OK
        )

    @operation({204: None})
    def destroy(self, request: Request, user_id: Ref) -> Response:
        """Unblock somebody. Again: 204."""
        user = user_of(request)
        limits.check(limits.BLOCKS, f"user {user.id}")
        unblock_person(user, user_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


routes = [
    route("api/v1/blocks", BlockViewSet, get="list", post="create"),
    route(r"api/v1/blocks/(?P<user_id>[^/]+)", BlockViewSet, delete="destroy"),
]
