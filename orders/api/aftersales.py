"""After-sales of my orders."""

import json
from dataclasses import asdict
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.decorators import api_view, parser_classes, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from orders.aftersales.actions import PHOTOS_MAX
from orders.aftersales.models import AfterSale, Evidence
from orders.aftersales.queries import case_of, cases_of, picture_of_case
from orders.aftersales.wording import explain, explain_case
from orders.flow import aftersale as flow
from orders.flow.proposals import propose
from orders.lifecycle.queries import line_of
from shop.api.auth import caller
from shop.api.describing import OpenApiParameter, OpenApiTypes, extend_schema, extend_schema_field
from shop.api.idempotency import HEADER, answer_once
from shop.api.pagination import PAGING, page_of, paged
from shop.api.parsers import JSONParser, MultiPartParser
from shop.base.errors import Invalid
from shop.media.actions import keep_all
from shop.media.models import Picture
from shop.media.queries import own_pictures
from shop.media.serving import private_picture


class PicturesInput(serializers.Serializer[None]):
    pictures = serializers.ListField(
        child=serializers.CharField(max_length=22),
        required=False,
        default=list,
        max_length=PHOTOS_MAX,
        help_text="Numbers from /uploads/ with purpose `evidence`.",
    )


class OpenInput(PicturesInput):
    order = serializers.CharField(max_length=32)
    line = serializers.IntegerField(min_value=1, max_value=999)
    kind = serializers.ChoiceField(choices=AfterSale.Kind.choices)
    reason = serializers.ChoiceField(choices=AfterSale.Reason.choices)
    quantity = serializers.IntegerField(min_value=0, max_value=999)
    text = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class TextInput(PicturesInput):
    text = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class ProposalInput(serializers.Serializer[None]):
    order = serializers.CharField(max_length=32)
    line = serializers.IntegerField(min_value=1, max_value=999)
    quantity = serializers.IntegerField(min_value=0, max_value=999)
    reason = serializers.ChoiceField(choices=AfterSale.Reason.choices)


class SendBackInput(serializers.Serializer[None]):
    carrier = serializers.CharField(max_length=40)
    tracking_number = serializers.CharField(max_length=40)


class EvidencePhotoOutput(serializers.Serializer[Any]):
    url = serializers.CharField(
        help_text="Asks for the bearer token (download it with the header). Empty while the photo is being drawn; "
        "`?size=small` gives 400 px."
    )
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class EvidenceOutput(serializers.ModelSerializer[Evidence]):
    author_label = serializers.CharField(source="get_author_display")
    photos = serializers.SerializerMethodField()
    removal_note = serializers.CharField(
        read_only=True,
        help_text="Why words or photos are no longer here, in the reader's language; empty while they are.",
    )

    class Meta:
        model = Evidence
        fields = ("author", "author_label", "text", "photos", "removal_note", "at")

    @extend_schema_field(EvidencePhotoOutput(many=True))
    def get_photos(self, row: Evidence) -> list[dict[str, Any]]:
        request: Request = self.context["request"]
        base = f"/api/v1/aftersales/{self.context['number']}/pictures/"
        pictures = [photo.picture for photo in row.photos.all()]
        return [
            {
                "url": request.build_absolute_uri(f"{base}{picture.number}/") if picture.file else "",
                "width": picture.width,
                "height": picture.height,
            }
            for picture in pictures
        ]


class ExplainedOutput(serializers.Serializer[Any]):
    text = serializers.CharField()
    fen = serializers.IntegerField()
    note = serializers.CharField()


class ProposalOutput(serializers.Serializer[Any]):
    amount_fen = serializers.IntegerField()
    goods_fen = serializers.IntegerField()
    freight_fen = serializers.IntegerField()
    explanation = ExplainedOutput(
        many=True, help_text="One line per fact in the reader's language; the last is the sum."
    )


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
    explanation = serializers.SerializerMethodField()

    class Meta(AfterSaleOutput.Meta):
        fields = (*AfterSaleOutput.Meta.fields, "evidence", "explanation")  # type: ignore[assignment]

    @extend_schema_field(ExplainedOutput(many=True))
    def get_explanation(self, case: AfterSale) -> list[dict[str, Any]]:
        return [asdict(line) for line in explain_case(case)]


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


