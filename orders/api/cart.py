"""The cart and the quote. A visitor has a cart too, by her ``X-Visitor-Key``."""

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from orders.api.access import cart_owner, visitor_key
from orders.checkout import cart
from orders.checkout.cart_view import CartView, CartViewLine
from orders.checkout.coupon_rows import CouponRow, coupon_rows
from orders.checkout.items import QUANTITY_MAX, Item
from orders.checkout.quote import quote
from orders.checkout.rules import Problem
from orders.checkout.split import Quote, QuoteGroup, QuoteLine
from shop.accounts.queries import address_of
from shop.api.catalogue import small_image
from shop.api.describing import OpenApiParameter, OpenApiResponse, extend_schema
from shop.base.errors import Invalid

VISITOR = OpenApiParameter(
    name="X-Visitor-Key",
    location=OpenApiParameter.HEADER,
    required=False,
    type=str,
    description="The visitor's random key, kept by the client; it names the cart before sign-in.",
)


class ProblemOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    sku = serializers.CharField()
    left = serializers.IntegerField(allow_null=True)


class CartLineOutput(serializers.Serializer[Any]):
    sku = serializers.CharField()
    product = serializers.CharField()
    title = serializers.CharField()
    option_text = serializers.CharField()
    image = serializers.CharField(help_text="The address of a 400 px picture, or empty.")
    store = serializers.CharField(allow_blank=True)
    quantity = serializers.IntegerField()
    is_selected = serializers.BooleanField()
    unit_fen = serializers.IntegerField()
    seen_fen = serializers.IntegerField(help_text="The price when it was put in.")
    discount_fen = serializers.IntegerField()
    available = serializers.IntegerField()
    problem = ProblemOutput(allow_null=True)


class CartGroupOutput(serializers.Serializer[Any]):
    supplier = serializers.CharField()
    supplier_name = serializers.CharField()
    lines = CartLineOutput(many=True)


class CartOutput(serializers.Serializer[Any]):
    groups = CartGroupOutput(many=True)
    goods_fen = serializers.IntegerField(help_text="Of the selected lines that can be bought.")
    discount_fen = serializers.IntegerField()
    selected_count = serializers.IntegerField()
    piece_count = serializers.IntegerField()


class PutInInput(serializers.Serializer[None]):
    sku = serializers.CharField(max_length=16)
    quantity = serializers.IntegerField(min_value=1, max_value=QUANTITY_MAX, default=1)
    store = serializers.CharField(max_length=24, required=False, default="", allow_blank=True)


class ChangeInput(serializers.Serializer[None]):
    quantity = serializers.IntegerField(min_value=1, max_value=QUANTITY_MAX, required=False)
    is_selected = serializers.BooleanField(required=False)


class ItemInput(serializers.Serializer[None]):
    sku = serializers.CharField(max_length=16)
    quantity = serializers.IntegerField(min_value=1, max_value=QUANTITY_MAX)
    store = serializers.CharField(max_length=24, required=False, default="", allow_blank=True)


class QuoteInput(serializers.Serializer[None]):
    items = ItemInput(
        many=True,
        required=False,
        help_text="Left out: the cart's selected lines.",
    )
    address = serializers.CharField(max_length=20, required=False, help_text="One of my addresses.")
    region_code = serializers.CharField(max_length=16, required=False, help_text="Instead of it.")
    coupons = serializers.ListField(
        child=serializers.CharField(max_length=32),
        max_length=20,
        required=False,
        help_text="Numbers of my pieces to use, none for []. Left out: those that save most.",
    )


