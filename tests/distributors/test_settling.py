"""Settling a batch where it lies writes what the plain rule would: every journal, transfer, state and message."""

from datetime import datetime
from typing import Any

import pytest
from django.db import transaction

from distributors.commissions import actions as commissions
from distributors.commissions.models import Commission
from distributors.commissions.states import CommissionState
from distributors.stores.models import Store
from shop.ledger import chart
from shop.ledger.actions import Entry, Posting, post_many
from shop.ledger.verification import verify
from shop.states.machine import move
from tests.distributors.sellers import moment, money, open_store, refund, rows, settle, sold

pytestmark = pytest.mark.django_db

WRITTEN = (
    """SELECT j.kind, j.reference, j.key, j.content, j.happened_at, j.reverses_id, d.path, c.path, t.amount_fen
       FROM ledger_transfer t JOIN ledger_journal j ON j.id = t.journal_id
       JOIN ledger_account d ON d.id = t.debit_id JOIN ledger_account c ON c.id = t.credit_id
       WHERE j.kind = 'commission_settled' ORDER BY j.key, t.id""",
    "SELECT path, kind, guarded, debits_fen, credits_fen FROM ledger_account ORDER BY path",
    "SELECT order_number, line, level, state, settled_at, clawed_back_fen FROM commissions_commission ORDER BY id",
    "SELECT subject, source, target, actor, reason, at FROM states_statechange ORDER BY subject, at, target",
)


def postings(due: list[Commission]) -> list[Posting]:
    """Return what the books are asked for, in the words of the ledger."""
    return [
        Posting(
            chart.JournalKind.COMMISSION_SETTLED,
            one.order_number,
            f"commission_settled:{one.order_number}:{one.line}:{one.level}",
            [
                Entry(
                    debit=chart.store_frozen(one.store.code),
                    credit=chart.store_available(one.store.code),
                    amount_fen=one.amount_fen - one.clawed_back_fen,
                    credit_first=chart.store_debt(one.store.code),
                )
            ],
        )
        for one in due
    ]


def plainly(due: list[Commission], now: datetime) -> list[list[tuple[Any, ...]]]:
    """Return what settling them one app after the other writes, and undo it."""
    with transaction.atomic():
        for one in due:
            move(one, CommissionState.SETTLED, actor="system", at=now, changes={"settled_at": now})
        assert post_many(postings=postings(due), at=now) == len(due)
        written = [rows(one) for one in WRITTEN]
        transaction.set_rollback(True)
    return written


def indebted(name: str, debt_fen: int) -> Store:
    """Return a store whose settled commission was clawed back after she was paid out of it."""
    store = open_store(name)
    number = sold(store, level1_fen=debt_fen)
    settle(number)
    with transaction.atomic():
        paid = Entry(
            debit=chart.store_available(store.code), credit=chart.store_paying(store.code), amount_fen=debt_fen
        )
        post_many(
            postings=[Posting(chart.JournalKind.WITHDRAWAL_STARTED, "W1", f"paid:{store.code}", [paid])], at=moment()
        )
    refund(number, f"F{store.code}", 10_000)
    assert money(store)["debt"] == debt_fen
    return store


def due_of(*numbers: str) -> list[Commission]:
    for number in numbers:
        commissions.set_due(order_number=number, lines=[1], due_at=moment())
    return list(Commission.objects.filter(order_number__in=numbers).select_related("store").order_by("id"))


@pytest.mark.parametrize("debts", [(), (700,), (2_500, 10_000)])
def test_a_batch_is_written_as_the_plain_rule_writes_it(debts: tuple[int, ...]) -> None:
    ahe, lin = open_store("阿禾 Ahe"), open_store("林 Lin")
    sellers = [ahe, *(indebted(f"欠{fen}", fen) for fen in debts)]
    numbers = [sold(one, referrer=lin, level2_fen=300, level2_bp=300) for _turn in range(3) for one in sellers]
    refund(numbers[0], "F-part", 5_000)
    due, now = due_of(*numbers), moment()
    expected = plainly(due, now)

    assert commissions.settle_due(limit=100, now=now) == len(due)

    assert [rows(one) for one in WRITTEN] == expected
    # The same content too: the plain way finds every journal there and adds none.
    with transaction.atomic():
        assert post_many(postings=postings(due), at=now) == 0
    assert verify() == []


def test_one_person_is_told_one_sum() -> None:
    ahe, lin = open_store("阿禾 Ahe"), open_store("林 Lin")
    due_of(*(sold(ahe, referrer=lin, level2_fen=300, level2_bp=300) for _sale in range(3)))
    commissions.settle_due(limit=100, now=moment())
    told = rows(
        "SELECT user_id, facts ->> 'amount_fen' FROM notifications_notification WHERE kind = %s ORDER BY 1",
        "commission_settled",
    )
    assert told == sorted([(ahe.distributor.user_id, "3000"), (lin.distributor.user_id, "900")])
