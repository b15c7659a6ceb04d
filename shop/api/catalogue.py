"""What is for sale. The same for everybody, so it may be cached."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from django.core.files.storage import default_storage
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from shop.api.asked import choice, word
from shop.api.pagination import PAGING, page_of, paged
from shop.catalogue import queries as catalogue
from shop.catalogue.models import Product, ProductImage
from shop.stock import queries as stock

SORTS = {
    "newest": ("-pk",),
    "sold": ("-sold_count", "-pk"),
    "price_low": ("min_retail_fen", "-pk"),
    "price_high": ("-min_retail_fen", "-pk"),
}


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
    supplier = NamedOutput()
    category = NamedOutput()
    images = ImageOutput(many=True)
    skus = SkuOutput(many=True)


@extend_schema(responses=CategoryOutput(many=True))
@api_view(["GET"])
@permission_classes([AllowAny])
def category_list(request: Request) -> Response:
    """The categories as a tree of three levels at most. One statement."""
    return Response([_category(node) for node in catalogue.category_tree()])


@extend_schema(
    operation_id="products_list",
    parameters=[
        *PAGING,
        OpenApiParameter("category", str, description="A category's code; its sub-categories count."),
        OpenApiParameter("q", str, description="Words to search for."),
        OpenApiParameter("sort", str, enum=list(SORTS), description="Default: newest."),
    ],
    responses=paged(ProductCardOutput),
)
@api_view(["GET"])
@permission_classes([AllowAny])
def product_list(request: Request) -> Response:
    """Products on sale. No personal order: everybody sees the same."""
    order = SORTS[choice(request, "sort", SORTS, default="newest")]
    page = page_of(_wanted(request), request, order=order)
    return page.answer(product_cards(request, page.rows))


@extend_schema(responses=ProductOutput)
@api_view(["GET"])
@permission_classes([AllowAny])
def product_detail(request: Request, number: str) -> Response:
    """One product with its SKUs, prices and stock. Answers 304 to a current ``If-None-Match``."""
    body = _product(request, catalogue.product_for_sale(number))
    etag = f'"{hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == etag:
        return Response(status=304, headers={"ETag": etag})
    return Response(body, headers={"ETag": etag, "Cache-Control": "no-cache"})


def product_cards(request: Request, rows: Sequence[Product]) -> list[dict[str, Any]]:
    """Return the cards of these products, with one statement for all their pictures."""
    images = (
        ProductImage.objects.filter(product__in=rows)
        .exclude(file="")
        .order_by("product_id", "position", "pk")
        .distinct("product_id")
    )
    first = {image.product_id: image for image in images}
    return [
        {
            "number": row.number,
            "title": row.title,
            "subtitle": row.subtitle,
            "price_fen": row.min_retail_fen,
            "sold_count": row.sold_count,
            "image": image_facts(request, first[row.pk]) if row.pk in first else None,
        }
        for row in rows
    ]


def small_image(request: Request, name: str) -> str:
    """Return the address of the 400 px rendition of a stored picture, "" for none."""
    if not name:
        return ""
    stem, _dot, ending = default_storage.url(name).rpartition(".")
    return str(request.build_absolute_uri(f"{stem}-400.{ending}"))


def image_facts(request: Request, image: ProductImage) -> dict[str, str]:
    """Return the addresses of both renditions of a picture."""
    large = request.build_absolute_uri(image.file.url)
    stem, _dot, ending = large.rpartition(".")
    return {"large": large, "small": f"{stem}-400.{ending}", "alt": image.alt}


def _wanted(request: Request) -> QuerySet[Product]:
    rows = catalogue.on_sale_products()
    if text := word(request, "q"):
        rows = catalogue.search_products(text)
    if code := word(request, "category"):
        inside = catalogue.products_in(catalogue.category_by_code(code))
        rows = rows.filter(pk__in=inside.order_by().values("pk"))
    return rows


def _category(node: catalogue.CategoryNode) -> dict[str, Any]:
    return {
        "code": node.category.code,
        "name": node.category.name,
        "name_en": node.category.name_en,
        "below": [_category(inner) for inner in node.below],
    }


def _product(request: Request, product: Product) -> dict[str, Any]:
    skus = list(product.skus.filter(is_active=True).select_related("price"))
    available = stock.available([sku.pk for sku in skus])
    return {
        "number": product.number,
        "title": product.title,
        "subtitle": product.subtitle,
        "description_html": product.description_html,
        "option_names": product.option_names,
        "sold_count": product.sold_count,
        "supplier": {"code": product.supplier.code, "name": product.supplier.name},
        "category": {"code": product.category.code, "name": product.category.name},
        "images": [image_facts(request, image) for image in product.images.all() if image.file],
        "skus": [
            {
                "number": sku.number,
                "option_values": sku.option_values,
                "price_fen": sku.price.retail_fen,
                "compare_at_fen": sku.price.compare_at_fen,
                "available": available.get(sku.pk, 0),
            }
            for sku in skus
        ],
    }
