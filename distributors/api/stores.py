"""Stores: the page everybody may see, and my own store."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from distributors.api.access import own_store
from distributors.stores import actions, listings, queries
from distributors.stores.models import Distributor, Listing, Store
from shop.api.catalogue import ImageOutput, product_cards
from shop.api.pagination import NewestFirst, paged
from shop.base.errors import NotFound
from shop.catalogue.queries import product_for_sale


class StoreOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()
    announcement = serializers.CharField()
    portrait = serializers.URLField(allow_null=True)


class ListingOutput(serializers.Serializer[Any]):
    product = serializers.CharField()
    title = serializers.CharField()
    reason = serializers.CharField()
    price_fen = serializers.IntegerField()
    sold_count = serializers.IntegerField()
    image = ImageOutput(allow_null=True)


class ApplyInput(serializers.Serializer[None]):
    store_name = serializers.CharField(max_length=40)
    introduction = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)
    referrer = serializers.CharField(
        max_length=24, required=False, default="", allow_blank=True, help_text="A store's code."
    )


class DistributorOutput(serializers.Serializer[Any]):
    number = serializers.CharField()
    state = serializers.CharField()
    state_label = serializers.CharField()
    store = StoreOutput(allow_null=True)


class OwnPriceInput(serializers.Serializer[None]):
    sku = serializers.CharField(max_length=16)
    retail_fen = serializers.IntegerField(min_value=1)


class ListInput(serializers.Serializer[None]):
    product = serializers.CharField(max_length=16)
    title = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    reason = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    prices = OwnPriceInput(many=True, required=False, default=list)


@extend_schema(responses=StoreOutput)
@api_view(["GET"])
@permission_classes([AllowAny])
def store_detail(request: Request, code: str) -> Response:
    """A store that is open."""
    return Response(_store(request, queries.store_by_code(code)))


@extend_schema(responses=paged(ListingOutput))
@api_view(["GET"])
@permission_classes([AllowAny])
def store_listings(request: Request, code: str) -> Response:
    """What a store picked and is on sale, with its own words."""
    pages = NewestFirst()
    picks = queries.listings_of(queries.store_by_code(code))
    rows = pages.paginate_queryset(picks, request) or []
    return pages.get_paginated_response(_listings(request, rows))


@extend_schema(methods=["GET"], responses=DistributorOutput)
@extend_schema(methods=["POST"], request=ApplyInput, responses={201: DistributorOutput})
@api_view(["GET", "POST"])
@permission_classes([IsAuthenticated])
def distributor(request: Request) -> Response:
    """My application; or apply. Joining is free: no purchase, fee or deposit."""
    if request.method == "POST":
        form = ApplyInput(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        made = actions.apply(
            user=request.user,
            store_name=data["store_name"],
            introduction=data["introduction"],
            referrer_code=data["referrer"],
            now=timezone.now(),
        )
        return Response(_distributor(request, made), status=201)
    found = queries.distributor_of(request.user)
    if found is None:
        raise NotFound(_("You have not applied for a store yet."))
    return Response(_distributor(request, found))


@extend_schema(request=ListInput, responses={201: ListingOutput})
@api_view(["POST"])
@permission_classes([IsAuthenticated])
def own_listings(request: Request) -> Response:
    """Pick a product for my store, with own words and own prices inside the supplier's band."""
    form = ListInput(data=request.data)
    form.is_valid(raise_exception=True)
    data = form.validated_data
    listing = listings.list_product(
        store=own_store(request),
        product=product_for_sale(data["product"]),
        title=data["title"],
        reason=data["reason"],
        prices={row["sku"]: row["retail_fen"] for row in data["prices"]},
        now=timezone.now(),
    )
    return Response(_listings(request, [listing])[0], status=201)


@extend_schema(responses={204: OpenApiResponse(description="Taken off.")})
@api_view(["DELETE"])
@permission_classes([IsAuthenticated])
def own_listing(request: Request, product: str) -> Response:
    """Take a product out of my store."""
    listing = queries.listing_of(own_store(request), product)
    listings.unlist(store=listing.store, product=listing.product)
    return Response(status=204)


def _store(request: Request, store: Store) -> dict[str, Any]:
    portrait = request.build_absolute_uri(store.portrait.url) if store.portrait else None
    return {
        "code": store.code,
        "name": store.name,
        "announcement": store.announcement,
        "portrait": portrait,
    }


def _distributor(request: Request, row: Distributor) -> dict[str, Any]:
    store = Store.objects.filter(distributor=row).first()
    return {
        "number": row.number,
        "state": row.state,
        "state_label": row.get_state_display(),
        "store": _store(request, store) if store else None,
    }


def _listings(request: Request, rows: list[Listing]) -> list[dict[str, Any]]:
    products = [row.product for row in rows]
    cards = {card["number"]: card for card in product_cards(request, products)}
    return [
        {
            "product": row.product.number,
            "title": row.title or row.product.title,
            "reason": row.reason,
            "price_fen": row.product.min_retail_fen,
            "sold_count": row.product.sold_count,
            "image": cards[row.product.number]["image"],
        }
        for row in rows
    ]
