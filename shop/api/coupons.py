"""Coupons: those there are, taking one, and mine."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from shop.accounts.models import User
from shop.api.auth import caller
from shop.api.describing import OpenApiParameter, extend_schema
from shop.api.pagination import PAGING, page_of, paged
from shop.api.throttles import limited
from shop.coupons import actions, queries
from shop.coupons.models import Coupon, CouponClaim
from shop.coupons.states import ClaimState
from shop.coupons.wording import benefit


class CouponOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()
    text = serializers.SerializerMethodField(help_text="What it does, in words.")
    kind = serializers.ChoiceField(choices=Coupon.Kind.choices)
    amount_fen = serializers.IntegerField()
    percent_bp = serializers.IntegerField()
    ceiling_fen = serializers.IntegerField()
    min_fen = serializers.IntegerField()
    scope = serializers.ChoiceField(choices=Coupon.Scope.choices)
    scope_keys = serializers.ListField(child=serializers.CharField(), help_text="Codes, or products' numbers.")
    supplier = serializers.SerializerMethodField(help_text="Whose it is; empty for the platform's.")
    stacking_group = serializers.CharField(help_text="Of one group one piece is used; groups add up.")
    claim_until = serializers.DateTimeField()
    per_person_max = serializers.IntegerField()

    def get_text(self, row: Coupon) -> str:
        return benefit(
            kind=row.kind,
            amount_fen=row.amount_fen,
            percent_bp=row.percent_bp,
            ceiling_fen=row.ceiling_fen,
            min_fen=row.min_fen,
        )

    def get_supplier(self, row: Coupon) -> str:
        return row.supplier.code if row.supplier else ""


class CentreOutput(CouponOutput):
    held = serializers.SerializerMethodField(help_text="How many pieces of it I took.")

    def get_held(self, row: Coupon) -> int:
        held: dict[int, int] = self.context["held"]
        return held.get(row.pk, 0)


class PieceOutput(serializers.Serializer[Any]):
    number = serializers.CharField(help_text="What a quote or an order names it by.")
    coupon = CouponOutput()
    state = serializers.ChoiceField(choices=ClaimState.choices)
    code = serializers.CharField(help_text="The distributor's code it came by, or empty.")
    use_from = serializers.DateTimeField()
    use_until = serializers.DateTimeField()
    order = serializers.CharField(source="order_number", help_text="The order that used it, or empty.")


@extend_schema(operation_id="coupons_list", parameters=PAGING, responses=paged(CentreOutput))
@api_view(["GET"])
@permission_classes([AllowAny])
def coupon_list(request: Request) -> Response:
    """The coupons anybody may take now, newest first."""
    held = queries.held_by(request.user) if isinstance(request.user, User) else {}
    page = page_of(queries.centre(timezone.now()).order_by("-pk"), request)
    return page.answer(CentreOutput(page.rows, many=True, context={"held": held}).data)


@extend_schema(request=None, responses={201: PieceOutput})
@limited("coupon_claim")
@api_view(["POST"])
@permission_classes([IsAuthenticated])
def coupon_claim(request: Request, code: str) -> Response:
    """Take a piece of a coupon."""
    piece = actions.claim(coupon=queries.coupon_by_code(code), user=caller(request), now=timezone.now())
    return Response(PieceOutput(piece).data, status=201)


@extend_schema(
    operation_id="me_coupons_list",
    parameters=[*PAGING, OpenApiParameter("state", str, enum=ClaimState.values, description="Only these.")],
    responses=paged(PieceOutput),
)
@api_view(["GET"])
@permission_classes([IsAuthenticated])
def my_coupons(request: Request) -> Response:
    """My pieces of coupons, newest first."""
    rows = CouponClaim.objects.filter(user=caller(request)).select_related("coupon__supplier").order_by("-pk")
    state = request.query_params.get("state", "")
    page = page_of(rows.filter(state=state) if state in ClaimState.values else rows, request)
    return page.answer(PieceOutput(page.rows, many=True).data)
