"""Refunds that may be a second time: of orders from before a restore, until the gateway's book was compared with ours.

A database restored to an earlier moment has forgotten refunds that customers have got. Decided again, such a
refund would have a new number, and the gateway would pay a part of an order twice. Decision 13 says more.
"""

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from distributors.payouts import holds
from distributors.payouts.models import PayoutHold
from orders.lifecycle.models import Order
from orders.payments.models import BookDifference, Payment, Reconciliation, Refund
from orders.payments.queries import last_reconciliation, open_differences
from orders.payments.states import DifferenceCause, RefundState
from shop.base.errors import Conflict
from shop.gateways.contract import GatewayRefused
from shop.gateways.registry import gateway_named
from shop.states.machine import subject_of
from shop.states.models import StateChange


class RefundsOnHold(Conflict):
    """Nothing more is given back of an older order until it is known what was."""

    code = "refunds_on_hold"


def refuse_when_forgotten(order: Order, payment: Payment) -> None:
    """Raise :class:`RefundsOnHold` if this order may have been refunded without our knowing.

    That is, after a restore, every order from before it until a comparison covers the forgotten time and every
    refund found there has been adopted or explained; and at any time the order of such a refund.
    """
    run = last_reconciliation(payment.gateway)
    if forgotten_refunds_of(payment).exists():
        raise RefundsOnHold(
            _(
                "The payment channel has given back money of this order that our books do not know yet. Our staff"
                " will look at it; please try again later."
            )
        )
    hold = holds.open_hold()
    if hold is None:
        is_safe = holds.is_known_database()
    else:
        is_safe = order.placed_at >= hold.placed_at or _is_compared(hold, run)
    if not is_safe:
        raise RefundsOnHold(
            _(
                "Refunds of older orders wait until our books have been compared with the payment channel's, so that"
                " nothing is paid twice. Please try again later."
            )
        )


def is_given_back_elsewhere(refund: Refund) -> bool:
    """Ask whether the gateway gave money of this payment back that we know nothing of.

    That is how a restore shows which nobody noticed, and a refund by hand in the merchant platform. It can be told
    before the first refund of a payment only: the gateway says that there was one, not how much. Call it outside any
    transaction; raises ``GatewayUnknown`` when nobody can tell.
    """
    payment = refund.payment
    if refund.state != RefundState.REQUESTED or payment.gateway_number or _is_one_known(payment):
        return False
    rail = gateway_named(payment.gateway)
    try:
        # Sent under its own number in a life we forgot it is the same refund, and sent again it stays so.
        is_unknown = (
            rail.query_payment(payment.number).state == "refunded"
            and rail.query_refund(refund.number).state == "not_found"
        )
    except GatewayRefused:
        # So will the refund itself be, and its reason is kept.
        return False
    # What another worker sent meanwhile is written down before the gateway hears of it.
    return is_unknown and not _is_one_known(payment)


def _is_one_known(payment: Payment) -> bool:
    """Ask whether we know of a refund of this payment at the gateway: one that failed unsent is none."""
    under_this_number = Q(payment=payment) | Q(payment__gateway=payment.gateway, payment__gateway_number=payment.number)
    rows = Refund.objects.filter(under_this_number).exclude(state__in=(RefundState.REQUESTED, RefundState.VOIDED))
    failed: list[str] = []
    for row in rows:
        if row.state != RefundState.FAILED:
            return True
        failed.append(subject_of(row))
    return bool(failed) and StateChange.objects.filter(subject__in=failed, target=RefundState.SENT).exists()


def forgotten_refunds(run: Reconciliation) -> QuerySet[BookDifference]:
    """Return the refunds of a comparison that only the gateway knows as paid: not adopted yet, and not explained.

    Also those that we say are void, for another took their place.
    """
    causes = (DifferenceCause.UNKNOWN_HERE, DifferenceCause.ENDED_HERE)
    found = open_differences(run).filter(kind="refund", cause__in=causes)
    return found.exclude(number__in=Refund.objects.exclude(state=RefundState.VOIDED).values("number"))


def forgotten_refunds_of(payment: Payment) -> QuerySet[BookDifference]:
    """Return what :func:`forgotten_refunds` finds of one payment in the last comparison."""
    run = last_reconciliation(payment.gateway)
    if run is None:
        return BookDifference.objects.none()
    return forgotten_refunds(run).filter(reference=payment.gateway_number or payment.number)


def _is_compared(hold: PayoutHold, run: Reconciliation | None) -> bool:
    since = hold.remembered_until or hold.placed_at
    return (
        run is not None and run.since <= since and run.until >= hold.placed_at and not forgotten_refunds(run).exists()
    )
