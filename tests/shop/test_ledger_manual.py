"""The worked example of docs/ledger.md, played."""

from datetime import UTC, datetime

import pytest

from shop.ledger import chart
from shop.ledger.actions import Entry, Posting, post_many
from shop.ledger.chart import JournalKind
from shop.ledger.models import Journal
from shop.ledger.queries import balance_fen, balances_fen, verify

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
ORDER, GATEWAY, CLEARING = "O7KQ", chart.gateway("wechat"), chart.clearing("O7KQ")
FARM, MEI, HONG = "FARM01", "MEI001", "HONG01"


def book(*journals: tuple[JournalKind, list[Entry]]) -> None:
    """Post one step of the example."""
    step = Journal.objects.count()
    postings = [Posting(kind, ORDER, f"{step}:{number}", entries) for number, (kind, entries) in enumerate(journals)]
    post_many(postings=postings, at=AT)


def paid() -> None:
    shares = [Entry(CLEARING, chart.store_frozen(MEI), 1_000), Entry(CLEARING, chart.store_frozen(HONG), 500)]
    book(
        (JournalKind.PAYMENT_RECEIVED, [Entry(GATEWAY, CLEARING, 10_000)]),
        (JournalKind.SUPPLIER_ACCRUED, [Entry(CLEARING, chart.supplier_frozen(FARM), 7_000)]),
        (JournalKind.COMMISSION_ACCRUED, shares),
        (JournalKind.FEE_TAKEN, [Entry(CLEARING, chart.platform_fee(), 1_500)]),
    )


def settled() -> None:
    farm = Entry(chart.supplier_frozen(FARM), chart.supplier_available(FARM), 7_000)
    mei = Entry(chart.store_frozen(MEI), chart.store_available(MEI), 1_000)
    hong = Entry(chart.store_frozen(HONG), chart.store_available(HONG), 500)
    book((JournalKind.SUPPLIER_SETTLED, [farm]), (JournalKind.COMMISSION_SETTLED, [mei, hong]))


def withdrawn() -> None:
    paying = chart.store_paying(MEI)
    book((JournalKind.WITHDRAWAL_STARTED, [Entry(chart.store_available(MEI), paying, 1_000)]))
    parts = [Entry(paying, GATEWAY, 920), Entry(paying, chart.tax_withheld(), 80)]
    book((JournalKind.WITHDRAWAL_PAID, parts))


def half_given_back() -> None:
    mei = Entry(chart.store_available(MEI), CLEARING, 500, debit_rest=chart.store_debt(MEI))
    hong = Entry(chart.store_available(HONG), CLEARING, 250, debit_rest=chart.store_debt(HONG))
    book(
        (JournalKind.SUPPLIER_DEDUCTED, [Entry(chart.supplier_available(FARM), CLEARING, 3_500)]),
        (JournalKind.COMMISSION_CLAWED_BACK, [mei, hong]),
        (JournalKind.FEE_RETURNED, [Entry(chart.platform_fee(), CLEARING, 750)]),
        (JournalKind.REFUND_PAID, [Entry(CLEARING, GATEWAY, 5_000)]),
    )


@pytest.mark.django_db
def test_the_worked_example_of_the_manual() -> None:
    """docs/ledger.md, "A sale's money, step by step"."""
    paid()
    assert balance_fen(CLEARING) == 0
    settled()
    withdrawn()
    half_given_back()

    held = {GATEWAY: 4_080, chart.store_debt(MEI): 500}
    owed = {
        chart.supplier_available(FARM): 3_500,
        chart.store_available(HONG): 250,
        chart.tax_withheld(): 80,
        chart.platform_fee(): 750,
        CLEARING: 0,
    }
    assert balances_fen(list(held | owed)) == held | owed
    assert sum(held.values()) == sum(owed.values()) == 4_580
    assert verify() == []
