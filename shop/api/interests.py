"""What the signed-in person searched for, looked at and keeps. Nobody else's business."""

from collections.abc import Sequence
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from shop.api.auth import caller
from shop.api.catalogue import ProductCardOutput, product_cards
from shop.api.describing import OpenApiResponse, extend_schema
from shop.api.pagination import PAGING, page_of, paged
from shop.catalogue.models import Product
from shop.catalogue.queries import product_for_sale
from shop.interests import actions, queries
from shop.interests.models import Favourite
from shop.interests.rules import WORDS_LENGTH_MAX

_PRODUCT = Favourite.Kind.PRODUCT


class KeptProductOutput(ProductCardOutput):
    is_for_sale = serializers.BooleanField()


class FavouriteProductOutput(KeptProductOutput):
    is_watched = serializers.BooleanField(help_text="Whether I am told when it is back or cheaper.")


class SearchInput(serializers.Serializer[Any]):
    words = serializers.CharField(max_length=WORDS_LENGTH_MAX)


@extend_schema(
    methods=["GET"],
    operation_id="me_searches_list",
    responses=serializers.ListSerializer(child=serializers.CharField()),
)
@extend_schema(
    methods=["POST"],
    operation_id="me_searches_add",
    request=SearchInput,
    responses={204: OpenApiResponse(description="Remembered.")},
)
@extend_schema(
    methods=["DELETE"], operation_id="me_searches_clear", responses={204: OpenApiResponse(description="Forgotten.")}
)
@api_view(["GET", "POST", "DELETE"])
@permission_classes([IsAuthenticated])
def search_list(request: Request) -> Response:
    """My last searches, newest first; remember one; forget them all."""
    user = caller(request)
    if request.method == "GET":
        return Response(queries.past_searches(user))
    if request.method == "DELETE":
        actions.forget_searches(user=user)
    else:
        told = SearchInput(data=request.data)
        told.is_valid(raise_exception=True)
        actions.remember_search(user=user, words=told.validated_data["words"], now=timezone.now())
    return Response(status=204)


# One page of either list.
KEPT_PAGE = paged(KeptProductOutput)


@extend_schema(operation_id="me_favourite_products_list", parameters=PAGING, responses=paged(FavouriteProductOutput))
@api_view(["GET"])
@permission_classes([IsAuthenticated])
def favourite_list(request: Request) -> Response:
    """The products I keep, newest first; what is no longer for sale says so."""
    page = page_of(queries.favourites_of(caller(request), _PRODUCT), request)
    products = queries.products_by_number([one.number for one in page.rows])
    found = [one for one in page.rows if one.number in products]
    rows = _kept(request, [products[one.number] for one in found])
    return page.answer([{**row, "is_watched": one.is_watched} for row, one in zip(rows, found, strict=True)])


@extend_schema(
    methods=["PUT"],
    operation_id="me_favourite_product_keep",
    request=None,
    responses={204: OpenApiResponse(description="Kept.")},
)
@extend_schema(
    methods=["DELETE"],
    operation_id="me_favourite_product_drop",
    responses={204: OpenApiResponse(description="Let go.")},
)
@api_view(["PUT", "DELETE"])
@permission_classes([IsAuthenticated])
def favourite_detail(request: Request, product: str) -> Response:
    """Keep a product; let it go. Either twice is once."""
    if request.method == "PUT":
        actions.keep_product(user=caller(request), number=product, now=timezone.now())
    else:
        actions.drop_favourite(user=caller(request), kind=_PRODUCT, number=product)
    return Response(status=204)


@extend_schema(
    methods=["PUT"],
    operation_id="me_favourite_product_watch",
    request=None,
    responses={204: OpenApiResponse(description="Kept, and told about.")},
)
@extend_schema(
    methods=["DELETE"],
    operation_id="me_favourite_product_unwatch",
    responses={204: OpenApiResponse(description="Kept as it was, not told about.")},
)
@api_view(["PUT", "DELETE"])
@permission_classes([IsAuthenticated])
def favourite_watch(request: Request, product: str) -> Response:
    """Keep a product and be told when it is back or cheaper; or no longer be told."""
    if request.method == "PUT":
        actions.watch_product(user=caller(request), number=product, now=timezone.now())
    else:
        actions.unwatch_product(user=caller(request), number=product)
    return Response(status=204)


@extend_schema(
    methods=["PUT"],
    operation_id="me_favourites_watch",
    request=None,
    responses={204: OpenApiResponse(description="Told about all, also what is kept later.")},
)
@extend_schema(
    methods=["DELETE"],
    operation_id="me_favourites_unwatch",
    responses={204: OpenApiResponse(description="Told about none.")},
)
@api_view(["PUT", "DELETE"])
@permission_classes([IsAuthenticated])
def favourite_telling(request: Request) -> Response:
    """Be told about everything I keep when it is back or cheaper; or about nothing."""
    actions.watch_everything(user=caller(request), wanted=request.method == "PUT", now=timezone.now())
    return Response(status=204)


@extend_schema(methods=["GET"], operation_id="me_footprints_list", parameters=PAGING, responses=KEPT_PAGE)
@extend_schema(
    methods=["DELETE"], operation_id="me_footprints_clear", responses={204: OpenApiResponse(description="Forgotten.")}
)
@api_view(["GET", "DELETE"])
@permission_classes([IsAuthenticated])
def footprint_list(request: Request) -> Response:
    """What I looked at within 90 days, the last first; forget all of it."""
    user = caller(request)
    if request.method == "DELETE":
        actions.forget_looks(user=user)
        return Response(status=204)
    page = page_of(queries.footprints_of(user, now=timezone.now()), request, order=("-seen_at", "-pk"))
    return page.answer(_kept(request, [one.product for one in page.rows]))


@extend_schema(
    methods=["PUT"],
    operation_id="me_footprint_add",
    request=None,
    responses={204: OpenApiResponse(description="Noted, unless footprints are off.")},
)
@extend_schema(
    methods=["DELETE"], operation_id="me_footprint_forget", responses={204: OpenApiResponse(description="Forgotten.")}
)
@api_view(["PUT", "DELETE"])
@permission_classes([IsAuthenticated])
def footprint_detail(request: Request, product: str) -> Response:
    """Note that I look at a product; forget that I did."""
    if request.method == "PUT":
        actions.remember_look(user=caller(request), product=product_for_sale(product), now=timezone.now())
    else:
        actions.forget_looks(user=caller(request), number=product)
    return Response(status=204)


@extend_schema(
    methods=["PUT"],
    operation_id="me_footprints_on",
    request=None,
    responses={204: OpenApiResponse(description="Kept from now on.")},
)
@extend_schema(
    methods=["DELETE"],
    operation_id="me_footprints_off",
    responses={204: OpenApiResponse(description="Off; those there were are forgotten.")},
)
@api_view(["PUT", "DELETE"])
@permission_classes([IsAuthenticated])
def footprint_keeping(request: Request) -> Response:
    """Have footprints kept; switch them off."""
    actions.keep_footprints(user=caller(request), wanted=request.method == "PUT", now=timezone.now())
    return Response(status=204)


def _kept(request: Request, products: Sequence[Product]) -> list[dict[str, Any]]:
    cards = product_cards(request, products)
    return [
        {**card, "is_for_sale": queries.is_for_sale(product)} for card, product in zip(cards, products, strict=True)
    ]
