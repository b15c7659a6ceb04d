"""Paying: the cashier's page, and a result page that waits honestly."""

import json
from dataclasses import dataclass
from datetime import datetime

import segno
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_http_methods, require_safe

from orders.flow.payment import query_payment
from orders.lifecycle import queries as lifecycle
from orders.lifecycle.models import Order
from orders.lifecycle.states import OrderState
from orders.payments.actions import start_payment
from orders.payments.models import Payment
from orders.payments.queries import open_payment
from orders.payments.states import PaymentState
from shop.accounts.queries import openid_of
from shop.base.errors import DomainError
from shop.gateways.contract import GatewayRefused, GatewayUnknown
from shop.gateways.wechat_web import WECHAT_MARK, web_app
from shop.web.access import CustomerRequest, customer_only, is_part

# Seconds after which the page asks the gateway itself, and after which it says what it knows.
ASK_AFTER = 4
SAY_AFTER = 20
PHONE_MARKS = ("Mobile", "Android", "iPhone", "MicroMessenger")


def _has_mark(request: CustomerRequest, *marks: str) -> bool:
    return any(mark in request.headers.get("User-Agent", "") for mark in marks)


@dataclass(frozen=True, slots=True)
class Way:
    """How this browser pays: inside WeChat by the official account's openid, else by a page or a code."""

    kind: str
    app_id: str = ""
    openid: str = ""
    needs_wechat: bool = False


def _way(request: CustomerRequest) -> Way:
    if _has_mark(request, WECHAT_MARK) and web_app(is_inside=True) is not None:
        app_id = settings.LINJIA_WECHAT_ACCOUNT_APP_ID
        openid = openid_of(request.user, app_id)
        return Way("jsapi", app_id, openid or "", needs_wechat=openid is None)
    return Way("h5" if _has_mark(request, *PHONE_MARKS) else "native")


def _code_picture(text: str) -> SafeString:
    """Return a QR code as SVG; it holds no style and no script, so the page's policy lets it be."""
    code = segno.make(text, error="m", micro=False)
    return mark_safe(code.svg_inline(scale=5, border=1, dark="#261d17"))  # noqa: S308 - segno's own markup


@require_http_methods(["GET", "HEAD", "POST"])
@customer_only
def cashier(request: CustomerRequest, number: str) -> HttpResponse:
    """Choose how to pay, then pay: a code to scan on a wide screen, WeChat itself on a phone and inside WeChat."""
    order = lifecycle.order_of(request.user, number)
    if order.state != OrderState.PLACED:
        return redirect("payment-result", number)
    way = _way(request)
    problem = ""
    if request.method == "POST":
        try:
            start_payment(order=order, kind=way.kind, payer_openid=way.openid, app_id=way.app_id, now=timezone.now())
        except DomainError as error:
            problem = str(error)
        else:
            return redirect("cashier", number)
    payment = None if way.needs_wechat else open_payment(order, kind=way.kind, payer_openid=way.openid)
    result = reverse("payment-result", args=[number])
    context = {
        "section": "orders",
        "order": order,
        "payment": payment,
        "problem": problem,
        "way": way,
        "is_sandbox": settings.LINJIA_SANDBOX,
        "qr_svg": _code_picture(payment.code_url) if payment and way.kind == "native" else "",
        "pay_url": pay_url(payment, request.build_absolute_uri(result)) if payment else "",
        # WeChat's own browser takes these; the practice wallet stands in for it.
        "wechat_params": json.dumps(payment.client_params) if payment and way.kind == "jsapi" else "",
    }
    return render(request, "storefront/cashier.html", context)


def pay_url(payment: Payment, back: str) -> str:
    """Return the page where this device can pay and which leads ``back``, "" when a code must be scanned.

    The practice wallet opens for every kind; the real channel only has a page for ``h5``.
    """
    if not (settings.LINJIA_SANDBOX or payment.kind == "h5"):
        return ""
    code_url = payment.code_url or f"{settings.LINJIA_SANDBOX_URL.rstrip('/')}/pay/{payment.prepay_id}"
    joint = "&" if "?" in code_url else "?"
    return f"{code_url}{joint}{urlencode({'redirect_url': back})}"


@require_safe
@customer_only
def payment_state(request: CustomerRequest, number: str) -> HttpResponse:
    """Ask our own book whether the order is paid; leads on once it is decided."""
    order = lifecycle.order_of(request.user, number)
    response = HttpResponse(status=200)
    if order.state != OrderState.PLACED:
        response.headers["HX-Redirect"] = reverse("payment-result", args=[number])
    return response


@require_safe
@customer_only
def payment_result(request: CustomerRequest, number: str) -> HttpResponse:
    """Tell what became of a payment. While nobody knows, the page says so and asks again."""
    order = lifecycle.order_of(request.user, number)
    now = timezone.now()
    since = _since(request, now)
    waited = (now - since).total_seconds()
    if order.state == OrderState.PLACED and waited >= ASK_AFTER:
        order = _ask(order, request, now)
    context = {
        "section": "orders",
        "order": order,
        "outcome": _outcome(order, waited),
        "since": int(since.timestamp()),
    }
    part = is_part(request)
    template = "storefront/parts/payment_result.html" if part else "storefront/payment_result.html"
    return render(request, template, context)


def _since(request: CustomerRequest, now: datetime) -> datetime:
    text = request.GET.get("since", "")
    if text.isdigit() and len(text) < 12:
        return min(datetime.fromtimestamp(int(text), tz=now.tzinfo), now)
    return now


def _ask(order: Order, request: CustomerRequest, now: datetime) -> Order:
    """Ask the gateway about the newest payment; what it says is recorded by the flow."""
    payment = order.payments.filter(state=PaymentState.STARTED).order_by("-pk").first()
    if payment is not None:
        try:
            query_payment(number=payment.number, now=now)
        except (DomainError, GatewayRefused, GatewayUnknown):
            return order
    return lifecycle.order_of(request.user, order.number)


def _outcome(order: Order, waited: float) -> str:
    if order.state == OrderState.CANCELLED:
        return "over"
    if order.state != OrderState.PLACED:
        return "paid"
    has_payment = order.payments.exists()
    return "asking" if has_payment and waited < SAY_AFTER else "unpaid"