class QuoteLineOutput(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    sku = serializers.CharField()
    title = serializers.CharField()
    option_text = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_fen = serializers.IntegerField()
    discount_fen = serializers.IntegerField(help_text="With what coupons take off.")
    coupon_fen = serializers.IntegerField()
    paid_fen = serializers.IntegerField()
    is_self_purchase = serializers.BooleanField()


class QuoteGroupOutput(serializers.Serializer[Any]):
    supplier = serializers.CharField()
    supplier_name = serializers.CharField()
    lines = QuoteLineOutput(many=True)
    goods_fen = serializers.IntegerField()
    discount_fen = serializers.IntegerField()
    freight_fen = serializers.IntegerField()
    payable_fen = serializers.IntegerField()
    is_deliverable = serializers.BooleanField(allow_null=True)
    freight_notes = serializers.ListField(child=serializers.CharField())


class CouponLineOutput(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    discount_fen = serializers.IntegerField()


class QuoteCouponOutput(serializers.Serializer[Any]):
    number = serializers.CharField()
    name = serializers.CharField()
    text = serializers.CharField(help_text="What it does, in words.")
    is_used = serializers.BooleanField()
    discount_fen = serializers.IntegerField(help_text="What it takes off here; 0 when it is not used.")
    alone_fen = serializers.IntegerField(help_text="What it would take off by itself.")
    reason_code = serializers.CharField(help_text="Why it does not count, or empty.")
    reason = serializers.CharField()
    lines = CouponLineOutput(many=True)


class QuoteOutput(serializers.Serializer[Any]):
    groups = QuoteGroupOutput(many=True)
    goods_fen = serializers.IntegerField()
    discount_fen = serializers.IntegerField(help_text="With what coupons take off.")
    coupon_fen = serializers.IntegerField()
    best_coupon_fen = serializers.IntegerField(help_text="What the best combination of my coupons takes off.")
    coupons = QuoteCouponOutput(many=True, help_text="Every coupon I hold: used, usable, or why not.")
    freight_fen = serializers.IntegerField()
    payable_fen = serializers.IntegerField()
    is_placeable = serializers.BooleanField()
    problems = ProblemOutput(many=True)


@extend_schema(methods=["GET"], parameters=[VISITOR], responses=CartOutput)
@extend_schema(methods=["DELETE"], parameters=[VISITOR], responses={204: OpenApiResponse()})
@api_view(["GET", "DELETE"])
@permission_classes([AllowAny])
def cart_detail(request: Request) -> Response:
    """The whole cart, grouped by supplier; troubles and price changes are said line by line."""
    if request.method == "DELETE":
        cart.clear(owner=cart_owner(request))
        return Response(status=204)
    return Response(_cart(request, cart.cart_view(cart_owner(request, is_looking=True), now=timezone.now())))


@extend_schema(parameters=[VISITOR], request=PutInInput, responses={201: CartOutput})
@api_view(["POST"])
@permission_classes([AllowAny])
def cart_lines(request: Request) -> Response:
    """Put pieces of a SKU in; pieces of the same SKU add up."""
    form = PutInInput(data=request.data)
    form.is_valid(raise_exception=True)
    owner, now = cart_owner(request), timezone.now()
    data = form.validated_data
    cart.put_in(
        owner=owner,
        sku_number=data["sku"],
        quantity=data["quantity"],
        store_code=data["store"],
        now=now,
    )
    return Response(_cart(request, cart.cart_view(owner, now=now)), status=201)


@extend_schema(methods=["PATCH"], parameters=[VISITOR], request=ChangeInput, responses=CartOutput)
@extend_schema(methods=["DELETE"], parameters=[VISITOR], responses=CartOutput)
@api_view(["PATCH", "DELETE"])
@permission_classes([AllowAny])
def cart_line(request: Request, sku: str) -> Response:
    """Change a line's quantity or selection, or take it out."""
    owner, now = cart_owner(request), timezone.now()
    if request.method == "DELETE":
        cart.take_out(owner=owner, sku_number=sku, now=now)
    else:
        form = ChangeInput(data=request.data)
        form.is_valid(raise_exception=True)
        _change(owner, sku, form.validated_data)
    return Response(_cart(request, cart.cart_view(owner, now=now)))


@extend_schema(parameters=[VISITOR], request=QuoteInput, responses=QuoteOutput)
@api_view(["POST"])
@permission_classes([AllowAny])
def quotes(request: Request) -> Response:
    """What it would cost, delivered: every amount explained, every trouble with its way out."""
    form = QuoteInput(data=request.data)
    form.is_valid(raise_exception=True)
    owner = cart_owner(request, is_looking="items" in form.validated_data)
    found = quote(
        user=owner.user,
        items=items_of(form.validated_data, owner),
        region_code=_region_code(form.validated_data, owner),
        visitor_key=visitor_key(request),
        coupons=coupons_of(form.validated_data),
        now=timezone.now(),
    )
    return Response(quote_facts(found))


def items_of(data: dict[str, Any], owner: cart.CartOwner | None = None) -> list[Item]:
    """Return the items a body names, or the selection of the owner's cart when it names none."""
    if "items" not in data:
        return cart.selected_items(owner) if owner else []
    return [Item(row["sku"], row["quantity"], row["store"]) for row in data["items"]]


def coupons_of(data: dict[str, Any]) -> tuple[str, ...] | None:
    """Return the pieces a body names; None when it leaves the choice to us."""
    return tuple(data["coupons"]) if "coupons" in data else None


def quote_facts(found: Quote) -> dict[str, Any]:
    """Return a quote as the API shows it."""
    return {
        "groups": [_quote_group(group) for group in found.groups],
        "goods_fen": found.goods_fen,
        "discount_fen": found.discount_fen,
        "coupon_fen": found.coupon_fen,
        "best_coupon_fen": found.coupons.best_fen,
        "coupons": [_coupon(row) for row in coupon_rows(found)],
        "freight_fen": found.freight_fen,
        "payable_fen": found.payable_fen,
        "is_placeable": found.is_placeable,
        "problems": [_problem(problem) for problem in found.problems],
    }


def _change(owner: cart.CartOwner, sku: str, data: dict[str, Any]) -> None:
    now = timezone.now()
    with transaction.atomic():
        if "quantity" in data:
            cart.set_quantity(owner=owner, sku_number=sku, quantity=data["quantity"], now=now)
        if "is_selected" in data:
            cart.select(owner=owner, sku_number=sku, selected=data["is_selected"], now=now)


def _region_code(data: dict[str, Any], owner: cart.CartOwner) -> str | None:
    if "address" not in data:
        return data.get("region_code")
    if owner.user is None:
        raise Invalid(_("Sign in to use your addresses, or give a region_code."), field="address")
    return address_of(owner.user, data["address"]).region_code


def _cart(request: Request, view: CartView) -> dict[str, Any]:
    return {
        "groups": [
            {
                "supplier": group.supplier_code,
                "supplier_name": group.supplier_name,
                "lines": [_cart_line(request, line) for line in group.lines],
            }
            for group in view.groups
        ],
        "goods_fen": view.goods_fen,
        "discount_fen": view.discount_fen,
        "selected_count": view.selected_count,
        "piece_count": view.piece_count,
    }


def _cart_line(request: Request, line: CartViewLine) -> dict[str, Any]:
    return {
        "sku": line.sku_number,
        "product": line.product_number,
        "title": line.title,
        "option_text": line.option_text,
        "image": small_image(request, line.image),
        "store": line.store_code,
        "quantity": line.quantity,
        "is_selected": line.is_selected,
        "unit_fen": line.unit_fen,
        "seen_fen": line.seen_fen,
        "discount_fen": line.discount_fen,
        "available": line.available,
        "problem": _problem(line.problem) if line.problem else None,
    }


def _quote_group(group: QuoteGroup) -> dict[str, Any]:
    return {
        "supplier": group.supplier_code,
        "supplier_name": group.supplier_name,
        "lines": [_quote_line(line) for line in group.lines],
        "goods_fen": group.goods_fen,
        "discount_fen": group.discount_fen,
        "freight_fen": group.freight_fen,
        "payable_fen": group.payable_fen,
        "is_deliverable": group.is_deliverable,
        "freight_notes": [str(note) for note in group.freight_notes],
    }


def _quote_line(line: QuoteLine) -> dict[str, Any]:
    return {
        "line": line.line,
        "sku": line.sku_number,
        "title": line.title,
        "option_text": line.option_text,
        "quantity": line.quantity,
        "unit_fen": line.unit_fen,
        "discount_fen": line.discount_fen,
        "coupon_fen": line.coupon_fen,
        "paid_fen": line.paid_fen,
        "is_self_purchase": line.is_self_purchase,
    }


def _coupon(row: CouponRow) -> dict[str, Any]:
    return {
        "number": row.number,
        "name": row.name,
        "text": row.text,
        "is_used": row.is_used,
        "discount_fen": row.discount_fen,
        "alone_fen": row.alone_fen,
        "reason_code": row.reason_code,
        "reason": row.reason,
        "lines": [{"line": line, "discount_fen": fen} for line, fen in row.lines],
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "message": str(problem),
        "sku": problem.sku_number,
        "left": problem.left,
    }
