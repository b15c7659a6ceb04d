"""The orders a store brought, the customer masked, and why each line was its sale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from distributors.commissions.queries import Explanation, explain
from distributors.links.models import ShareLink
from distributors.web.access import StoreRequest, store_owner
from orders.lifecycle.models import OrderLine
from orders.lifecycle.queries import StoreOrder, orders_of_store, seen_by_store
from orders.lifecycle.states import OrderState
from shop.base.errors import NotFound
from shop.web.product_page import more_url
from shop.web.shelf import stored_picture, stretch

PER_PAGE = 15

TABS: dict[str, str | Promise] = {
    "": gettext_lazy("All"),
    OrderState.PLACED: gettext_lazy("Waiting for payment"),
    OrderState.PAID: gettext_lazy("Paid"),
    OrderState.COMPLETED: gettext_lazy("Done"),
    "closed": gettext_lazy("Cancelled or refunded"),
}
TONES = {OrderState.PLACED: "wait", OrderState.PAID: "go", OrderState.COMPLETED: "good"}

# Why a line is whose sale, in one sentence each.
REASONS: dict[str, str | Promise] = {
    "product_touch": gettext_lazy("The customer opened your link to this very product."),
    "protected_bond": gettext_lazy("The customer belongs to your store for now: nobody else's link moves her."),
    "coupon_code": gettext_lazy("The customer used your coupon code."),
    "last_touch": gettext_lazy("Your link was the last one the customer opened."),
    "bond": gettext_lazy("The customer belongs to your store."),
    "own_store": gettext_lazy("You bought in your own store: your share came off the price."),
    "none": gettext_lazy("Nobody brought this customer."),
}
WHAT: dict[str, str | Promise] = {
    "store_touch": gettext_lazy("Link to a store"),
    "product_touch": gettext_lazy("Link to a product"),
    "coupon_code": gettext_lazy("Coupon code"),
    "bond": gettext_lazy("Customer of a store"),
    "own_store": gettext_lazy("Own store"),
}
VERDICTS: dict[str, str | Promise] = {
    "won": gettext_lazy("won"),
    "older": gettext_lazy("a later one counts"),
    "another_product": gettext_lazy("shows another product"),
    "bond_is_protected": gettext_lazy("the customer was protected"),
    "product_link_is_closer": gettext_lazy("a link to this very product is closer"),
    "later_touch_wins": gettext_lazy("a later link counts"),
    "same_store": gettext_lazy("same store as the winner"),
    "in_the_future": gettext_lazy("opened after the order"),
    "outside_window": gettext_lazy("too long ago"),
    "store_not_active": gettext_lazy("the store was closed"),
    "buyers_own_store": gettext_lazy("the buyer's own store"),
    "buyer_has_own_store": gettext_lazy("the buyer has a store"),
    "expired": gettext_lazy("expired"),
    "no_bond": gettext_lazy("none"),
}


@dataclass(frozen=True)
class Tab:
    """One choice above the list."""

    code: str
    label: str
    is_here: bool


@dataclass(frozen=True)
class SaleCard:
    """An order in the list, and the tone of its state."""

    order: StoreOrder
    tone: str
    pictures: tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """A touch or a bond that was looked at when the order was placed."""

    what: str
    is_mine: bool
    channel: str
    at: datetime | None
    verdict: str
    has_won: bool


@dataclass(frozen=True)
class LineStory:
    """One line: what was sold, why it counts as whose, what it earns. Amounts in fen."""

    line: int
    title: str
    option_text: str
    picture: str
    quantity: int
    refunded_quantity: int
    paid_fen: int
    refunded_fen: int
    why: str
    candidates: tuple[Candidate, ...]
    commissions: tuple[Explanation, ...]
    expected_fen: int


@require_safe
@store_owner
def sales(request: StoreRequest) -> HttpResponse:
    """The orders with lines this store sold, newest first."""
    tab = request.GET.get("state", "")
    tab = tab if tab in TABS else ""
    rows = orders_of_store(request.store)
    if tab == "closed":
        rows = rows.filter(state__in=[OrderState.CANCELLED, OrderState.REFUNDED])
    elif tab:
        rows = rows.filter(state=tab)
    found, position = stretch(rows, request.GET.get("after", ""), PER_PAGE)
    cards = [
        SaleCard(
            order=seen,
            tone=TONES.get(OrderState(seen.state), "quiet"),
            pictures=tuple(stored_picture(line.image) for line in seen.lines[:4]),
        )
        for seen in map(seen_by_store, found)
    ]
    context = {
        "section": "orders",
        "cards": cards,
        "tabs": [Tab(code, str(label), code == tab) for code, label in TABS.items()],
        "more_url": more_url(request, position),
    }
    return render(request, "dashboard/orders.html", context)


@require_safe
@store_owner
def sale(request: StoreRequest, number: str) -> HttpResponse:
    """One order: what this store sold in it, and why it is its sale."""
    order = orders_of_store(request.store).filter(number=number).first()
    if order is None:
        raise NotFound(_("There is no such order of your store."))
    seen = seen_by_store(order)
    earned: dict[int, list[Explanation]] = {}
    for one in explain(order_number=number, store=request.store):
        earned.setdefault(one.line, []).append(one)
    lines: Sequence[OrderLine] = order.store_lines  # type: ignore[attr-defined]
    context = {
        "section": "orders",
        "order": seen,
        "tone": TONES.get(OrderState(seen.state), "quiet"),
        "lines": [_story(line, earned.get(line.line, []), request.store.code) for line in lines],
    }
    return render(request, "dashboard/order.html", context)


def _story(line: OrderLine, earned: Sequence[Explanation], store_code: str) -> LineStory:
    facts: Mapping[str, Any] = line.credit_evidence
    return LineStory(
        line=line.line,
        title=line.title,
        option_text=line.option_text,
        picture=stored_picture(line.image),
        quantity=line.quantity,
        refunded_quantity=line.refunded_quantity,
        paid_fen=line.paid_fen,
        refunded_fen=line.refunded_fen,
        why=str(REASONS.get(line.credit_reason, line.credit_reason)),
        candidates=tuple(_candidate(one, store_code) for one in facts.get("candidates", ())),
        commissions=tuple(earned),
        expected_fen=line.level1_fen,
    )


def _candidate(fact: Mapping[str, Any], store_code: str) -> Candidate:
    """Return a candidate in words. Which other store it was stays that store's matter."""
    channels = dict(ShareLink.Channel.choices)
    verdict = str(fact.get("verdict", ""))
    return Candidate(
        what=str(WHAT.get(fact.get("what", ""), fact.get("what", ""))),
        is_mine=fact.get("store") == store_code,
        channel=str(channels.get(fact.get("channel", ""), "")),
        at=parse_datetime(str(fact.get("at", ""))),
        verdict=str(VERDICTS.get(verdict, verdict)),
        has_won=verdict == "won",
    )
