"""Paying: the cashier's page, and a result page that waits honestly."""

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
from orders.payments.states import PaymentState
from shop.base.errors import DomainError
from shop.gateways.contract import GatewayRefused, GatewayUnknown
from shop.web.access import CustomerRequest, customer_only, is_part

# Seconds after which the page asks the gateway itself, and after which it says what it knows.
ASK_AFTER = 4
SAY_AFTER = 20
PHONE_MARKS = ("Mobile", "Android", "iPhone", "MicroMessenger")


def _on_phone(request: CustomerRequest) -> bool:
    return any(mark in request.headers.get("User-Agent", "") for mark in PHONE_MARKS)


def _open_payment(order: Order, kind: str) -> Payment | None:
    rows = order.payments.filter(state=PaymentState.STARTED, kind=kind).exclude(code_url="")
    return rows.order_by("-pk").first()


def _code_picture(text: str) -> SafeString:
    """Return a QR code as SVG; it holds no style and no script, so the page's policy lets it be."""
    code = segno.make(text, error="m", micro=False)
    return mark_safe(code.svg_inline(scale=5, border=1, dark="#261d17"))  # noqa: S308 - segno's own markup


@require_http_methods(["GET", "HEAD", "POST"])
@customer_only
def cashier(request: CustomerRequest, number: str) -> HttpResponse:
    """Choose how to pay, then pay: a code to scan on a wide screen, WeChat itself on a phone."""
    order = lifecycle.order_of(request.user, number)
    if order.state != OrderState.PLACED:
        return redirect("payment-result", number)
    on_phone = _on_phone(request)
    kind = "h5" if on_phone else "native"
    problem = ""
    if request.method == "POST":
        try:
            start_payment(order=order, kind=kind, payer_openid=None, now=timezone.now())
        except DomainError as error:
            problem = str(error)
        else:
            return redirect("cashier", number)
    payment = _open_payment(order, kind)
    result = reverse("payment-result", args=[number])
    code_url = payment.code_url if payment else ""
    context = {
        "section": "orders",
        "order": order,
        "payment": payment,
        "problem": problem,
        "on_phone": on_phone,
        "is_sandbox": settings.LINJIA_SANDBOX,
        "qr_svg": _code_picture(code_url) if code_url and not on_phone else "",
        "pay_url": pay_url(code_url, kind, request.build_absolute_uri(result)),
    }
    return render(request, "storefront/cashier.html", context)


def pay_url(code_url: str, kind: str, back: str) -> str:
    """Return the page where this device can pay and which leads ``back``, "" when a code must be scanned.

    The practice wallet opens for every kind; the real channel only has a page for ``h5``.
    """
    if not code_url or not (settings.LINJIA_SANDBOX or kind == "h5"):
        return ""
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
