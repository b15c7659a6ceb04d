"""What can happen to commissions: accrued at payment, settled when due, clawed back at a refund.

``accrue`` and ``claw_back`` return postings, which the conductor posts together with the order's
others: one lock of accounts per transaction.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

import orjson
from django.db import connection, transaction

from distributors.commissions.models import ClawBack, Commission
from distributors.commissions.rulebook import create_rule, end_rule, supersede_rule
from distributors.commissions.rules import Sale, SaleLine, entitled_after_refund
from distributors.commissions.states import CommissionState
from shop.base.locks import lock_rows, require_transaction, retry_on_contention
from shop.ledger import chart
from shop.ledger.actions import Entry, Posting
from shop.notifications.actions import Notice, notify_all
from shop.states.machine import move, move_many

__all__ = [
    "accrual",
    "accrue",
    "claw_back",
    "create_rule",
    "end_rule",
    "hold",
    "release_hold",
    "set_due",
    "settle_due",
    "supersede_rule",
]


def accrue(*, sale: Sale, at: datetime) -> list[Posting]:
    """Write down what a paid sale earns, frozen; return the posting, or none when it earns nobody.

    Rates, bases and amounts are the order line's own copies. Accruing a sale again writes nothing new.
    The caller is in a transaction and posts.
    """
    require_transaction()
    rows, postings = accrual(sale)
    with connection.cursor() as cursor:
        cursor.execute("SELECT commissions_accrue(%s, %s::json, %s)", [sale.order_number, rows, at])
    return postings


def accrual(sale: Sale) -> tuple[str, list[Posting]]:
    """Return what a paid sale earns as ``commissions_accrue`` takes it, and the posting that goes with it."""
    rows: list[tuple[int, int, int, int, int, int, str]] = []
    entries: list[Entry] = []
    for line in sale.lines:
        for level, store_id, store_code, rate_bp, amount_fen in _levels(line):
            if store_id is None or amount_fen == 0:
                continue
            rows.append((line.line, level, store_id, line.paid_fen, rate_bp, amount_fen, line.rule_number))
            entries.append(
                Entry(
                    debit=chart.clearing(sale.order_number),
                    credit=chart.store_frozen(store_code),
                    amount_fen=amount_fen,
                )
            )
    key = f"commission_accrued:{sale.order_number}"
    posting = Posting(chart.JournalKind.COMMISSION_ACCRUED, sale.order_number, key, entries)
    return orjson.dumps(rows).decode(), [posting] if entries else []


def _levels(line: SaleLine) -> list[tuple[int, int | None, str, int, int]]:
    """Return (level, store id, store code, rate, amount): the two there are, and no third."""
    return [
        (1, line.store_id, line.store_code, line.level1_bp, line.level1_fen),
        (
            2,
            line.referrer_store_id,
            line.referrer_store_code,
            line.level2_bp,
            line.level2_fen,
        ),
    ]


def claw_back(
    *,
    order_number: str,
    refund_number: str,
    refunded_fen_by_line: Mapping[int, int],
    at: datetime,
) -> list[Posting]:
    """Bring the commissions of these lines down to what the refunds leave of them; return the posting.

    ``refunded_fen_by_line`` is the **cumulative** goods money refunded per line, so any sequence of
    refunds ends where one refund of the same sum does. Frozen money is taken where it is; settled money
    out of what is available, and what that cannot cover becomes the store's debt. A refund that was
    clawed back before changes nothing. The caller is in a transaction, holds the order and posts.
    """
    require_transaction()
    rows = lock_rows(
        Commission.objects.filter(order_number=order_number, line__in=list(refunded_fen_by_line)).select_related(
            "store__distributor"
        )
    )
    done = set(
        ClawBack.objects.filter(commission__order_number=order_number, refund_number=refund_number).values_list(
            "commission_id", flat=True
        )
    )
    frozen: dict[str, int] = defaultdict(int)
    settled: dict[str, int] = defaultdict(int)
    taken: dict[int, int] = defaultdict(int)
    for row in rows:
        target_fen = row.amount_fen - entitled_after_refund(
            base_fen=row.base_fen,
            refunded_fen=refunded_fen_by_line[row.line],
            rate_bp=row.rate_bp,
            amount_fen=row.amount_fen,
        )
        take_fen = target_fen - row.clawed_back_fen
        if take_fen <= 0 or row.pk in done:
            continue
        bucket = settled if row.state == CommissionState.SETTLED else frozen
        bucket[row.store.code] += take_fen
        taken[row.store.distributor.user_id] += take_fen
        _take(row, take_fen, refund_number=refund_number, at=at)
    # Shown to whom it concerns, never netted silently.
    notify_all(
        notices=[
            Notice(user_id, "commission_clawed_back", {"order": order_number, "amount_fen": fen})
            for user_id, fen in taken.items()
        ],
        at=at,
    )
    return _claw_back_posting(order_number, refund_number, frozen, settled)


def _take(row: Commission, take_fen: int, *, refund_number: str, at: datetime) -> None:
    ClawBack.objects.create(commission=row, refund_number=refund_number, amount_fen=take_fen, at=at)
    taken_fen = row.clawed_back_fen + take_fen
    if taken_fen == row.amount_fen:
        move(
            row,
            CommissionState.CLAWED_BACK,
            actor="system",
            at=at,
            reason=refund_number,
            changes={"clawed_back_fen": taken_fen},
        )
    else:
        Commission.objects.filter(pk=row.pk).update(clawed_back_fen=taken_fen)
        row.clawed_back_fen = taken_fen


def _claw_back_posting(
    order_number: str, refund_number: str, frozen: Mapping[str, int], settled: Mapping[str, int]
) -> list[Posting]:
    clearing = chart.clearing(order_number)
    entries = [
        Entry(debit=chart.store_frozen(code), credit=clearing, amount_fen=fen) for code, fen in sorted(frozen.items())
    ] + [
        Entry(
            debit=chart.store_available(code),
            credit=clearing,
            amount_fen=fen,
            debit_rest=chart.store_debt(code),
        )
        for code, fen in sorted(settled.items())
    ]
    if not entries:
        return []
    key = f"commission_clawed_back:{refund_number}"
    return [Posting(chart.JournalKind.COMMISSION_CLAWED_BACK, order_number, key, entries)]


def hold(*, order_number: str, line: int, reason: str, at: datetime, actor: str = "system") -> int:
    """Keep a line's frozen commissions from being settled while a case is open; return how many."""
    return _move_line(order_number, line, CommissionState.FROZEN, CommissionState.HELD, reason, at, actor)


