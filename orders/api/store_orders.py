"""For distributors: the orders my store sold, and why I did (not) earn from a line."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from distributors.api.access import own_store
from distributors.commissions.queries import explain
from orders.lifecycle.queries import orders_of_store, seen_by_store
from shop.api.describing import extend_schema
from shop.api.pagination import PAGING, page_of, paged
from shop.base.errors import NotFound


class StoreLineOutput(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    title = serializers.CharField()
    option_text = serializers.CharField()
    quantity = serializers.IntegerField()
    refunded_quantity = serializers.IntegerField()
    paid_fen = serializers.IntegerField()
    refunded_fen = serializers.IntegerField()
    earns_fen = serializers.IntegerField()
    credit_reason = serializers.CharField()


class StoreOrderOutput(serializers.Serializer[Any]):
    number = serializers.CharField()
    state = serializers.CharField()
    state_label = serializers.CharField()
    buyer = serializers.CharField(help_text="Masked.")
    place = serializers.CharField(help_text="Province and city.")
    placed_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)
    paid_fen = serializers.IntegerField()
    earns_fen = serializers.IntegerField()
    lines = StoreLineOutput(many=True)


class ClawBackOutput(serializers.Serializer[Any]):
    refund = serializers.CharField(source="refund_number")
    amount_fen = serializers.IntegerField()
    at = serializers.DateTimeField()


class CommissionExplanationOutput(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    level = serializers.IntegerField()
    state = serializers.CharField()
    base_fen = serializers.IntegerField()
    rate_bp = serializers.IntegerField()
    rule = serializers.CharField(source="rule.number", default="")
    amount_fen = serializers.IntegerField()
    is_capped = serializers.BooleanField(help_text="Cut to what the line's margin could bear.")
    clawed_back_fen = serializers.IntegerField()
    left_fen = serializers.IntegerField()
    due_at = serializers.DateTimeField(allow_null=True)
    settled_at = serializers.DateTimeField(allow_null=True)
    claw_backs = ClawBackOutput(many=True)


class ExplanationOutput(serializers.Serializer[Any]):
    order = StoreOrderOutput()
    evidence = serializers.DictField(help_text="By line: every touch and bond, and why it won or lost.")
    commissions = CommissionExplanationOutput(many=True)


@extend_schema(operation_id="me_store_orders_list", parameters=PAGING, responses=paged(StoreOrderOutput))
@api_view(["GET"])
@permission_classes([IsAuthenticated])
def store_order_list(request: Request) -> Response:
    """Orders with lines my store sold, newest first; only those lines."""
    page = page_of(orders_of_store(own_store(request)), request)
    return page.answer(StoreOrderOutput([seen_by_store(row) for row in page.rows], many=True).data)


@extend_schema(responses=ExplanationOutput)
@api_view(["GET"])
@permission_classes([IsAuthenticated])
def store_order_explain(request: Request, number: str) -> Response:
    """Why my store did (not) earn: the touches considered, the rule, every fen taken back."""
    store = own_store(request)
    order = orders_of_store(store).filter(number=number).first()
    if order is None:
        raise NotFound(_("There is no such order of your store."), field="number")
    facts = {
        "order": seen_by_store(order),
        "evidence": {str(line.line): line.credit_evidence for line in order.store_lines},  # type: ignore[attr-defined]
        "commissions": explain(order_number=number, store=store),
    }
    return Response(ExplanationOutput(facts).data)