@extend_schema(
    parameters=[
        OpenApiParameter("order", str, required=True),
        OpenApiParameter("line", int, required=True),
        OpenApiParameter("quantity", int, required=True, description="0: all money that is left."),
        OpenApiParameter("reason", str, required=True, enum=AfterSale.Reason.values),
    ],
    responses=ProposalOutput,
)
@api_view(["GET"])
@permission_classes([IsAuthenticated])
def aftersale_proposal(request: Request) -> Response:
    """What a case about so many pieces would give back, and why, before it is opened."""
    asked = ProposalInput(data=request.query_params)
    asked.is_valid(raise_exception=True)
    data = asked.validated_data
    line = line_of(caller(request), data["order"], data["line"])
    proposal = propose(line, quantity=data["quantity"], reason=data["reason"])
    return Response(
        {
            "amount_fen": proposal.amount_fen,
            "goods_fen": proposal.goods_fen,
            "freight_fen": proposal.freight_fen,
            "explanation": [asdict(line) for line in explain(proposal)],
        }
    )


@extend_schema(responses={(200, "image/webp"): OpenApiTypes.BINARY})
@api_view(["GET"])
@permission_classes([IsAuthenticated])
def aftersale_picture(request: Request, number: str, picture: str) -> HttpResponse:
    """A photo of my own case; no cache keeps it. `?size=small` gives 400 px."""
    found = picture_of_case(case_of(caller(request), number), picture)
    return private_picture(found, is_small=request.query_params.get("size") == "small")


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
        pictures=_pictures(request, form.validated_data["pictures"]),
        now=timezone.now(),
    )
    return Response(_detail(request, number))


@extend_schema(request=TextInput, responses={201: AfterSaleDetailOutput})
@api_view(["POST"])
@permission_classes([IsAuthenticated])
@parser_classes([JSONParser, MultiPartParser])
def aftersale_evidence(request: Request, number: str) -> Response:
    """Add words or photos to a case: numbers of uploads, or files in the multipart field ``images``."""
    case = case_of(caller(request), number)
    form = TextInput(data=request.data)
    form.is_valid(raise_exception=True)
    files = request.FILES.getlist("images")
    if len(files) > PHOTOS_MAX:
        raise Invalid(_("Six pictures at most."), field="images")
    sent = keep_all(
        files=files,
        purpose=Picture.Purpose.EVIDENCE,
        uploader=caller(request),
        field="images",
        now=timezone.now(),
    )
    flow.say(
        aftersale=case,
        author=Evidence.Author.CUSTOMER,
        text=form.validated_data["text"],
        pictures=_pictures(request, form.validated_data["pictures"]) + sent,
        now=timezone.now(),
    )
    return Response(_detail(request, number), status=201)


def _open(request: Request) -> dict[str, Any]:
    form = OpenInput(data=request.data)
    form.is_valid(raise_exception=True)
    data = form.validated_data
    data["pictures"] = _pictures(request, data["pictures"])
    case = flow.open_aftersale(user=caller(request), order_number=data.pop("order"), now=timezone.now(), **data)
    return _detail(request, case.number)


def _detail(request: Request, number: str) -> dict[str, Any]:
    thread = Prefetch("evidence", Evidence.objects.prefetch_related("photos__picture").order_by("at", "pk"))
    case = case_of(caller(request), number)
    prefetch_related_objects([case], thread)
    output = AfterSaleDetailOutput(case, context={"request": request, "number": number})
    facts: dict[str, Any] = json.loads(JSONRenderer().render(output.data))
    return facts


def _pictures(request: Request, numbers: list[str]) -> list[Picture]:
    return own_pictures(user=caller(request), numbers=numbers, purpose=Picture.Purpose.EVIDENCE)


def _actor(request: Request) -> str:
    return f"user:{caller(request).number}"
