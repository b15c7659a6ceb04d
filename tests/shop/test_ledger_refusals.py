"""What no book may hold is refused with the field named, and nothing is written."""

from datetime import UTC, datetime

import pytest
from django.db import transaction

from shop.base.errors import Invalid
from shop.ledger import chart
from shop.ledger.actions import Entry, InvalidPosting, Posting, post_many
from shop.ledger.models import Account, Journal

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
ORDER = "O7KQ2M9XJ4T8WZ3R5"
GATEWAY, CLEARING = chart.gateway("sandbox"), chart.clearing(ORDER)


def paid(amount_fen: int = 10_000, order: str = ORDER) -> Posting:
    entries = [Entry(GATEWAY, chart.clearing(order), amount_fen)]
    return Posting("payment_received", order, f"payment:{order}", entries)


def _posting(**changes: object) -> Posting:
    facts = {"kind": "payment_received", "reference": ORDER, "key": "k", "entries": paid().entries}
    return Posting(**(facts | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("posting", "field"),
    [
        (_posting(entries=[]), "entries"),
        (_posting(entries=[Entry(GATEWAY, CLEARING, 0)]), "amount_fen"),
        (_posting(entries=[Entry(GATEWAY, CLEARING, -5)]), "amount_fen"),
        (_posting(entries=[Entry(GATEWAY, CLEARING, 10**15 + 1)]), "amount_fen"),
        (_posting(entries=[Entry(GATEWAY, CLEARING, 1.0)]), "amount_fen"),  # type: ignore[arg-type]
        (_posting(entries=[Entry(GATEWAY, CLEARING, True)]), "amount_fen"),
        (_posting(entries=[Entry(CLEARING, GATEWAY, 5)]), "entries"),
        (_posting(entries=[Entry(GATEWAY, GATEWAY, 5)]), "entries"),
        (_posting(entries=[Entry(GATEWAY, "order//clearing", 5)]), "account"),
        (_posting(entries=[Entry("gateway/" + "x" * 99, CLEARING, 5)]), "account"),
        (_posting(entries=[Entry("gateway/x\n", CLEARING, 5)]), "account"),
        (_posting(kind="gift"), "kind"),
        (_posting(kind="reversal"), "kind"),
        (_posting(key=""), "key"),
        (_posting(key="k" * 161), "key"),
        (_posting(key="a\x00b"), "key"),
        (_posting(reference=""), "reference"),
        (_posting(reference="r" * 65), "reference"),
        # The frozen account is not guarded, so it cannot decide a split.
        (
            _posting(
                kind="commission_clawed_back",
                entries=[Entry("store/A/frozen", CLEARING, 5, debit_rest="store/A/debt")],
            ),
            "entries",
        ),
        # Money of one store may not settle into another's hands.
        (
            _posting(
                kind="commission_settled",
                entries=[Entry("store/A/frozen", "store/B/available", 5)],
            ),
            "entries",
        ),
        (
            _posting(
                kind="commission_settled",
                entries=[Entry("store/A/frozen", "store/A/available", 5, credit_first="store/B/debt")],
            ),
            "entries",
        ),
    ],
)
def test_what_no_book_may_hold(posting: Posting, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        post_many(postings=[paid(7, order="GOOD"), posting], at=AT)

    assert refusal.value.field == field
    assert Journal.objects.count() == Account.objects.count() == 0


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidPosting) as refusal:
        post_many(postings=[paid()], at=datetime(2026, 1, 1))
    assert refusal.value.field == "at"


@pytest.mark.django_db(transaction=True)
def test_posting_needs_the_callers_transaction() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        post_many(postings=[paid()], at=AT)
    assert Journal.objects.count() == 0


@pytest.mark.parametrize("code", ["", "a/b", "a b", "供应商", "x" * 41, "a\n"])
def test_a_code_that_cannot_name_an_account(code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        chart.store_available(code)
    assert (refusal.value.field, refusal.value.code) == ("account", "unknown_account")


@pytest.mark.parametrize(
    ("kind", "debit", "credit", "is_allowed"),
    [
        ("coupon_funded", "coupon/platform", "order/O1/clearing", True),
        ("coupon_funded", "supplier/F/available", "coupon/F", True),
        ("coupon_funded", "supplier/F/available", "coupon/G", False),
        ("coupon_returned", "order/O1/clearing", "coupon/platform", True),
        ("debt_repaid", "supplier/F/available", "supplier/F/debt", True),
        ("debt_repaid", "supplier/F/available", "store/F/debt", False),
        ("supplier_payout_paid", "supplier/F/paying", "gateway/wechat", True),
        ("supplier_payout_paid", "store/F/paying", "gateway/wechat", False),
        ("loss_written_off", "platform/loss", "store/A/debt", True),
        ("fee_returned", "platform/fee", "order/O1/clearing", True),
        ("fee_taken", "platform/fee", "order/O1/clearing", False),
        ("refund_paid", "store/A/available", "gateway/wechat", False),
        ("no_such_kind", "platform/fee", "order/O1/clearing", False),
    ],
)
def test_each_kind_moves_money_one_way(kind: str, debit: str, credit: str, is_allowed: bool) -> None:
    assert chart.allows(kind, debit, credit) is is_allowed


def test_every_kind_has_its_moves() -> None:
    assert set(chart.MOVES) == set(chart.JournalKind.values)
