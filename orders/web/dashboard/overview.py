"""The first page of the desk: how the store is doing and what waits for its owner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from distributors.codes.queries import codes_of
from distributors.links import queries as links
from distributors.payouts.queries import payout_account_of, withdrawals_of
from distributors.payouts.states import WithdrawalState
from distributors.stores import queries as stores
from distributors.stores.states import DistributorState
from distributors.web.access import StoreRequest, store_owner
from orders.lifecycle.models import OrderLine
from orders.lifecycle.states import OrderState
from orders.web.dashboard.figures import (
    Figures,
    best_sellers,
    figures_of,
    orders_of_links,
    sold_by_codes,
    unpaid_estimate_fen,
)
from shop.base.money import format_yuan
from shop.web.access import is_part
from shop.web.shelf import first_pictures

PERIODS: dict[int, str | Promise] = {
    1: gettext_lazy("Today"),
    7: gettext_lazy("7 days"),
    30: gettext_lazy("30 days"),
}
USUAL = 7
LINKS_MAX = 50


@dataclass(frozen=True)
class Period:
    """One choice of how many days are shown."""

    days: int
    label: str
    is_here: bool


@dataclass(frozen=True)
class Waiting:
    """Something that waits for the owner, and where to do it."""

    text: str
    url: str
    icon_name: str
    is_urgent: bool = False


@require_safe
@store_owner
def overview(request: StoreRequest) -> HttpResponse:
    """Visits, orders, sales and commission of today, 7 or 30 days; what waits; what sells."""
    asked = request.GET.get("days", "")
    days = int(asked) if asked.isdigit() and len(asked) < 3 and int(asked) in PERIODS else USUAL
    now = timezone.now()
    figures = figures_of(request.store, days=days, now=now)
    best = best_sellers(request.store, days=days, now=now)
    pictures = first_pictures([row.product_id for row in best])
    context = {
        "section": "overview",
        "figures": figures,
        "chart": _chart(figures, days),
        "days": days,
        "periods": [Period(count, str(label), count == days) for count, label in PERIODS.items()],
        "waiting": _waiting(request),
        "best": [(row, pictures[row.product_id].small if row.product_id in pictures else "") for row in best],
        "unpaid_estimate_fen": unpaid_estimate_fen(request.store),
        "greeting": _greeting(timezone.localtime(now).hour),
        "is_new": not stores.all_listings_of(request.store).exists(),
    }
    return render(request, "dashboard/overview.html", context)


def _chart(figures: Figures, days: int) -> dict[str, object]:
    """Return the rows of the chart; one day alone makes no line."""
    shown = figures.days if days > 1 else ()
    return {
        "visits": [day.visits for day in shown],
        "orders": [day.orders for day in shown],
        "days": shown,
        # Thirty dates do not fit below a chart: every fifth does.
        "every": 1 if days <= 7 else 5,
    }


def _greeting(hour: int) -> str:
    if hour < 5 or hour >= 18:
        return _("Good evening")
    return _("Good morning") if hour < 12 else _("Good afternoon")


def _waiting(request: StoreRequest) -> list[Waiting]:
    """Return what the owner should look at, the most urgent first."""
    store = request.store
    found = [
        Waiting(
            _("Confirm ¥%(amount)s in WeChat") % {"amount": format_yuan(row.amount_fen)},
            reverse("dashboard-withdrawal", args=[row.number]),
            "hand-coins",
            is_urgent=True,
        )
        for row in withdrawals_of(store).filter(state=WithdrawalState.WAITING_USER)[:3]
    ]
    outside = stores.prices_outside_band(store).values("listing").distinct().count()
    if outside:
        text = ngettext(
            "%(count)d pick has a price the supplier no longer allows",
            "%(count)d picks have a price the supplier no longer allows",
            outside,
        )
        found.append(Waiting(text % {"count": outside}, reverse("dashboard-picks"), "triangle-alert", is_urgent=True))
    unpaid = OrderLine.objects.filter(store=store, order__state=OrderState.PLACED).values("order").distinct().count()
    if unpaid:
        text = ngettext("%(count)d order waits for payment", "%(count)d orders wait for payment", unpaid)
        address = f"{reverse('dashboard-orders')}?state={OrderState.PLACED}"
        found.append(Waiting(text % {"count": unpaid}, address, "clock"))
    picked, shown = stores.all_listings_of(store).count(), stores.listings_of(store).count()
    if picked > shown:
        text = ngettext("%(count)d pick left the shelves", "%(count)d picks left the shelves", picked - shown)
        found.append(Waiting(text % {"count": picked - shown}, reverse("dashboard-picks"), "package"))
    if request.desk.money.available_fen and payout_account_of(store) is None:
        found.append(Waiting(_("Say where you want to be paid"), reverse("dashboard-payout-account"), "wallet"))
    if not links.links_of(store).exists() and request.desk.distributor.state == DistributorState.ACTIVE:
        found.append(Waiting(_("Make your first share link"), reverse("dashboard-link-new"), "link"))
    return found


@require_safe
@store_owner
def code_orders(request: StoreRequest) -> HttpResponse:
    """For how much the store's coupon codes sold; a piece of the codes' page."""
    words = [word for word in request.GET.get("codes", "").split(",") if word][:LINKS_MAX]
    own = [code.code for code in codes_of(request.store).filter(code__in=words)]
    sold = sold_by_codes(request.store, own)
    sums = [(word, sold.get(word, 0)) for word in own]
    if not is_part(request):
        return _counted(request, _("Sold by code"), [(word, format_yuan(fen)) for word, fen in sums], "dashboard-codes")
    return render(request, "dashboard/parts/code_orders.html", {"sums": sums})


@require_safe
@store_owner
def link_orders(request: StoreRequest) -> HttpResponse:
    """How many orders some of the store's links won in 30 days; a piece of the links' pages."""
    tokens = [token for token in request.GET.get("tokens", "").split(",") if token][:LINKS_MAX]
    since = timezone.now() - timedelta(days=30)
    won = orders_of_links(request.store, tokens, since=since)
    own = links.links_of(request.store).filter(token__in=tokens).values_list("token", flat=True)
    counts = [(token, won.get(token, 0)) for token in own]
    if not is_part(request):
        return _counted(request, _("Orders in 30 days"), counts, "dashboard-links")
    return render(request, "dashboard/parts/link_orders.html", {"counts": counts})


def _counted(request: StoreRequest, heading: str, rows: Sequence[tuple[str, Any]], back: str) -> HttpResponse:
    """Answer a browser without script with a page of its own."""
    context = {
        "section": back.removeprefix("dashboard-"),
        "counted_heading": heading,
        "rows": rows,
        "counted_back": reverse(back),
    }
    return render(request, "dashboard/counted.html", context)
