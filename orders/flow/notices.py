"""The one door for gateways' notices, whatever they are about."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from distributors.payouts import actions as payouts
from orders.flow.payment import confirm_payment
from orders.flow.reversal import confirm_refund
from orders.payments import actions as payments
from shop.gateways.contract import Notice
from shop.gateways.registry import gateway_named


def receive_notice(*, gateway_name: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """Prove a notice, store it, and take in what it says; return what came of it.

    Answer success only when this returns: everything is committed then. Raises ``NoticeRejected`` for
    what is not proven (401), ``NoticeMismatch`` for what does not fit our records (4xx).
    """
    notice = gateway_named(gateway_name).read_notice(headers, body, now)
    return apply_notice(gateway_name=gateway_name, notice=notice, now=now)


def apply_notice(*, gateway_name: str, notice: Notice, now: datetime) -> str:
    """Take in a proven notice about a payment, a refund or a transfer. Raises ``NoticeMismatch``."""
    if notice.kind == "payment":
        return confirm_payment(gateway_name=gateway_name, notice=notice, now=now)
    if notice.kind == "refund":
        return confirm_refund(gateway_name=gateway_name, notice=notice, now=now)
    with transaction.atomic():
        row = payments.record_notice(gateway=gateway_name, notice=notice, now=now)
        if row is None:
            return "seen"
        payouts.apply_notice(notice=notice, now=now)
        payments.note_outcome(notice=row, outcome="applied")
    return "applied"
