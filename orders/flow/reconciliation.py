"""Our book against the gateway's, both ways: every payment, refund and transfer, by number.

What differs has a type and a cause. Only a lost word is mended, and only by asking the gateway; what
needs a judgement is listed for a person.
"""

import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import QuerySet

from distributors.payouts import holds, restoring
from distributors.payouts.models import PayoutHold, Withdrawal
from distributors.payouts.states import NOT_SENT, WithdrawalState
from orders.flow import reversal
from orders.flow.comparison import compare, write_down
from orders.flow.payment import query_payment, take_in_lost
from orders.payments.models import BookDifference, Reconciliation, Refund
from orders.payments.queries import open_differences
from orders.payments.states import DifferenceCause, RefundState
from shop.base.errors import DomainError
from shop.gateways.contract import Gateway, GatewayRefused, GatewayUnknown, PaymentState, TransferState
from shop.gateways.contract import RefundState as RefundAnswer
from shop.gateways.registry import gateway_named
from shop.work.sweep import database_now

MENDABLE = (DifferenceCause.NOT_RECORDED, DifferenceCause.FAILED_THERE, DifferenceCause.LOST_HERE)
# Bills are photographs of a day: so many things a run may ask about one by one.
ASK_MAX = 500
# A day's book may lie on the other side of midnight than the moment we wrote down.
MARGIN = timedelta(days=1)
# What is open here so long should have been told by now.
OVERDUE = timedelta(hours=1)
_DONE = ("paid", "refunded", "succeeded")
_FAILED = ("abnormal", "closed", "failed", "cancelled")
# Payouts that somebody got and our books do not have: none is sent until a person has looked.
_FORGOTTEN = (DifferenceCause.UNKNOWN_HERE, DifferenceCause.ENDED_HERE)
_OUT = (WithdrawalState.SENDING, WithdrawalState.UNKNOWN, WithdrawalState.WAITING_USER)


def reconcile(
    *, gateway_name: str, since: datetime, until: datetime, is_mending: bool, now: datetime
) -> Reconciliation:
    """Compare what moved from ``since`` to ``until``; with ``is_mending`` take in what was not heard.

    The gateway's book is fetched first, into a file; memory does not grow with it. Returns the run with
    its differences; nothing is written when the book cannot be had (``GatewayUnknown``,
    ``GatewayRefused``).
    """
    rail = gateway_named(gateway_name)
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as file:
        theirs_count = write_down(rail.book(since - MARGIN), file)
        run = Reconciliation.objects.create(
            gateway=gateway_name, since=since, until=until, started_at=now, theirs_count=theirs_count
        )
        ours_count = compare(run=run, file=file)
        _ask(run, rail, now=now)
        if is_mending and _mend_all(run, now=now):
            run.differences.update(is_mended=True)
            ours_count = compare(run=run, file=file)
            _ask(run, rail, now=now)
    forgotten = open_differences(run).filter(kind="transfer", cause__in=_FORGOTTEN).first()
    if forgotten is not None:
        holds.place(cause=PayoutHold.Cause.UNKNOWN_NUMBER, detail=forgotten.number, actor="system", now=now)
    run.ours_count, run.finished_at = ours_count, database_now()
    run.save(update_fields=["ours_count", "finished_at"])
    return run


def mend(*, difference: BookDifference, now: datetime) -> bool:
    """Ask the gateway about a movement whose word was lost, and take the answer in; true when it was tried.

    Anything else is left to a person. Raises ``GatewayUnknown`` or ``GatewayRefused`` when nobody can
    tell, ``DomainError`` when the answer does not fit our books.
    """
    if difference.cause not in MENDABLE:
        return False
    name, number = difference.reconciliation.gateway, difference.number
    if difference.cause == DifferenceCause.LOST_HERE:
        take_in_lost(gateway_name=name, number=number, now=now)
    elif difference.kind == "payment":
        query_payment(number=number, now=now)
    elif difference.kind == "refund":
        answer = gateway_named(name).query_refund(number)
        reversal.confirm_refund(gateway_name=name, state=answer, now=now)
    else:
        restoring.take_in(number=number, now=now)
    return True


