"""After-sales of my orders."""

import json
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view, parser_classes, permission_classes
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from orders.aftersales.models import AfterSale, Evidence
from orders.aftersales.queries import case_of, cases_of
from orders.flow import aftersale as flow
from shop.api.idempotency import HEADER, answer_once
from shop.api.pagination import NewestFirst, paged


class OpenInput(serializers.Serializer[None]):
    order = serializers.CharField(max_length=32)
    line = serializers.IntegerField(min_value=1)
    kind = serializers.ChoiceField(choices=AfterSale.Kind.choices)
    reason = serializers.ChoiceField(choices=AfterSale.Reason.choices)
    quantity = serializers.IntegerField(min_value=0, max_value=999)
    text = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class TextInput(serializers.Serializer[None]):
    text = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class SendBackInput(serializers.Serializer[None]):
    carrier = serializers.CharField(max_length=40)
    tracking_number = serializers.CharField(max_length=40)


class EvidenceOutput(serializers.ModelSerializer[Evidence]):
    class Meta:
        model = Evidence
        fields = ("author", "text", "image", "at")


class AfterSaleOutput(serializers.ModelSerializer[AfterSale]):
    order = serializers.CharField(source="order.number")
    line = serializers.IntegerField(source="order_line.line")
    title = serializers.CharField(source="order_line.title")
    state_label = serializers.CharField(source="get_state_display")

    class Meta:
        model = AfterSale
        fields = (
            "number", "order", "line", "title", "kind", "reason", "quantity", "amount_fen",
            "freight_fen", "state", "state_label", "opened_at", "deadline_at", "return_carrier",
            "return_tracking_number", "refund_number", "closed_at",
        )


class AfterSaleDetailOutput(AfterSaleOutput):
    evidence = EvidenceOutput(many=True)

    class Meta(AfterSaleOutput.Meta):
        fields = (*AfterSaleOutput.Meta.fields, "evidence")  # type: ignore[assignment]


@extend_schema(methods=["GET"], responses=paged(AfterSaleOutput))
@extend_schema(
    methods=["POST"], parameters=[HEADER], request=OpenInput, responses={201: AfterSaleDetailOutput}
)
@api_view(["GET", "POST"])
@permission_classes([IsAuthenticated])
def aftersale_list(request: Request) -> Response:
    """My cases, newest first; or open one. The amount is computed, not asked for."""
    if request.method == "POST":
        return answer_once(request, lambda: (201, _open(request)))
    pages = NewestFirst()
    rows = pages.paginate_queryset(cases_of(request.user), request) or []
    return pages.get_paginated_response(AfterSaleOutput(rows, many=True).data)


@extend_schema(responses=AfterSaleDetailOutput)
@api_view(["GET"])
@permission_classes([IsAuthenticated])
def aftersale_detail(request: Request, number: str) -> Response:
    """One case with its conversation."""
    return Response(_detail(request, number))


@extend_schema(request=None, responses=AfterSaleDetailOutput)
@api_view(["POST"])
@permission_classes([IsAuthenticated])
def aftersale_withdraw(request: Request, number: str) -> Response:
    """Take a case back."""
    flow.withdraw(aftersale=case_of(request.user, number), actor=_actor(request), now=timezone.now())
    return Response(_detail(request, number))


@extend_schema(request=SendBackInput, responses=AfterSaleDetailOutput)
@api_view(["POST"])
@permission_classes([IsAuthenticated])
def aftersale_send_back(request: Request, number: str) -> Response:
    """Say how the goods come back."""
    form = SendBackInput(data=request.data)
    form.is_valid(raise_exception=True)
    flow.send_back(
        aftersale=case_of(request.user, number),
        actor=_actor(request),
        now=timezone.now(),
        **form.validated_data,
    )
    return Response(_detail(request, number))


@extend_schema(request=TextInput, responses=AfterSaleDetailOutput)
@api_view(["POST"])
@permission_classes([IsAuthenticated])
def aftersale_escalate(request: Request, number: str) -> Response:
    """Ask the platform to decide a rejected case."""
    form = TextInput(data=request.data)
    form.is_valid(raise_exception=True)
    flow.escalate(
        aftersale=case_of(request.user, number),
        actor=_actor(request),
        text=form.validated_data["text"],
        now=timezone.now(),
    )
    return Response(_detail(request, number))


@extend_schema(request=TextInput, responses={201: AfterSaleDetailOutput})
@api_view(["POST"])
@permission_classes([IsAuthenticated])
@parser_classes([JSONParser, MultiPartParser, FormParser])
def aftersale_evidence(request: Request, number: str) -> Response:
    """Add words or pictures (multipart field ``images``) to a case."""
    form = TextInput(data=request.data)
    form.is_valid(raise_exception=True)
    flow.say(
        aftersale=case_of(request.user, number),
        author=Evidence.Author.CUSTOMER,
        text=form.validated_data["text"],
        images=request.FILES.getlist("images"),
        now=timezone.now(),
    )
    return Response(_detail(request, number), status=201)


def _open(request: Request) -> dict[str, Any]:
    form = OpenInput(data=request.data)
    form.is_valid(raise_exception=True)
    data = form.validated_data
    case = flow.open_aftersale(
        user=request.user, order_number=data.pop("order"), now=timezone.now(), **data
    )
    return _detail(request, case.number)


def _detail(request: Request, number: str) -> dict[str, Any]:
    case = cases_of(request.user).prefetch_related("evidence").filter(number=number).first()
    if case is None:
        case = case_of(request.user, number)
    output = AfterSaleDetailOutput(case, context={"request": request})
    facts: dict[str, Any] = json.loads(JSONRenderer().render(output.data))
    return facts


def _actor(request: Request) -> str:
    return f"user:{request.user.number}"
