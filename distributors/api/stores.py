"""Stores: the page everybody may see, and my own store."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from distributors.api.access import own_store
from distributors.stores import actions, listings, queries
from distributors.stores.models import Distributor, Listing, ListingPrice, Store
from shop.api.auth import caller
from shop.api.catalogue import ImageOutput, product_cards
from shop.api.describing import OpenApiResponse, extend_schema
from shop.api.pagination import PAGING, page_of, paged
from shop.base.errors import NotFound
from shop.catalogue.models import Sku
from shop.catalogue.queries import product_for_sale
from shop.catalogue.states import ProductState
from shop.pages import marks
from shop.pages.promises import same_for_all

OWN_ORDER = ("position", "-pk")
FEN_MAX = 10**12


class StoreOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()
    announcement = serializers.CharField()
    portrait = serializers.CharField(help_text="The address of a picture, or empty.")


class ListingOutput(serializers.Serializer[Any]):
    product = serializers.CharField()
    title = serializers.CharField()
    reason = serializers.CharField()
    price_fen = serializers.IntegerField(help_text="The lowest price of its SKUs in this store.")
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
    retail_fen = serializers.IntegerField(min_value=1, max_value=FEN_MAX)


class OwnListingOutput(ListingOutput):
    is_on_sale = serializers.BooleanField(help_text="False: the store page leaves it out until it is.")
    prices = OwnPriceInput(many=True, help_text="Own prices; the other SKUs sell at retail.")


class ListInput(serializers.Serializer[None]):
    product = serializers.CharField(max_length=16)
    title = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    reason = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    prices = OwnPriceInput(many=True, required=False, default=list)


def _one_store(address: Mapping[str, str]) -> tuple[str, ...]:
    return (marks.store_mark(address["code"]), marks.GOODS)


@same_for_all(shows=_one_store)
@extend_schema(responses=StoreOutput)
@api_view(["GET"])
@authentication_classes([])
@permission_classes([AllowAny])
def store_detail(request: Request, code: str) -> Response:
    """A store that is open."""
    return Response(store_facts(request, queries.store_by_code(code)))


@same_for_all("cursor", "page_size", shows=_one_store)
@extend_schema(operation_id="stores_listings_list", parameters=PAGING, responses=paged(ListingOutput))
@api_view(["GET"])
@authentication_classes([])
@permission_classes([AllowAny])
def store_listings(request: Request, code: str) -> Response:
    """What a store picked and is on sale, with its own words."""
    store = queries.store_by_code(code)
    page = page_of(queries.listings_of(store), request, order=OWN_ORDER)
    return page.answer(_listings(request, store, page.rows))


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
            user=caller(request),
            store_name=data["store_name"],
            introduction=data["introduction"],
            referrer_code=data["referrer"],
            now=timezone.now(),
        )
        return Response(_distributor(request, made), status=201)
    found = queries.distributor_of(caller(request))
    if found is None:
        raise NotFound(_("You have not applied for a store yet."))
    return Response(_distributor(request, found))


@extend_schema(
    methods=["GET"],
    operation_id="me_store_listings_list",
    parameters=PAGING,
    responses=paged(OwnListingOutput),
)
@extend_schema(methods=["POST"], request=ListInput, responses={201: OwnListingOutput})
@api_view(["GET", "POST"])
@permission_classes([IsAuthenticated])
def own_listings(request: Request) -> Response:
    """My picks, also those off sale just now; or pick a product, with own words and prices.

    Picking it again changes words and prices. Own prices stay inside the supplier's band; a SKU that is
    not named sells at its retail price.
    """
    store = own_store(request)
    if request.method == "GET":
        page = page_of(queries.all_listings_of(store), request, order=OWN_ORDER)
        return page.answer(_own_listings(request, store, page.rows))
    form = ListInput(data=request.data)
    form.is_valid(raise_exception=True)
    data = form.validated_data
    listing = listings.list_product(
        store=store,
        product=product_for_sale(data["product"]),
        title=data["title"],
        reason=data["reason"],
        prices={row["sku"]: row["retail_fen"] for row in data["prices"]},
        now=timezone.now(),
    )
    return Response(_own_listings(request, store, [listing])[0], status=201)


@extend_schema(responses={204: OpenApiResponse(description="Taken off.")})
@api_view(["DELETE"])
@permission_classes([IsAuthenticated])
def own_listing(request: Request, product: str) -> Response:
    """Take a product out of my store."""
    listing = queries.listing_of(own_store(request), product)
    listings.unlist(store=listing.store, product=listing.product)
    return Response(status=204)


def store_facts(request: Request, store: Store) -> dict[str, Any]:
    """Return what everybody may know of a store."""
    portrait = request.build_absolute_uri(store.portrait.url) if store.portrait else ""
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
        "store": store_facts(request, store) if store else None,
    }


def _own_listings(request: Request, store: Store, rows: Sequence[Listing]) -> list[dict[str, Any]]:
    shown = _listings(request, store, rows)
    own = own_prices_of(rows)
    return [
        {
            **facts,
            "is_on_sale": row.product.state == ProductState.ON_SALE,
            "prices": own.get(row.pk, []),
        }
        for facts, row in zip(shown, rows, strict=True)
    ]


def own_prices_of(rows: Sequence[Listing]) -> dict[int, list[dict[str, Any]]]:
    """Return a store's own prices by listing; one statement."""
    found: dict[int, list[dict[str, Any]]] = {}
    prices = ListingPrice.objects.filter(listing__in=[row.pk for row in rows]).select_related("sku")
    for price in prices.order_by("pk"):
        found.setdefault(price.listing_id, []).append({"sku": price.sku.number, "retail_fen": price.retail_fen})
    return found


def _lowest_prices(store: Store, rows: Sequence[Listing]) -> dict[int, int]:
    """Return the lowest price of each product in this store, in fen. Two statements."""
    skus = Sku.objects.filter(product_id__in=[row.product_id for row in rows], is_active=True, price__isnull=False)
    prices = list(skus.values_list("product_id", "pk", "price__retail_fen"))
    own = queries.own_prices(store.pk, [sku_id for _product, sku_id, _retail in prices])
    lowest: dict[int, int] = {}
    for product_id, sku_id, retail_fen in prices:
        price_fen = own.get(sku_id, retail_fen)
        lowest[product_id] = min(price_fen, lowest.get(product_id, price_fen))
    return lowest


def _listings(request: Request, store: Store, rows: Sequence[Listing]) -> list[dict[str, Any]]:
    products = [row.product for row in rows]
    cards = {card["number"]: card for card in product_cards(request, products)}
    lowest = _lowest_prices(store, rows)
    return [
        {
            "product": row.product.number,
            "title": row.title or row.product.title,
            "reason": row.reason,
            "price_fen": lowest.get(row.product_id, row.product.min_retail_fen),
            "sold_count": row.product.sold_count,
            "image": cards[row.product.number]["image"],
        }
        for row in rows
    ]