def _mend_all(run: Reconciliation, *, now: datetime) -> int:
    """Mend what can be; return how many were tried. What could not be mended says why."""
    tried = 0
    rows = open_differences(run).filter(cause__in=MENDABLE).order_by("kind", "pk")
    for difference in rows.iterator(chunk_size=500):
        try:
            tried += mend(difference=difference, now=now)
        except (GatewayUnknown, GatewayRefused, DomainError) as error:
            BookDifference.objects.filter(pk=difference.pk).update(mend_error=str(error)[:200])
    return tried


def _ask(run: Reconciliation, rail: Gateway, *, now: datetime) -> None:
    """Ask about what the book, made earlier, may not know: done here and not there, or long open here."""
    doubtful = open_differences(run).filter(cause__in=[DifferenceCause.MISSING_THERE, DifferenceCause.OTHER_STATE])
    for difference in doubtful.order_by("pk")[:ASK_MAX]:
        told = _told(rail, difference.kind, difference.number)
        if told is not None and told[0] in _DONE and told[1] == difference.ours_fen:
            difference.delete()
    for kind, number, amount_fen, reference in _long_open(run, now=now):
        told = _told(rail, kind, number)
        if told is not None and told[0] in (*_DONE, *_FAILED):
            _add(run, kind, number, _cause_of_open(told, amount_fen), told, reference)
    if holds.open_hold() is not None:
        # As far as we remember these were never sent; after a restore they may have been.
        for row in _withdrawals(run, Withdrawal.objects.filter(state__in=NOT_SENT)):
            told = _told(rail, "transfer", row.number)
            if told is not None and told[0] != "not_found":
                _add(run, "transfer", row.number, DifferenceCause.NOT_RECORDED, told, row.store.code)


def _add(
    run: Reconciliation, kind: str, number: str, cause: DifferenceCause, told: tuple[str, int], reference: str
) -> None:
    facts = {
        "cause": cause,
        "theirs_fen": told[1] if told[0] in _DONE else None,
        "detail": f"– / {told[0]}",
        "reference": reference,
        "is_mended": False,
    }
    BookDifference.objects.update_or_create(reconciliation=run, kind=kind, number=number, defaults=facts)


def _cause_of_open(told: tuple[str, int], ours_fen: int) -> DifferenceCause:
    if told[0] not in _DONE:
        return DifferenceCause.FAILED_THERE
    return DifferenceCause.NOT_RECORDED if told[1] == ours_fen else DifferenceCause.AMOUNT


def _told(rail: Gateway, kind: str, number: str) -> tuple[str, int] | None:
    """Return the state and amount the gateway names at this moment, None when it cannot be had."""
    answer: PaymentState | RefundAnswer | TransferState
    try:
        if kind == "payment":
            answer = rail.query_payment(number)
        elif kind == "refund":
            answer = rail.query_refund(number)
        else:
            answer = rail.query_transfer(number)
    except (GatewayUnknown, GatewayRefused):
        return None
    return answer.state, answer.amount_fen


def _long_open(run: Reconciliation, *, now: datetime) -> Iterator[tuple[str, str, int, str]]:
    """Return the oldest refunds and transfers that are under way for too long: kind, number, fen, of what."""
    known = run.differences.filter(is_mended=False)
    refunds: QuerySet[Refund] = Refund.objects.filter(
        payment__gateway=run.gateway, state=RefundState.SENT, requested_at__lt=now - OVERDUE
    ).exclude(number__in=known.filter(kind="refund").values("number"))
    for refund in refunds.select_related("payment").order_by("requested_at")[:ASK_MAX]:
        yield "refund", refund.number, refund.amount_fen, refund.payment.number
    for row in _withdrawals(run, Withdrawal.objects.filter(state__in=_OUT, sent_at__lt=now - OVERDUE)):
        yield "transfer", row.number, row.amount_fen - row.tax_fen, row.store.code


def _withdrawals(run: Reconciliation, rows: QuerySet[Withdrawal]) -> QuerySet[Withdrawal]:
    """Return the oldest of these that no difference speaks of yet."""
    known = run.differences.filter(is_mended=False, kind="transfer").values("number")
    unknown = rows.filter(gateway=run.gateway).exclude(number__in=known)
    return unknown.select_related("store").order_by("pk")[:ASK_MAX]
