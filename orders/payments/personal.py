"""What a person paid, and what came back."""

from collections.abc import Iterator
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orders.payments.models import Payment, Refund
from orders.payments.states import RefundState
from shop.privacy.parts import Part, Row, rows

_ON_ITS_WAY = (RefundState.REQUESTED, RefundState.SENT)


def _tell(user_id: int) -> dict[str, list[Row]]:
    return {
        "payments": rows(
            Payment.objects.filter(order__user_id=user_id),
            *("number", "order__number", "kind", "amount_fen", "state", "transaction_id", "payer_openid"),
            *("started_at", "succeeded_at"),
        ),
        "refunds": rows(
            Refund.objects.filter(payment__order__user_id=user_id),
            *("number", "payment__number", "reason", "amount_fen", "state", "requested_at", "succeeded_at"),
        ),
    }


def _reasons(user_id: int) -> Iterator[str | Promise]:
    if Refund.objects.filter(payment__order__user_id=user_id, state__in=_ON_ITS_WAY).exists():
        yield _("A refund is on its way to you. Wait until it has arrived.")
    if Refund.objects.filter(payment__order__user_id=user_id, state=RefundState.FAILED).exists():
        yield _("A refund could not reach you yet. We are settling it; write to us if it takes long.")


def _erase(user_id: int, now: datetime) -> None:
    # Refunds are over when she may leave, and would need her openid no more than those before.
    Payment.objects.filter(order__user_id=user_id).update(client_params={}, code_url="", payer_openid="")
    Refund.objects.filter(payment__order__user_id=user_id, cause=Refund.Cause.CANCELLED).update(reason="")


PART = Part(name="payments", tables=frozenset(), tell=_tell, reasons=_reasons, erase=_erase)
