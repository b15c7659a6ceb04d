"""What suppliers earn: accrue at payment, deduct at refund, settle when due."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import orjson
from django.db import connection, transaction

from orders.lifecycle.models import Order
from orders.lifecycle.rules import SoldLine, SoldOrder
from orders.settlements.models import Deduction, Earning
from orders.settlements.rules import kept_after_refund
from orders.settlements.states import EarningState
from shop.base.locks import lock_rows, require_transaction, retry_on_contention
from shop.ledger import chart
from shop.ledger.actions import Entry, Posting, post_many
from shop.states.machine import move


def accrual(sold: SoldOrder) -> tuple[str, list[Posting]]:
    """Return what each supplier earns from a paid order as ``settlements_accrue`` takes it, and the postings.

    One earning per line and one for the freight of each part; one posting per supplier.
    """
    rows: list[tuple[int, int, int | None, int]] = []
    postings: list[Posting] = []
    lines_of: dict[int, list[SoldLine]] = defaultdict(list)
    for line in sold.lines:
        lines_of[line.part_id].append(line)
    for part in sold.parts:
        owed = [(line.id, line.supplier_fen) for line in lines_of[part.id]] + [(None, part.freight_fen)]
        made = [(part.id, part.supplier_id, line_id, fen) for line_id, fen in owed if fen > 0]
        rows += made
        total_fen = sum(fen for _part, _supplier, _line, fen in made)
        if total_fen:
            entry = Entry(
                debit=chart.clearing(sold.number),
                credit=chart.supplier_frozen(part.supplier_code),
                amount_fen=total_fen,
            )
            key = f"supplier_accrued:{part.number}"
            postings.append(Posting(chart.JournalKind.SUPPLIER_ACCRUED, sold.number, key, [entry]))
    return orjson.dumps(rows).decode(), postings


def deduct(*, order: Order, refund_number: str, at: datetime) -> list[Posting]:
    """Bring every earning of the order down to what its refunds leave of it; return the posting.

    Reads the cumulative counters of the order's lines and parts, which the caller has raised under
    the order's lock; the target depends on them alone, not on how the refund was cut. Frozen money is
    taken where it is; settled money from what is available, the rest becomes the supplier's debt.
    """
    require_transaction()
    frozen: dict[str, int] = defaultdict(int)
    settled: dict[str, int] = defaultdict(int)
    for earning in _locked_earnings(order):
        take_fen = earning.amount_fen - earning.deducted_fen - _target(earning)
        if take_fen <= 0:
            continue
        bucket = frozen if earning.state == EarningState.FROZEN else settled
        bucket[earning.supplier.code] += take_fen
        _take(earning, take_fen, refund_number=refund_number, at=at)
    clearing = chart.clearing(order.number)
    entries = [
        Entry(debit=chart.supplier_frozen(code), credit=clearing, amount_fen=fen)
        for code, fen in sorted(frozen.items())
    ] + [
        Entry(
            debit=chart.supplier_available(code),
            credit=clearing,
            amount_fen=fen,
            debit_rest=chart.supplier_debt(code),
        )
        for code, fen in sorted(settled.items())
    ]
    if not entries:
        return []
    key = f"supplier_deducted:{refund_number}"
    return [Posting(chart.JournalKind.SUPPLIER_DEDUCTED, order.number, key, entries)]


def _locked_earnings(order: Order) -> list[Earning]:
    return lock_rows(Earning.objects.filter(order=order).select_related("order_line", "supplier_order", "supplier"))


def _target(earning: Earning) -> int:
    line = earning.order_line
    if line is None:
        return earning.amount_fen - earning.supplier_order.freight_refunded_fen
    return kept_after_refund(amount_fen=earning.amount_fen, paid_fen=line.paid_fen, refunded_fen=line.refunded_fen)


def _take(earning: Earning, take_fen: int, *, refund_number: str, at: datetime) -> None:
    Deduction.objects.create(
        order_id=earning.order_id,
        earning=earning,
        refund_number=refund_number,
        amount_fen=take_fen,
        at=at,
    )
    taken_fen = earning.deducted_fen + take_fen
    if taken_fen == earning.amount_fen:
        move(
            earning,
            EarningState.DEDUCTED,
            actor="system",
            at=at,
            reason=refund_number,
            changes={"deducted_fen": taken_fen},
        )
    else:
        Earning.objects.filter(pk=earning.pk).update(deducted_fen=taken_fen)


def set_due(*, order: Order, line_ids: Iterable[int], freight_of: Iterable[int] = (), due_at: datetime) -> int:
    """Say when the earnings of these lines, and the freight of these supplier orders, are settled.

    Only frozen earnings without a due time are touched; returns how many.
    """
    mine = Earning.objects.filter(order=order, state=EarningState.FROZEN, due_at=None)
    of_lines = mine.filter(order_line_id__in=list(line_ids)).update(due_at=due_at)
    of_freight = mine.filter(order_line=None, supplier_order_id__in=list(freight_of))
    return of_lines + of_freight.update(due_at=due_at)


# One statement: claim what is due, settle it, note the history. Rows that another worker or a refund
# holds are skipped and come next time.
_SETTLE = """
WITH due AS (
    SELECT id FROM settlements_earning
    WHERE state = 'frozen' AND due_at <= %(now)s
    ORDER BY due_at, id LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
), settled AS (
    UPDATE settlements_earning e SET state = 'settled', settled_at = %(now)s
    FROM due WHERE e.id = due.id
    RETURNING e.id, e.order_id, e.supplier_order_id, e.supplier_id, e.order_line_id,
              e.amount_fen - e.deducted_fen AS left_fen
), history AS (
    INSERT INTO states_statechange (subject, source, target, actor, reason, at)
    SELECT 'earning:' || id, 'frozen', 'settled', 'system', '', %(now)s FROM settled
)
SELECT o.number, part.number, line.line, s.left_fen, supplier.code
FROM settled s
JOIN lifecycle_order o ON o.id = s.order_id
JOIN lifecycle_supplierorder part ON part.id = s.supplier_order_id
JOIN suppliers_supplier supplier ON supplier.id = s.supplier_id
LEFT JOIN lifecycle_orderline line ON line.id = s.order_line_id
ORDER BY s.id
"""


@retry_on_contention()
def settle_due(*, limit: int, now: datetime) -> int:
    """Settle up to ``limit`` due earnings: frozen → debt first, then available. Returns how many.

    Two statements whatever the limit, which also bounds the memory. Safe to run twice and at the same
    time: a row is claimed once, and a journal's key names its earning for ever.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_SETTLE, {"now": now, "limit": limit})
            rows = cursor.fetchall()
        post_many(postings=[_settlement(*row) for row in rows], at=now)
    return len(rows)


def _settlement(number: str, part: str, line: int | None, left_fen: int, code: str) -> Posting:
    entry = Entry(
        debit=chart.supplier_frozen(code),
        credit=chart.supplier_available(code),
        amount_fen=left_fen,
        credit_first=chart.supplier_debt(code),
    )
    key = f"supplier_settled:{part}:{line if line is not None else 'freight'}"
    return Posting(chart.JournalKind.SUPPLIER_SETTLED, number, key, [entry])
