"""Distributors' coupon codes: entering one, and a store's own."""

from typing import Any

from django.conf import settings
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from distributors.api.access import own_store
from distributors.codes import actions, queries
from distributors.codes.models import CouponCode
from shop.api.auth import caller
from shop.api.coupons import CouponOutput, PieceOutput
from shop.api.describing import OpenApiResponse, extend_schema
from shop.api.throttles import limited
from shop.coupons.queries import coupon_by_code

CODES_MAX = 100


class EnterInput(serializers.Serializer[None]):
    code = serializers.CharField(max_length=16)


class EnteredOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    store = serializers.CharField(help_text="Whose code it is; what is bought afterwards counts as its sale.")
    piece = PieceOutput(allow_null=True, help_text="Null when I used it up before.")
    is_new = serializers.BooleanField()


class OwnCodeInput(serializers.Serializer[None]):
    coupon = serializers.CharField(max_length=16, help_text="Code of a coupon that is offered to distributors.")
    code = serializers.CharField(max_length=16, help_text="4 to 16 letters A–Z and digits.")


class OwnCodeOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    url = serializers.SerializerMethodField()
    coupon = CouponOutput()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    taken = serializers.IntegerField(source="pieces_taken", help_text="Pieces people took by it.")
    used = serializers.IntegerField(source="pieces_used", help_text="Of these, used in orders.")

    def get_url(self, row: CouponCode) -> str:
        return f"{settings.LINJIA_PUBLIC_URL}/k/{row.code}/"


class OwnCodesOutput(serializers.Serializer[Any]):
    results = OwnCodeOutput(many=True)
    offered = CouponOutput(many=True, help_text="Coupons I may make a code of.")


@extend_schema(request=EnterInput, responses={201: EnteredOutput})
@limited("coupon_claim")
@api_view(["POST"])
@permission_classes([IsAuthenticated])
def enter(request: Request) -> Response:
    """Use a distributor's code: I get a piece of its coupon, and her store has touched me as by a link."""
    form = EnterInput(data=request.data)
    form.is_valid(raise_exception=True)
    key = str(getattr(request, "visitor_key", ""))
    found = actions.enter_code(
        code=queries.code_named(form.validated_data["code"]),
        user=caller(request),
        visitor_key=key,
        now=timezone.now(),
    )
    facts = {
        "code": found.code.code,
        "store": found.code.store.code,
        "piece": PieceOutput(found.piece).data if found.piece else None,
        "is_new": found.is_new,
    }
    return Response(facts, status=201)


@extend_schema(methods=["GET"], responses=OwnCodesOutput)
@extend_schema(methods=["POST"], request=OwnCodeInput, responses={201: OwnCodeOutput})
@api_view(["GET", "POST"])
@permission_classes([IsAuthenticated])
def code_list(request: Request) -> Response:
    """My store's codes and the coupons it may make codes of; or make one."""
    store = own_store(request)
    now = timezone.now()
    if request.method == "POST":
        form = OwnCodeInput(data=request.data)
        form.is_valid(raise_exception=True)
        made = actions.make_code(
            store=store, coupon=coupon_by_code(form.validated_data["coupon"]), code=form.validated_data["code"], now=now
        )
        return Response(OwnCodeOutput(queries.codes_of(store).get(pk=made.pk)).data, status=201)
    facts = {
        "results": OwnCodeOutput(queries.codes_of(store)[:CODES_MAX], many=True).data,
        "offered": CouponOutput(queries.offered(now)[:CODES_MAX], many=True).data,
    }
    return Response(facts)


@extend_schema(responses={204: OpenApiResponse(description="Ended.")})
@api_view(["DELETE"])
@permission_classes([IsAuthenticated])
def code_detail(request: Request, word: str) -> Response:
    """End one of my codes; pieces it gave stay usable."""
    actions.end_code(code=queries.code_of(own_store(request), word), now=timezone.now())
    return Response(status=204)
