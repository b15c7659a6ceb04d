"""What is for sale. The same for everybody, so it may be cached."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.files.storage import default_storage
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from shop.api.asked import amount, choice, word
from shop.api.describing import OpenApiParameter, extend_schema
from shop.api.pagination import PAGING, page_by, paged
from shop.base.errors import Invalid
from shop.catalogue import queries as catalogue
from shop.catalogue import searching
from shop.catalogue.listing import ORDERS, RELEVANCE, Listed, Wish, products_on_sale
from shop.catalogue.models import Product
from shop.catalogue.rules import questions
from shop.pages import marks
from shop.pages.promises import same_for_all
from shop.suppliers.queries import supplier_by_code


class CategoryOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()
    name_en = serializers.CharField()
    below = serializers.ListField(child=serializers.DictField())


class ImageOutput(serializers.Serializer[Any]):
    large = serializers.URLField(help_text="800 px WebP.")
    small = serializers.URLField(help_text="400 px WebP.")
    alt = serializers.CharField()


class ProductCardOutput(serializers.Serializer[Any]):
    number = serializers.CharField()
    title = serializers.CharField()
    subtitle = serializers.CharField()
    price_fen = serializers.IntegerField(help_text="The lowest retail price of its SKUs.")
    sold_count = serializers.IntegerField()
    image = ImageOutput(allow_null=True)


class SkuOutput(serializers.Serializer[Any]):
    number = serializers.CharField()
    option_values = serializers.ListField(child=serializers.CharField())
    price_fen = serializers.IntegerField()
    compare_at_fen = serializers.IntegerField(allow_null=True)
    available = serializers.IntegerField(help_text="Pieces one can order now.")


class ProductSupplierOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()
    dispatch_hours = serializers.IntegerField(help_text="Sends within so many hours of the payment.")


class NamedOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()


class ProductOutput(serializers.Serializer[Any]):
    number = serializers.CharField()
    title = serializers.CharField()
    subtitle = serializers.CharField()
    description_html = serializers.CharField(help_text="Cleaned by an allow list.")
    option_names = serializers.ListField(child=serializers.CharField())
    sold_count = serializers.IntegerField()
    supplier = ProductSupplierOutput()
    category = NamedOutput()
    images = ImageOutput(many=True)
    skus = SkuOutput(many=True)


def _goods(_address: Mapping[str, str]) -> tuple[str, ...]:
    return (marks.GOODS,)


def _one_product(address: Mapping[str, str]) -> tuple[str, ...]:
    return (marks.product_mark(address["number"]),)


@same_for_all(shows=_goods)
@extend_schema(responses=CategoryOutput(many=True))
@api_view(["GET"])
@authentication_classes([])
@permission_classes([AllowAny])
def category_list(request: Request) -> Response:
    """The categories as a tree of three levels at most. One statement."""
    return Response([_category(node) for node in catalogue.category_tree()])


class SuggestionOutput(serializers.Serializer[Any]):
    text = serializers.CharField()
    category = serializers.CharField(allow_null=True, help_text="The code of the category it is.")
    product = serializers.CharField(allow_null=True, help_text="The number of the product it is.")


@same_for_all(
    "cursor",
    "page_size",
    "category",
    "q",
    "sort",
    "low_fen",
    "high_fen",
    "in_stock",
    "free_delivery",
    "supplier",
    shows=_goods,
)
@extend_schema(
    operation_id="products_list",
    parameters=[
        *PAGING,
        OpenApiParameter("category", str, description="A category's code; its sub-categories count."),
        OpenApiParameter("q", str, description="Words to search for: Chinese, pinyin (`shuimitao`), initials (`smt`)."),
        OpenApiParameter(
            "sort",
            str,
            enum=[*ORDERS, "relevance"],
            description="Default: newest. `relevance` wants `q`; of very common words it weighs some hundred products.",
        ),
        OpenApiParameter("low_fen", int, description="The lowest price, in fen."),
        OpenApiParameter("high_fen", int, description="The highest price, in fen."),
        OpenApiParameter("in_stock", bool, description="`true`: only what can be had now."),
        OpenApiParameter(
            "free_delivery",
            bool,
            description="`true`: only what travels free, one piece, to every place its supplier serves.",
        ),
        OpenApiParameter("supplier", str, description="A supplier's code."),
    ],
    responses=paged(ProductCardOutput),
)
@api_view(["GET"])
@authentication_classes([])
@permission_classes([AllowAny])
def product_list(request: Request) -> Response:
    """Products on sale. No personal order: everybody sees the same."""
    wish = _wish(request)
    sort = choice(request, "sort", [*ORDERS, "relevance"], default="newest")
    if sort == "relevance" and not wish.ways:
        raise Invalid(_("Only words can be answered by relevance. Give some."), field="q")
    page = page_by(
        lambda order, place, limit: products_on_sale(wish, order=order, place=place, limit=limit),
        Product,
        request,
        order=ORDERS.get(sort, RELEVANCE),
    )
    return page.answer(product_cards(request, page.rows))


@same_for_all("q", shows=_goods)
@extend_schema(
    operation_id="search_suggestions",
    parameters=[OpenApiParameter("q", str, required=True, description="The beginning of a search.")],
    responses=SuggestionOutput(many=True),
)
@api_view(["GET"])
@authentication_classes([])
@permission_classes([AllowAny])
def suggestion_list(request: Request) -> Response:
    """What a search may become: categories, then products. The same for everybody."""
    return Response(
        [
            {"text": one.text, "category": one.category.code if one.category else None, "product": one.number or None}
            for one in searching.suggestions(word(request, "q"))
        ]
    )


@same_for_all(shows=_one_product)
@extend_schema(responses=ProductOutput)
@api_view(["GET"])
@authentication_classes([])
@permission_classes([AllowAny])
def product_detail(request: Request, number: str) -> Response:
    """One product with its SKUs, prices and stock. Answers 304 to a current ``If-None-Match``."""
    return Response(_product(request, catalogue.product_for_sale(number)))


def product_cards(request: Request, rows: Sequence[Product | Listed]) -> list[dict[str, Any]]:
    """Return the cards of these products; everything on them stands in the products' rows."""
    return [
        {
            "number": row.number,
            "title": row.title,
            "subtitle": row.subtitle,
            "price_fen": row.min_retail_fen,
            "sold_count": row.sold_count,
            "image": image_facts(request, row.cover) if row.cover else None,
        }
        for row in rows
    ]


