"""The worked example of docs/ledger.md, played."""

from datetime import UTC, datetime

import pytest

from shop.ledger import chart
from shop.ledger.actions import Entry, Posting, post_many
from shop.ledger.chart import JournalKind
from shop.ledger.models import Journal
from shop.ledger.queries import balance_fen, balances_fen, verify

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


@pytest.mark.django_db
def test_the_worked_example_of_the_manual() -> None:
    """docs/ledger.md, "A sale's money, step by step"."""
    order, gateway, clearing = "O7KQ", chart.gateway("wechat"), chart.clearing("O7KQ")
    farm, mei, hong = "FARM01", "MEI001", "HONG01"

    def book(*journals: tuple[JournalKind, list[Entry]]) -> None:
        step = Journal.objects.count()
        post_many(
            postings=[
                Posting(kind, order, f"{step}:{number}", entries)
                for number, (kind, entries) in enumerate(journals)
            ],
            at=AT,
        )

    book(
        (JournalKind.PAYMENT_RECEIVED, [Entry(gateway, clearing, 10_000)]),
        (JournalKind.SUPPLIER_ACCRUED, [Entry(clearing, chart.supplier_frozen(farm), 7_000)]),
        (
            JournalKind.COMMISSION_ACCRUED,
            [
                Entry(clearing, chart.store_frozen(mei), 1_000),
                Entry(clearing, chart.store_frozen(hong), 500),
            ],
        ),
        (JournalKind.FEE_TAKEN, [Entry(clearing, chart.platform_fee(), 1_500)]),
    )
    assert balance_fen(clearing) == 0
    book(
        (
            JournalKind.SUPPLIER_SETTLED,
            [Entry(chart.supplier_frozen(farm), chart.supplier_available(farm), 7_000)],
        ),
        (
            JournalKind.COMMISSION_SETTLED,
            [
                Entry(chart.store_frozen(mei), chart.store_available(mei), 1_000),
                Entry(chart.store_frozen(hong), chart.store_available(hong), 500),
            ],
        ),
    )
    book(
        (
            JournalKind.WITHDRAWAL_STARTED,
            [Entry(chart.store_available(mei), chart.store_paying(mei), 1_000)],
        )
    )
    book(
        (
            JournalKind.WITHDRAWAL_PAID,
            [
                Entry(chart.store_paying(mei), gateway, 920),
                Entry(chart.store_paying(mei), chart.tax_withheld(), 80),
            ],
        )
    )
    book(
        (JournalKind.SUPPLIER_DEDUCTED, [Entry(chart.supplier_available(farm), clearing, 3_500)]),
        (
            JournalKind.COMMISSION_CLAWED_BACK,
            [
                Entry(chart.store_available(mei), clearing, 500, debit_rest=chart.store_debt(mei)),
                Entry(
                    chart.store_available(hong), clearing, 250, debit_rest=chart.store_debt(hong)
                ),
            ],
        ),
        (JournalKind.FEE_RETURNED, [Entry(chart.platform_fee(), clearing, 750)]),
        (JournalKind.REFUND_PAID, [Entry(clearing, gateway, 5_000)]),
    )

    held = {gateway: 4_080, chart.store_debt(mei): 500}
    owed = {
        chart.supplier_available(farm): 3_500,
        chart.store_available(hong): 250,
        chart.tax_withheld(): 80,
        chart.platform_fee(): 750,
        clearing: 0,
    }
    assert balances_fen(list(held | owed)) == held | owed
    assert sum(held.values()) == sum(owed.values()) == 4_580
    assert verify() == []
