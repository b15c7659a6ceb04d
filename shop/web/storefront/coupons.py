"""Coupons a customer can take, those she has, and those that count for a product."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from shop.accounts.models import User
from shop.base.errors import DomainError
from shop.catalogue.queries import product_for_sale
from shop.coupons import actions, queries
from shop.coupons.states import USABLE, ClaimState
from shop.web.access import CustomerRequest, customer_only, safe_next, tell_refusal
from shop.web.coupon_cards import centre_cards, piece_cards
from shop.web.pieces import render_piece

ON_A_PRODUCT_MAX = 3
PER_PAGE = 30


def _held(request: HttpRequest) -> dict[int, int]:
    return queries.held_by(request.user) if isinstance(request.user, User) else {}


@require_safe
@never_cache
def centre(request: HttpRequest) -> HttpResponse:
    """The coupons anybody may take now."""
    cards = centre_cards(queries.centre(timezone.now())[:100], _held(request))
    return render(request, "storefront/coupons.html", {"section": "me", "cards": cards})


@require_POST
@customer_only
def claim(request: CustomerRequest, code: str) -> HttpResponse:
    """Take a piece of a coupon and stay where one was."""
    back = safe_next(request, reverse("coupons"))
    try:
        piece = actions.claim(coupon=queries.coupon_by_code(code), user=request.user, now=timezone.now())
    except DomainError as error:
        return tell_refusal(request, error, back)
    until = timezone.localtime(piece.use_until)
    messages.success(request, _("It is yours, usable until %(day)s.") % {"day": f"{until:%Y-%m-%d}"})
    return redirect(back)


@require_safe
@customer_only
def mine(request: CustomerRequest) -> HttpResponse:
    """A person's coupons: usable, used, expired."""
    now = timezone.now()
    tab = request.GET.get("tab", "usable")
    rows = {
        "usable": queries.usable_of(request.user, now),
        "used": queries.claims_of(request.user).filter(state=ClaimState.USED).order_by("-pk"),
        "expired": queries.claims_of(request.user)
        .exclude(state=ClaimState.USED)
        .exclude(state__in=USABLE, use_until__gt=now)
        .order_by("-use_until"),
    }
    chosen = tab if tab in rows else "usable"
    page = Paginator(rows[chosen], PER_PAGE).get_page(request.GET.get("page"))
    tabs = [("usable", _("Usable")), ("used", _("Used")), ("expired", _("Expired"))]
    context = {"section": "me", "tab": chosen, "tabs": tabs, "page": page, "cards": piece_cards(page, now)}
    return render(request, "storefront/my_coupons.html", context)


@require_safe
@never_cache
def of_product(request: HttpRequest, number: str) -> HttpResponse:
    """A piece of a product's page: the coupons that count for it."""
    found = product_for_sale(number)
    cards = centre_cards(queries.for_product(found, timezone.now())[:ON_A_PRODUCT_MAX], _held(request))
    part, back = "storefront/parts/product_coupons.html", reverse("product", args=[number])
    context = {"cards": cards, "next": back}
    return render_piece(request, part, context, heading=_("Coupons for this product"), back=back)
