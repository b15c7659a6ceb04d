"""After-sales of my orders."""

import json
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view, parser_classes, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from orders.aftersales.models import AfterSale, Evidence
from orders.aftersales.queries import case_of, cases_of
from orders.flow import aftersale as flow
from shop.api.auth import caller
from shop.api.idempotency import HEADER, answer_once
from shop.api.pagination import PAGING, page_of, paged
from shop.api.parsers import JSONParser, MultiPartParser


class OpenInput(serializers.Serializer[None]):
    order = serializers.CharField(max_length=32)
    line = serializers.IntegerField(min_value=1, max_value=999)
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
    author_label = serializers.CharField(source="get_author_display")
    image = serializers.SerializerMethodField(help_text="The address of a picture, or empty.")

    class Meta:
        model = Evidence
        fields = ("author", "author_label", "text", "image", "at")

    def get_image(self, row: Evidence) -> str:
        request: Request = self.context["request"]
        return str(request.build_absolute_uri(row.image.url)) if row.image else ""


class AfterSaleOutput(serializers.ModelSerializer[AfterSale]):
    order = serializers.CharField(source="order.number")
    line = serializers.IntegerField(source="order_line.line")
    title = serializers.CharField(source="order_line.title")
    kind_label = serializers.CharField(source="get_kind_display")
    reason_label = serializers.CharField(source="get_reason_display")
    state_label = serializers.CharField(source="get_state_display")

    class Meta:
        model = AfterSale
        fields = (
            "number",
            "order",
            "line",
            "title",
            "kind",
            "kind_label",
            "reason",
            "reason_label",
            "quantity",
            "amount_fen",
            "freight_fen",
            "state",
            "state_label",
            "opened_at",
            "deadline_at",
            "return_carrier",
            "return_tracking_number",
            "refund_number",
            "closed_at",
        )


class AfterSaleDetailOutput(AfterSaleOutput):
    evidence = EvidenceOutput(many=True)

    class Meta(AfterSaleOutput.Meta):
        fields = (*AfterSaleOutput.Meta.fields, "evidence")  # type: ignore[assignment]


@extend_schema(
    methods=["GET"],
    operation_id="aftersales_list",
    parameters=PAGING,
    responses=paged(AfterSaleOutput),
)
@extend_schema(methods=["POST"], parameters=[HEADER], request=OpenInput, responses={201: AfterSaleDetailOutput})
@api_view(["GET", "POST"])
@permission_classes([IsAuthenticated])
def aftersale_list(request: Request) -> Response:
    """My cases, newest first; or open one. The amount is computed, not asked for."""
    if request.method == "POST":
        return answer_once(request, lambda: (201, _open(request)))
    page = page_of(cases_of(caller(request)), request)
    return page.answer(AfterSaleOutput(page.rows, many=True).data)


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
    flow.withdraw(aftersale=case_of(caller(request), number), actor=_actor(request), now=timezone.now())
    return Response(_detail(request, number))


@extend_schema(request=SendBackInput, responses=AfterSaleDetailOutput)
@api_view(["POST"])
@permission_classes([IsAuthenticated])
def aftersale_send_back(request: Request, number: str) -> Response:
    """Say how the goods come back."""
    form = SendBackInput(data=request.data)
    form.is_valid(raise_exception=True)
    flow.send_back(
        aftersale=case_of(caller(request), number),
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
        aftersale=case_of(caller(request), number),
        actor=_actor(request),
        text=form.validated_data["text"],
        now=timezone.now(),
    )
    return Response(_detail(request, number))


@extend_schema(request=TextInput, responses={201: AfterSaleDetailOutput})
@api_view(["POST"])
@permission_classes([IsAuthenticated])
@parser_classes([JSONParser, MultiPartParser])
def aftersale_evidence(request: Request, number: str) -> Response:
    """Add words or pictures (multipart field ``images``) to a case."""
    form = TextInput(data=request.data)
    form.is_valid(raise_exception=True)
    flow.say(
        aftersale=case_of(caller(request), number),
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
    case = flow.open_aftersale(user=caller(request), order_number=data.pop("order"), now=timezone.now(), **data)
    return _detail(request, case.number)


def _detail(request: Request, number: str) -> dict[str, Any]:
    case = cases_of(caller(request)).prefetch_related("evidence").filter(number=number).first()
    if case is None:
        case = case_of(caller(request), number)
    output = AfterSaleDetailOutput(case, context={"request": request})
    facts: dict[str, Any] = json.loads(JSONRenderer().render(output.data))
    return facts


def _actor(request: Request) -> str:
    return f"user:{caller(request).number}"
