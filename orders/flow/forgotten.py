"""Refunds that may be a second time: of orders from before a restore, until the gateway's book was compared with ours.

A database restored to an earlier moment has forgotten refunds that customers have got. Decided again, such a
refund would have a new number, and the gateway would pay a part of an order twice. Decision 13 says more.
"""

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from distributors.payouts import holds
from distributors.payouts.models import PayoutHold
from orders.lifecycle.models import Order
from orders.payments.models import BookDifference, Payment, Reconciliation, Refund
from orders.payments.queries import last_reconciliation, open_differences
from orders.payments.states import DifferenceCause
from shop.base.errors import Conflict


class RefundsOnHold(Conflict):
    """Nothing more is given back of an older order until it is known what was."""

    code = "refunds_on_hold"


def refuse_when_forgotten(order: Order, payment: Payment) -> None:
    """Raise :class:`RefundsOnHold` if this order may have been refunded without our knowing.

    That is, after a restore, every order from before it until a comparison covers the forgotten time and every
    refund found there has been adopted or explained; and at any time the order of such a refund.
    """
    run = last_reconciliation(payment.gateway)
    if run is not None and forgotten_refunds(run).filter(reference=payment.gateway_number or payment.number).exists():
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


def forgotten_refunds(run: Reconciliation) -> QuerySet[BookDifference]:
    """Return the refunds of a comparison that only the gateway remembers: not adopted yet, and not explained."""
    found = open_differences(run).filter(kind="refund", cause=DifferenceCause.UNKNOWN_HERE)
    return found.exclude(number__in=Refund.objects.values("number"))


def _is_compared(hold: PayoutHold, run: Reconciliation | None) -> bool:
    since = hold.remembered_until or hold.placed_at
    return (
        run is not None and run.since <= since and run.until >= hold.placed_at and not forgotten_refunds(run).exists()
    )
