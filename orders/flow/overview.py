"""The first page of the two back offices: what waits for somebody, and where to do it.

Named by the settings of the theme, which calls ``staff`` or ``supplier`` with what the page has so far.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from distributors.payouts.models import PayoutHold, Withdrawal
from distributors.payouts.states import WithdrawalState
from distributors.stores.models import Distributor
from distributors.stores.states import DistributorState
from orders.aftersales.models import AfterSale
from orders.aftersales.states import AfterSaleState
from orders.lifecycle.models import SupplierOrder
from orders.lifecycle.queries import late_parts, supplier_orders_of
from orders.lifecycle.states import SupplierOrderState
from orders.payments.models import Refund
from orders.payments.queries import last_reconciliation, open_differences
from orders.payments.states import RefundState
from orders.settlements.models import Statement, SupplierPayout
from orders.settlements.queries import position_of, statements_of
from orders.settlements.states import StatementState, SupplierPayoutState
from shop.base.money import format_yuan
from shop.catalogue.models import Product
from shop.catalogue.states import ProductState
from shop.panel.site import own_supplier
from shop.stock.models import StockItem
from shop.suppliers.models import Supplier
from shop.work.models import Due, DueState
from shop.work.sweep import database_now

# So few pieces of one SKU are worth a look.
LOW_STOCK = 5
FIRST_ROWS = 8


@dataclass(frozen=True)
class Waiting:
    """How many rows of one list wait, and the list itself, narrowed to them."""

    label: str | Promise
    count: int
    url: str
    icon: str
    is_urgent: bool = True


def _waiting(site: str, rows: QuerySet[Any], label: str | Promise, icon: str, query: str, **more: bool) -> Waiting:
    meta = rows.model._meta
    address = reverse(f"{site}:{meta.app_label}_{meta.model_name}_changelist")
    return Waiting(label, rows.count(), f"{address}?{query}", icon, **more)


def staff(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what waits for the platform, as far as this member of staff may look at it."""
    questions: list[tuple[type[Any], str, str | Promise, str]] = [
        (Product, ProductState.IN_REVIEW, _("Products to review"), "rate_review"),
        (Distributor, DistributorState.APPLIED, _("Applications"), "how_to_reg"),
        (Withdrawal, WithdrawalState.REQUESTED, _("Withdrawals to approve"), "payments"),
        (Withdrawal, WithdrawalState.AGREED_ONCE, _("Large withdrawals for a second person"), "group"),
        (Withdrawal, WithdrawalState.UNKNOWN, _("Withdrawals being checked"), "contact_support"),
        (AfterSale, AfterSaleState.ESCALATED, _("Disputes"), "gavel"),
        (Refund, RefundState.FAILED, _("Failed refunds"), "money_off"),
        (Statement, StatementState.DISPUTED, _("Statements objected to"), "report"),
        (Statement, StatementState.CONFIRMED, _("Statements to pay"), "request_quote"),
        (SupplierPayout, SupplierPayoutState.STARTED, _("Bank transfers to record"), "account_balance"),
        (Due, DueState.PARKED, _("Parked work"), "report_problem"),
    ]
    user: Any = request.user
    waiting = [
        _waiting("admin", model._default_manager.filter(state=state), label, icon, f"state__exact={state}")
        for model, state, label, icon in questions
        if user.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}")
    ]
    run = last_reconciliation(settings.LINJIA_GATEWAY)
    if run is not None and user.has_perm("payments.view_bookdifference"):
        query = f"reconciliation__id__exact={run.pk}&is_mended__exact=0&explained_by__exact="
        label = _("Differences with the channel")
        waiting.append(_waiting("admin", open_differences(run), label, "balance", query))
    holds = PayoutHold.objects.filter(lifted_at=None)
    if holds and user.has_perm("payouts.view_payouthold"):
        waiting.append(_waiting("admin", holds, _("Payouts stand still"), "front_hand", "lifted_at__isnull=1"))
    return context | {"title": _("Overview"), "waiting": waiting}


def supplier(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what waits for the supplier, what to send first, and its money in the books."""
    own = own_supplier(request)
    if own is None:
        return context
    to_ship = supplier_orders_of(own).filter(state=SupplierOrderState.TO_SHIP)
    position = position_of(own)
    money: list[tuple[str | Promise, int]] = [
        (_("Ready to be paid to you"), position.available_fen),
        (_("Being paid to you"), position.paying_fen),
        (_("Frozen until the return window ends"), position.frozen_fen),
        (_("You owe the platform"), position.debt_fen),
    ]
    return context | {
        "waiting": _supplier_waiting(own, to_ship),
        "to_ship": [
            (reverse("supplier:lifecycle_supplierorder_change", args=[part.pk]), part, part.lines.all())
            for part in to_ship.order_by("pk")[:FIRST_ROWS]
        ],
        "money": [(label, format_yuan(fen)) for label, fen in money if fen or label is money[0][0]],
    }


def _supplier_waiting(own: Supplier, to_ship: QuerySet[SupplierOrder]) -> list[Waiting]:
    cases = AfterSale.objects.filter(supplier_order__supplier=own)
    goods = Product.objects.filter(supplier=own)
    low = StockItem.objects.filter(sku__supplier=own, on_hand__lte=LOW_STOCK)
    opened, returning = AfterSaleState.OPENED, AfterSaleState.RETURNING
    issued, refused = StatementState.CLOSED, ProductState.REJECTED

    def own_rows(rows: QuerySet[Any], label: str | Promise, icon: str, query: str, **more: bool) -> Waiting:
        return _waiting("supplier", rows, label, icon, query, **more)

    return [
        own_rows(to_ship, _("Orders to ship"), "local_shipping", f"state__exact={SupplierOrderState.TO_SHIP}"),
        own_rows(late_parts(to_ship, now=database_now()), _("Late: send today"), "running_with_errors", "late=1"),
        own_rows(cases.filter(state=opened), _("After-sales to answer"), "assignment_return", f"state__exact={opened}"),
        own_rows(cases.filter(state=returning), _("Goods on their way back"), "undo", f"state__exact={returning}"),
        own_rows(
            statements_of(own).filter(state=issued),
            _("Statements to confirm"),
            "request_quote",
            f"state__exact={issued}",
        ),
        own_rows(goods.filter(state=refused), _("Products sent back"), "rate_review", f"state__exact={refused}"),
        own_rows(low, _("Low stock"), "warehouse", f"on_hand__lte={LOW_STOCK}", is_urgent=False),
    ]
