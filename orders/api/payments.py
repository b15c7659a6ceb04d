"""Paying an order."""

from typing import Any

from django.conf import settings
from django.db.models import TextChoices
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from orders.flow.payment import query_payment
from orders.lifecycle.queries import order_of
from orders.payments.actions import KINDS, start_payment
from orders.payments.models import Payment
from orders.payments.queries import payment_of, payments_of
from shop.accounts.queries import openid_of
from shop.api.auth import caller
from shop.api.describing import extend_schema
from shop.api.idempotency import HEADER, answer_once_outside
from shop.api.throttles import limited
from shop.base.errors import NotFound


class PayApp(TextChoices):
    MINI_PROGRAM = "mini_program", _("mini-program")
    OFFICIAL_ACCOUNT = "official_account", _("official account")


class PayInput(serializers.Serializer[None]):
    kind = serializers.ChoiceField(
        choices=KINDS, default="jsapi", help_text="jsapi: inside WeChat; native: a QR code; h5: a page."
    )
    app = serializers.ChoiceField(
        choices=PayApp.choices,
        default=PayApp.MINI_PROGRAM,
        help_text="For jsapi: where the person pays. A page in WeChat's browser pays by the official account.",
    )


class PaymentOutput(serializers.ModelSerializer[Payment]):
    state_label = serializers.CharField(source="get_state_display")
    order_state = serializers.CharField(source="order.state")
    order_state_label = serializers.CharField(source="order.get_state_display")
    client_params = serializers.DictField(help_text="For wx.requestPayment, as they are.")

    class Meta:
        model = Payment
        fields = (
            "number",
            "kind",
            "amount_fen",
            "state",
            "state_label",
            "is_applied",
            "code_url",
            "client_params",
            "started_at",
            "succeeded_at",
            "order_state",
            "order_state_label",
        )


@extend_schema(methods=["GET"], operation_id="orders_payments_list", responses=PaymentOutput(many=True))
@extend_schema(methods=["POST"], parameters=[HEADER], request=PayInput, responses={201: PaymentOutput})
@limited("pay")
@api_view(["GET", "POST"])
@permission_classes([IsAuthenticated])
def order_payments(request: Request, number: str) -> Response:
    """The attempts to pay one of my orders; or begin (go on with) one."""
    order = order_of(caller(request), number)
    if request.method == "GET":
        return Response(PaymentOutput(payments_of(order).select_related("order"), many=True).data)
    form = PayInput(data=request.data)
    form.is_valid(raise_exception=True)
    kind = form.validated_data["kind"]

    is_account = form.validated_data["app"] == PayApp.OFFICIAL_ACCOUNT
    app_id = settings.LINJIA_WECHAT_ACCOUNT_APP_ID if is_account else settings.LINJIA_WECHAT_APP_ID

    def act() -> tuple[int, Any]:
        openid = openid_of(caller(request), app_id) if kind == "jsapi" else None
        payment = start_payment(order=order, kind=kind, payer_openid=openid, now=timezone.now(), app_id=app_id)
        return 201, PaymentOutput(payment).data

    return answer_once_outside(request, act)


@extend_schema(request=None, responses=PaymentOutput)
@limited("pay")
@api_view(["POST"])
@permission_classes([IsAuthenticated])
def payment_check(request: Request, number: str, payment: str) -> Response:
    """Ask the channel what became of a payment, when its notice is late."""
    order = order_of(caller(request), number)
    row = payment_of(caller(request), payment)
    if row.order_id != order.pk:
        raise NotFound(_("There is no such payment."), field="payment")
    query_payment(number=row.number, now=timezone.now())
    return Response(PaymentOutput(payment_of(caller(request), payment)).data)
