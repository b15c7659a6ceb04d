"""What can be asked about money in and money back."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import orjson
from django.db import connection
from django.db.models import QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from orders.lifecycle.models import Order
from orders.lifecycle.rules import sold_from
from orders.payments.models import BookDifference, GatewayNotice, Payment, Reconciliation, Refund
from orders.payments.rules import KnownTransaction, PaymentFact, TakingFacts, Told
from orders.payments.states import PaymentState, RefundState
from shop.accounts.models import User
from shop.base.errors import NotFound

PENDING_REFUNDS = (RefundState.REQUESTED, RefundState.SENT, RefundState.FAILED)
"""Refunds whose money is still with us."""


def taking_facts(
    *, gateway: str, number: str, transaction_id: str, event_id: str = "", payer_openid: str = ""
) -> TakingFacts:
    """Return what a gateway's word is judged by: one statement, which locks nothing."""
    with connection.cursor() as cursor:
        asked = [gateway, number, transaction_id, event_id, payer_openid]
        cursor.execute("SELECT payments_facts(%s, %s, %s, %s, %s)", asked)
        told, payment, known, sold, payers = orjson.loads(cursor.fetchone()[0])
    return TakingFacts(
        told=Told(*told) if told else None,
        payment=PaymentFact(*payment) if payment else None,
        known=KnownTransaction(*known) if known else None,
        sold=sold_from(sold) if sold else None,
        payers=frozenset(payers or ()),
    )


def payments_of(order: Order) -> QuerySet[Payment]:
    """Return an order's attempts to pay, newest first."""
    return Payment.objects.filter(order=order).order_by("-pk")


def payment_of(user: User, number: str) -> Payment:
    """Return one of the user's payments. Raises ``NotFound``."""
    payment = Payment.objects.select_related("order").filter(order__user=user, number=number).first()
    if payment is None:
        raise NotFound(_("There is no such payment."), field="number")
    return payment


def open_payment(order: Order, *, kind: str, payer_openid: str = "") -> Payment | None:
    """Return the newest attempt of a kind (and payer) that the customer can go on with."""
    rows = Payment.objects.filter(order=order, state=PaymentState.STARTED, kind=kind, payer_openid=payer_openid)
    return rows.exclude(code_url="", prepay_id="").order_by("-pk").first()


def applied_payment(order: Order) -> Payment | None:
    """Return the payment that paid the order, if it is paid."""
    return Payment.objects.filter(order=order, is_applied=True).first()


def refunds_of(order: Order) -> QuerySet[Refund]:
    """Return an order's refunds as its people see them, newest first; not the void ones, whose place others took."""
    rows = Refund.objects.filter(order=order).exclude(state=RefundState.VOIDED)
    return rows.order_by("-pk").prefetch_related("lines__order_line")


def has_pending_refund(order: Order) -> bool:
    """Return whether money of the order is still on its way back."""
    return Refund.objects.filter(order=order, state__in=PENDING_REFUNDS).exists()


def pending_refund_fen(order: Order) -> int:
    """Return what is asked for and has not yet reached the customer, in fen."""
    pending = Refund.objects.filter(order=order, state__in=PENDING_REFUNDS)
    return int(pending.aggregate(fen=Sum("amount_fen"))["fen"] or 0)


def failed_refunds() -> QuerySet[Refund]:
    """Return refunds that wait for a person, oldest first."""
    return Refund.objects.filter(state=RefundState.FAILED).select_related("order").order_by("pk")


def notices_about(numbers: Sequence[str]) -> QuerySet[GatewayNotice]:
    """Return the notices that spoke of these payments or refunds, oldest first."""
    return GatewayNotice.objects.filter(number__in=numbers).order_by("pk")


def query_pause(*, since: datetime, now: datetime, least: timedelta) -> timedelta:
    """Return how long to wait before asking again: as long as it has been open, at most ten minutes."""
    return min(max(now - since, least), timedelta(minutes=10))


def last_reconciliation(gateway: str) -> Reconciliation | None:
    """Return the newest finished comparison with a gateway's book."""
    return Reconciliation.objects.filter(gateway=gateway, finished_at__isnull=False).order_by("-pk").first()


def open_differences(run: Reconciliation) -> QuerySet[BookDifference]:
    """Return what a comparison found and nobody has mended or explained."""
    rows = BookDifference.objects.filter(reconciliation=run, is_mended=False, explained_by="")
    return rows.select_related("reconciliation")
