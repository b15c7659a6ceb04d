"""The one door for gateways' notices, whatever they are about."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from distributors.payouts import holds, sending
from distributors.payouts.models import PayoutHold
from orders.flow.payment import confirm_payment
from orders.flow.reversal import confirm_refund
from orders.payments import actions as payments
from orders.payments.rules import MISMATCH
from shop.base.errors import NotFound
from shop.gateways.contract import Notice
from shop.gateways.registry import gateway_named


def receive_notice(*, gateway_name: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """Prove a notice, store it, and take in what it says; return what came of it.

    Answer success only when this returns: everything is committed then. Raises ``NoticeRejected`` for
    what is not proven (401), ``NoticeMismatch`` for what does not fit our records (4xx), for a transfer ``TransferMismatch`` or ``NotFound``.
    """
    notice = gateway_named(gateway_name).read_notice(headers, body, now)
    return apply_notice(gateway_name=gateway_name, notice=notice, now=now)


def apply_notice(*, gateway_name: str, notice: Notice, now: datetime) -> str:
    """Take in a proven notice about a payment, a refund or a transfer; raises as ``receive_notice``."""
    if notice.kind == "payment":
        return confirm_payment(gateway_name=gateway_name, notice=notice, now=now)
    if notice.kind == "refund":
        return confirm_refund(gateway_name=gateway_name, notice=notice, now=now)
    return _transfer(gateway_name, notice, now=now)


def _transfer(gateway_name: str, notice: Notice, *, now: datetime) -> str:
    refusal: NotFound | sending.TransferMismatch
    with transaction.atomic():
        row = payments.record_notice(gateway=gateway_name, notice=notice, now=now)
        if row is None:
            return "seen"
        try:
            with transaction.atomic():
                sending.apply_notice(notice=notice, now=now)
        except (NotFound, sending.TransferMismatch) as error:
            # Kept with its outcome; the refusal goes up once that is committed.
            refusal = error
            payments.note_outcome(notice_id=row, outcome=f"{MISMATCH}:transfer")
            if sending.is_forgotten(refusal):
                # It really was sent, and not by the database we are now.
                holds.place(cause=PayoutHold.Cause.UNKNOWN_NUMBER, detail=notice.number, actor="system", now=now)
        else:
            payments.note_outcome(notice_id=row, outcome="applied")
            return "applied"
    raise refusal
