"""The stores the signed-in person keeps."""

from django.utils import timezone
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from distributors.api.stores import StoreOutput, store_facts
from distributors.stores.queries import open_stores_by_code, store_by_code
from shop.api.auth import caller
from shop.api.describing import OpenApiResponse, extend_schema
from shop.api.pagination import PAGING, page_of, paged
from shop.interests import actions, queries
from shop.interests.models import Favourite

_STORE = Favourite.Kind.STORE


@extend_schema(operation_id="me_favourite_stores_list", parameters=PAGING, responses=paged(StoreOutput))
@api_view(["GET"])
@permission_classes([IsAuthenticated])
def favourite_list(request: Request) -> Response:
    """The stores I keep that are open, newest first."""
    page = page_of(queries.favourites_of(caller(request), _STORE), request)
    stores = open_stores_by_code([one.number for one in page.rows])
    return page.answer([store_facts(request, stores[one.number]) for one in page.rows if one.number in stores])


@extend_schema(
    methods=["PUT"],
    operation_id="me_favourite_store_keep",
    request=None,
    responses={204: OpenApiResponse(description="Kept.")},
)
@extend_schema(
    methods=["DELETE"],
    operation_id="me_favourite_store_drop",
    responses={204: OpenApiResponse(description="Let go.")},
)
@api_view(["PUT", "DELETE"])
@permission_classes([IsAuthenticated])
def favourite_detail(request: Request, code: str) -> Response:
    """Keep a store; let it go. Either twice is once."""
    if request.method == "PUT":
        store = store_by_code(code)
        actions.add_favourite(user=caller(request), kind=_STORE, number=store.code, now=timezone.now())
    else:
        actions.drop_favourite(user=caller(request), kind=_STORE, number=code)
    return Response(status=204)
