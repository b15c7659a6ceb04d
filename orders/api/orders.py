"""Placing orders and following them."""

import json
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from orders.api.cart import VISITOR
from orders.api.placing import PlaceInput, PlacingAuthentication, coupon_facts, place
from orders.flow.delivery import confirm_receipt
from orders.flow.reversal import cancel_order
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.lifecycle.queries import order_of, orders_of, part_of, with_parts
from orders.lifecycle.states import OrderState
from orders.payments.queries import refunds_of
from orders.shipments.queries import shipments_of
from shop.api.asked import choice
from shop.api.auth import TokenScheme, caller
from shop.api.catalogue import small_image
from shop.api.describing import OpenApiParameter, extend_schema
from shop.api.idempotency import HEADER, answer_once
from shop.api.pagination import PAGING, page_of, paged
from shop.api.throttles import limited
from shop.base.errors import NotFound
from shop.coupons.queries import parts_of
from shop.work.sweep import database_now

# PlacingAuthentication takes the same tokens as every other view.
_TOKEN: Any = [{TokenScheme.name: []}]


class CancelInput(serializers.Serializer[None]):
    reason = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)


class LineOutput(serializers.ModelSerializer[OrderLine]):
    sku = serializers.CharField(source="sku.number")
    product = serializers.CharField(source="product.number")
    image = serializers.SerializerMethodField(help_text="The address of a 400 px picture, or empty.")

    class Meta:
        model = OrderLine
        fields = (
            "line",
            "sku",
            "product",
            "title",
            "option_text",
            "image",
            "quantity",
            "unit_fen",
            "discount_fen",
            "paid_fen",
            "refunded_quantity",
            "refunded_fen",
            "window_ends_at",
        )

    def get_image(self, row: OrderLine) -> str:
        return small_image(self.context["request"], row.image)


class PartOutput(serializers.ModelSerializer[SupplierOrder]):
    supplier = serializers.CharField(source="supplier.code")
    supplier_name = serializers.CharField(source="supplier.name")
    state_label = serializers.CharField(source="get_state_display")
    lines = LineOutput(many=True)

    class Meta:
        model = SupplierOrder
        fields = (
            "number",
            "supplier",
            "supplier_name",
            "state",
            "state_label",
            "goods_fen",
            "discount_fen",
            "freight_fen",
            "payable_fen",
            "refunded_fen",
            "dispatch_by_at",
            "shipped_at",
            "auto_receive_at",
            "received_at",
            "completed_at",
            "lines",
        )


class OrderOutput(serializers.ModelSerializer[Order]):
    state_label = serializers.CharField(source="get_state_display")
    supplier_orders = PartOutput(many=True)

    class Meta:
        model = Order
        fields = (
            "number",
            "state",
            "state_label",
            "goods_fen",
            "discount_fen",
            "freight_fen",
            "payable_fen",
            "paid_fen",
            "refunded_fen",
            "recipient_name",
            "recipient_phone",
            "region_names",
            "address_detail",
            "note",
            "placed_at",
            "expires_at",
            "paid_at",
            "cancelled_at",
            "cancel_reason",
            "completed_at",
            "supplier_orders",
        )