def release_hold(*, order_number: str, line: int, reason: str, at: datetime, actor: str = "system") -> int:
    """Let held commissions of a line go on towards settlement; return how many."""
    return _move_line(order_number, line, CommissionState.HELD, CommissionState.FROZEN, reason, at, actor)


def _move_line(order_number: str, line: int, source: str, to: str, reason: str, at: datetime, actor: str) -> int:
    rows = Commission.objects.filter(order_number=order_number, line=line, state=source)
    moved = move_many(
        Commission,
        rows.values_list("pk", flat=True),
        source=source,
        to=to,
        actor=actor,
        at=at,
        reason=reason,
    )
    return len(moved)


def set_due(*, order_number: str, lines: Iterable[int], due_at: datetime) -> int:
    """Say when these lines' commissions may be settled: their return window is over. Returns how many.

    Only commissions without a due time are touched; held ones keep waiting until they are released.
    """
    rows = Commission.objects.filter(order_number=order_number, line__in=list(lines), due_at=None)
    return rows.filter(state__in=[CommissionState.FROZEN, CommissionState.HELD]).update(due_at=due_at)


@retry_on_contention()
def settle_due(*, limit: int, now: datetime) -> int:
    """Settle up to ``limit`` due commissions: frozen → debt first, then available. Returns how many.

    Two statements whatever the limit, which also bounds the memory. Safe to run twice and at the same
    time: a row is claimed once, and a journal's key names its commission for ever.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT user_id, settled, earned_fen FROM commissions_settle(%s, %s)", [now, limit])
            people = cursor.fetchall()
        notify_all(
            notices=[Notice(user_id, "commission_settled", {"amount_fen": fen}) for user_id, _settled, fen in people],
            at=now,
        )
    return sum(settled for _user_id, settled, _fen in people)