def small_image(request: Request, name: str) -> str:
    """Return the address of the 400 px rendition of a stored picture, "" for none."""
    if not name:
        return ""
    stem, _dot, ending = default_storage.url(name).rpartition(".")
    return str(request.build_absolute_uri(f"{stem}-400.{ending}"))


def image_facts(request: Request, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the addresses of both renditions of a picture by the facts of ``Product.cover``."""
    large = str(request.build_absolute_uri(default_storage.url(facts["file"])))
    stem, _dot, ending = large.rpartition(".")
    return {"large": large, "small": f"{stem}-400.{ending}", "alt": facts["alt"]}


def _wish(request: Request) -> Wish:
    text, code, supplier = word(request, "q"), word(request, "category"), word(request, "supplier")
    return Wish(
        category_id=catalogue.category_by_code(code).pk if code else None,
        words=text,
        ways=questions(text) if text else None,
        supplier_id=supplier_by_code(supplier).pk if supplier else None,
        low_fen=amount(request, "low_fen"),
        high_fen=amount(request, "high_fen"),
        in_stock=choice(request, "in_stock", ["true", "false"]) == "true",
        is_delivered_free=choice(request, "free_delivery", ["true", "false"]) == "true",
    )


def _category(node: catalogue.CategoryNode) -> dict[str, Any]:
    return {
        "code": node.category.code,
        "name": node.category.name,
        "name_en": node.category.name_en,
        "below": [_category(inner) for inner in node.below],
    }


def _product(request: Request, product: Product) -> dict[str, Any]:
    pictures: list[dict[str, Any]] = product.shown_pictures  # type: ignore[attr-defined]
    skus = list(product.skus.filter(is_active=True, price__isnull=False).select_related("price", "stock"))
    return {
        "number": product.number,
        "title": product.title,
        "subtitle": product.subtitle,
        "description_html": product.description_html,
        "option_names": product.option_names,
        "sold_count": product.sold_count,
        "supplier": {
            "code": product.supplier.code,
            "name": product.supplier.name,
            "dispatch_hours": product.supplier.dispatch_hours,
        },
        "category": {"code": product.category.code, "name": product.category.name},
        "images": [image_facts(request, facts) for facts in pictures],
        "skus": [
            {
                "number": sku.number,
                "option_values": sku.option_values,
                "price_fen": sku.price.retail_fen,
                "compare_at_fen": sku.price.compare_at_fen,
                "available": sku.stock.on_hand if hasattr(sku, "stock") else 0,
            }
            for sku in skus
        ],
    }