class ParcelLineOutput(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    quantity = serializers.IntegerField()


class ParcelEventOutput(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    text = serializers.CharField()


class ParcelOutput(serializers.Serializer[Any]):
    number = serializers.CharField()
    supplier_order = serializers.CharField()
    carrier = serializers.CharField()
    tracking_number = serializers.CharField()
    shipped_at = serializers.DateTimeField()
    lines = ParcelLineOutput(many=True)
    events = ParcelEventOutput(many=True)


class RefundOutput(serializers.Serializer[Any]):
    number = serializers.CharField()
    cause = serializers.CharField()
    cause_label = serializers.CharField(source="get_cause_display")
    reason = serializers.CharField()
    amount_fen = serializers.IntegerField()
    freight_fen = serializers.IntegerField()
    state = serializers.CharField()
    state_label = serializers.CharField(source="get_state_display")
    requested_at = serializers.DateTimeField()
    succeeded_at = serializers.DateTimeField(allow_null=True)


class OrderCouponLineOutput(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    discount_fen = serializers.IntegerField()


class OrderCouponOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()
    supplier = serializers.CharField(help_text="Whose coupon it is, empty for the platform's.")
    discount_fen = serializers.IntegerField()
    is_returned = serializers.BooleanField(help_text="Given back with the order.")
    lines = OrderCouponLineOutput(many=True, help_text="What it took off each line; they sum to its discount.")


class OrderDetailOutput(OrderOutput):
    coupon_fen = serializers.IntegerField(help_text="Of the discount: what coupons took off.")
    coupons = OrderCouponOutput(many=True)
    parcels = ParcelOutput(many=True)
    refunds = RefundOutput(many=True, source="refunds_shown")

    class Meta(OrderOutput.Meta):
        fields = (*OrderOutput.Meta.fields, "coupon_fen", "coupons", "parcels", "refunds")  # type: ignore[assignment]


@extend_schema(
    methods=["GET"],
    operation_id="orders_list",
    parameters=[
        *PAGING,
        OpenApiParameter("state", str, enum=[str(state) for state in OrderState]),
    ],
    responses=paged(OrderOutput),
    auth=_TOKEN,
)
@extend_schema(
    methods=["POST"],
    parameters=[HEADER, VISITOR],
    request=PlaceInput,
    responses={201: OrderDetailOutput},
    auth=_TOKEN,
)
@limited("place_order", later=True)
@api_view(["GET", "POST"])
@authentication_classes([PlacingAuthentication])
@permission_classes([IsAuthenticated])
def order_list(request: Request) -> Response:
    """My orders, newest first; or place one. Prices come from the shop, never from the body."""
    if request.method == "POST":
        return place(request)
    page = page_of(with_parts(_in_state(request)), request)
    return page.answer(OrderOutput(page.rows, many=True, context={"request": request}).data)


@extend_schema(responses=OrderDetailOutput)
@api_view(["GET"])
@permission_classes([IsAuthenticated])
def order_detail(request: Request, number: str) -> Response:
    """One of my orders with its parts, parcels and refunds."""
    return Response(_detail(request, order_of(caller(request), number)))


@extend_schema(parameters=[HEADER], request=CancelInput, responses=OrderDetailOutput)
@api_view(["POST"])
@permission_classes([IsAuthenticated])
def order_cancel(request: Request, number: str) -> Response:
    """Cancel what nobody has shipped yet; what was paid goes back."""
    form = CancelInput(data=request.data)
    form.is_valid(raise_exception=True)

    def act() -> tuple[int, Any]:
        order = order_of(caller(request), number)
        reason = form.validated_data["reason"] or str(_("cancelled by the customer"))
        cancel_order(order=order, actor=_actor(request), reason=reason, now=timezone.now())
        return 200, _detail(request, order_of(caller(request), number))

    return answer_once(request, act)


@extend_schema(request=None, responses=OrderDetailOutput)
@api_view(["POST"])
@permission_classes([IsAuthenticated])
def part_receive(request: Request, number: str, part: str) -> Response:
    """Confirm that a supplier's part arrived; its return window begins."""
    order = order_of(caller(request), number)
    supplier_order = part_of(caller(request), part)
    if supplier_order.order_id != order.pk:
        raise NotFound(_("This order has no such part."), field="part")
    # The return window is the database's time, whatever this machine's clock says.
    confirm_receipt(supplier_order=supplier_order, actor=_actor(request), now=database_now())
    return Response(_detail(request, order_of(caller(request), number)))


def _in_state(request: Request) -> QuerySet[Order]:
    rows = orders_of(caller(request))
    state = choice(request, "state", OrderState.values)
    return rows.filter(state=state) if state else rows


def _detail(request: Request, order: Order) -> dict[str, Any]:
    row = with_parts(Order.objects.filter(pk=order.pk)).get()
    part_numbers = {part.pk: part.number for part in row.supplier_orders.all()}
    row.parcels = [  # type: ignore[attr-defined]
        {
            "number": parcel.number,
            "supplier_order": part_numbers[parcel.supplier_order_id],
            "carrier": parcel.carrier,
            "tracking_number": parcel.tracking_number,
            "shipped_at": parcel.shipped_at,
            "lines": [{"line": line.order_line.line, "quantity": line.quantity} for line in parcel.lines.all()],
            "events": [{"at": event.at, "text": event.text} for event in parcel.events.all()],
        }
        for parcel in shipments_of(row)
    ]
    coupons = parts_of(row.number) if row.discount_fen else []
    row.coupons = [coupon_facts(one) for one in coupons]  # type: ignore[attr-defined]
    row.coupon_fen = sum(one.discount_fen for one in coupons)  # type: ignore[attr-defined]
    row.refunds_shown = list(refunds_of(row))  # type: ignore[attr-defined]
    # Plain JSON values: an idempotent answer is stored as it is.
    facts: dict[str, Any] = json.loads(JSONRenderer().render(OrderDetailOutput(row, context={"request": request}).data))
    return facts


def _actor(request: Request) -> str:
    return f"user:{caller(request).number}"
