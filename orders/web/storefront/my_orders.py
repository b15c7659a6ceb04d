"""A customer's orders: the list, one order, cancelling, receiving."""

from dataclasses import dataclass

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from orders.checkout.again import buy_again
from orders.checkout.cart import CartOwner
from orders.flow import delivery, reversal
from orders.lifecycle import queries as lifecycle
from orders.lifecycle.models import Order, SupplierOrder
from orders.lifecycle.states import OrderState, SupplierOrderState
from orders.payments.queries import applied_payment, refunds_of
from orders.reviews.queries import waiting_lines
from orders.web.order_page import order_card, order_page
from shop.base.errors import DomainError, NotFound
from shop.coupons.queries import uses_of
from shop.interests.rules import clean_words
from shop.web.access import CustomerRequest, customer_only, is_part, tell_refusal
from shop.web.product_page import more_url
from shop.web.shelf import stretch
from shop.work.sweep import database_now

ORDERS_PER_PAGE = 10

TABS: dict[str, str | Promise] = {
    "": gettext_lazy("All"),
    "placed": gettext_lazy("Unpaid"),
    "to_ship": gettext_lazy("To be sent"),
    "shipped": gettext_lazy("On the way"),
    "received": gettext_lazy("Arrived"),
    "closed": gettext_lazy("Cancelled"),
}

CANCEL_REASONS: dict[str, str | Promise] = {
    "mind": gettext_lazy("Changed my mind"),
    "wrong": gettext_lazy("Chose the wrong thing"),
    "address": gettext_lazy("Wrong address"),
    "slow": gettext_lazy("Takes too long"),
    "price": gettext_lazy("Cheaper elsewhere"),
}


@dataclass(frozen=True)
class Tab:
    """One choice above the list."""

    code: str
    label: str
    is_here: bool


def _in_tab(orders: QuerySet[Order], tab: str) -> QuerySet[Order]:
    if tab == "placed":
        return orders.filter(state=OrderState.PLACED)
    if tab == "closed":
        return orders.filter(state__in=[OrderState.CANCELLED, OrderState.REFUNDED])
    if tab in (SupplierOrderState.TO_SHIP, SupplierOrderState.SHIPPED, SupplierOrderState.RECEIVED):
        mine = SupplierOrder.objects.filter(order__in=orders, state=tab).values("order_id")
        return orders.filter(pk__in=mine)
    return orders


@require_safe
@customer_only
def my_orders(request: CustomerRequest) -> HttpResponse:
    """The customer's orders, newest first, by state."""
    tab = request.GET.get("state", "")
    tab = tab if tab in TABS else ""
    words = clean_words(request.GET.get("q", ""))
    asked = lifecycle.orders_about(lifecycle.orders_of(request.user), words)
    rows = lifecycle.with_parts(_in_tab(asked, tab))
    found, position = stretch(rows, request.GET.get("after", ""), ORDERS_PER_PAGE)
    context = {
        "section": "orders",
        "orders": [order_card(order) for order in found],
        "more_url": more_url(request, position),
        "words": words,
        "tabs": [Tab(code, str(label), code == tab) for code, label in TABS.items()],
    }
    part = is_part(request)
    return render(request, "storefront/parts/orders.html" if part else "storefront/orders.html", context)


@require_POST
@customer_only
def again(request: CustomerRequest, number: str) -> HttpResponse:
    """Put what was bought into the cart again; say what is no longer to be had."""
    order = lifecycle.order_of(request.user, number)
    lines = order.lines.select_related("sku", "store").order_by("line")
    done = buy_again(owner=CartOwner(user=request.user), lines=lines, now=timezone.now())
    for one in done.missing:
        messages.warning(request, _("Not in your cart: %(title)s. %(why)s") % {"title": one.title, "why": one.why})
    if not done.put_in:
        return redirect("my-order", number)
    messages.success(request, _("It is in your cart, at today's prices."))
    return redirect("cart")


@require_safe
@customer_only
def receipt(request: CustomerRequest, number: str) -> HttpResponse:
    """What was paid for what, to print or keep. Raises ``NotFound`` while nothing is paid."""
    order = lifecycle.order_of(request.user, number)
    if order.paid_at is None:
        raise NotFound(_("There is a receipt once the order is paid."))
    parts = order.supplier_orders.select_related("supplier").prefetch_related("lines").order_by("pk")
    context = {"section": "orders", "order": order, "parts": parts, "payment": applied_payment(order)}
    return render(request, "storefront/receipt.html", context)


@require_safe
@customer_only
def order_counts(request: CustomerRequest) -> HttpResponse:
    """How many orders wait for what; a piece of the personal page."""
    orders = lifecycle.orders_of(request.user)
    counts = {tab: _in_tab(orders, tab).count() for tab in ("placed", "to_ship", "shipped", "received")}
    return render(request, "storefront/parts/order_counts.html", {"counts": counts})


@require_safe
@customer_only
def my_order(request: CustomerRequest, number: str) -> HttpResponse:
    """One order: where it is, what it cost, what can be done."""
    order = lifecycle.order_of(request.user, number)
    parts = list(order.supplier_orders.select_related("supplier").prefetch_related("lines__product").order_by("pk"))
    shipments = order.shipments.prefetch_related("lines__order_line", "events").order_by("pk")
    page = order_page(
        order,
        parts=parts,
        shipments=list(shipments),
        cases=list(order.aftersales.order_by("-pk")),
        refunds=list(refunds_of(order).reverse()),
        unreviewed=set(waiting_lines(request.user).filter(order=order).values_list("pk", flat=True)),
        now=timezone.now(),
    )
    coupons = [(use.coupon.name, use.discount_fen) for use in uses_of(order.number)] if order.discount_fen else []
    own_fen = order.discount_fen - sum(fen for _name, fen in coupons)
    context = {"section": "orders", "order": order, "page": page, "coupons": coupons, "own_discount_fen": own_fen}
    return render(request, "storefront/order.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@customer_only
def cancel(request: CustomerRequest, number: str) -> HttpResponse:
    """Ask why, then cancel; a paid order that has not left is refunded."""
    order = lifecycle.order_of(request.user, number)
    if request.method == "POST":
        reason = CANCEL_REASONS.get(request.POST.get("reason", ""), CANCEL_REASONS["mind"])
        try:
            reversal.cancel_order(
                order=order,
                actor=f"user:{request.user.number}",
                reason=str(reason),
                now=timezone.now(),
            )
        except DomainError as error:
            return tell_refusal(request, error, reverse("my-order", args=[number]))
        messages.success(request, _("The order is cancelled."))
        return redirect("my-order", number)
    context = {"section": "orders", "order": order, "reasons": CANCEL_REASONS.items()}
    return render(request, "storefront/order_cancel.html", context)


@require_POST
@customer_only
def receive(request: CustomerRequest, number: str, part: str) -> HttpResponse:
    """Confirm that one supplier's parcels have arrived."""
    order = lifecycle.order_of(request.user, number)
    supplier_order = order.supplier_orders.filter(number=part).first()
    if supplier_order is None:
        raise NotFound(_("This order has no such part."))
    try:
        delivery.confirm_receipt(
            supplier_order=supplier_order,
            actor=f"user:{request.user.number}",
            now=database_now(),
        )
    except DomainError as error:
        return tell_refusal(request, error, reverse("my-order", args=[number]))
    messages.success(request, _("Thank you. Enjoy!"))
    return redirect("my-order", number)
