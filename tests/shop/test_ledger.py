"""Posting: one journal, many journals, twice the same, too little money, and what no book may hold."""

from datetime import UTC, datetime

import pytest
from django.utils.translation import override
from pytest_django import DjangoAssertNumQueries

from shop.ledger import chart
from shop.ledger.actions import (
    AlreadyReversed,
    Entry,
    InsufficientFunds,
    InvalidPosting,
    KeyReused,
    Posting,
    post,
    post_many,
    reverse,
)
from shop.ledger.chart import JournalKind
from shop.ledger.models import Journal, Transfer
from shop.ledger.queries import (
    balance_fen,
    balances_fen,
    order_money_map,
    statement,
    trial_balance,
    verify,
)

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
ORDER = "O7KQ2M9XJ4T8WZ3R5"
GATEWAY = chart.gateway("sandbox")
CLEARING = chart.clearing(ORDER)
FARM = "FARM01"
MEI, LAN = "MEI001", "LAN001"


def paid(amount_fen: int = 10_000, order: str = ORDER) -> Posting:
    entries = [Entry(GATEWAY, chart.clearing(order), amount_fen)]
    return Posting(JournalKind.PAYMENT_RECEIVED, order, f"payment:{order}", entries)


def accrued(store: str, amount_fen: int, key: str = "") -> Posting:
    entries = [Entry(CLEARING, chart.store_frozen(store), amount_fen)]
    return Posting(JournalKind.COMMISSION_ACCRUED, ORDER, key or f"commission:{ORDER}:{store}", entries)


def settled(store: str, amount_fen: int, key: str) -> Posting:
    entry = Entry(
        chart.store_frozen(store),
        chart.store_available(store),
        amount_fen,
        credit_first=chart.store_debt(store),
    )
    return Posting(JournalKind.COMMISSION_SETTLED, ORDER, key, [entry])


def clawed_back(store: str, amount_fen: int, key: str) -> Posting:
    entry = Entry(chart.store_available(store), CLEARING, amount_fen, debit_rest=chart.store_debt(store))
    return Posting(JournalKind.COMMISSION_CLAWED_BACK, "R1", key, [entry])


def store_balances(store: str) -> tuple[int, int, int]:
    """Frozen, available, debt."""
    paths = [chart.store_frozen(store), chart.store_available(store), chart.store_debt(store)]
    found = balances_fen(paths)
    return found[paths[0]], found[paths[1]], found[paths[2]]


def transfers_of(key: str) -> list[tuple[str, str, int]]:
    rows = Transfer.objects.filter(journal__key=key).order_by("id")
    return list(rows.values_list("debit__path", "credit__path", "amount_fen"))


def test_a_sale_is_divided_and_its_clearing_ends_at_zero() -> None:
    shares = [
        paid(10_000),
        Posting(
            JournalKind.SUPPLIER_ACCRUED,
            ORDER,
            f"supplier:{ORDER}",
            [Entry(CLEARING, chart.supplier_frozen(FARM), 7_000)],
        ),
        accrued(MEI, 1_000),
        accrued(LAN, 500),
        Posting(
            JournalKind.FEE_TAKEN,
            ORDER,
            f"fee:{ORDER}",
            [Entry(CLEARING, chart.platform_fee(), 1_500)],
        ),
    ]

    assert post_many(postings=shares, at=AT) == 5

    paths = {
        GATEWAY: 10_000,
        CLEARING: 0,
        chart.supplier_frozen(FARM): 7_000,
        chart.store_frozen(MEI): 1_000,
        chart.store_frozen(LAN): 500,
        chart.platform_fee(): 1_500,
        chart.store_available(MEI): 0,
    }
    assert balances_fen(list(paths)) == paths
    assert [(move.journal_kind, move.debit, move.credit, move.amount_fen) for move in order_money_map(ORDER)] == [
        ("payment_received", GATEWAY, CLEARING, 10_000),
        ("supplier_accrued", CLEARING, "supplier/FARM01/frozen", 7_000),
        ("commission_accrued", CLEARING, "store/MEI001/frozen", 1_000),
        ("commission_accrued", CLEARING, "store/LAN001/frozen", 500),
        ("fee_taken", CLEARING, "platform/fee", 1_500),
    ]
    lines = trial_balance()
    assert sum(line.debits_fen for line in lines) == sum(line.credits_fen for line in lines) == 20_000
    assert verify() == []


def test_the_money_map_holds_a_refund_that_has_a_number_of_its_own() -> None:
    post_many(postings=[paid(500)], at=AT)
    post(
        kind=JournalKind.REFUND_PAID,
        reference="R55",
        key="refund:R55",
        entries=[Entry(CLEARING, GATEWAY, 500)],
        at=AT,
    )
    post_many(postings=[paid(900, order="ANOTHER")], at=AT)

    assert [move.reference for move in order_money_map(ORDER)] == [ORDER, "R55"]


def test_posting_twice_is_posting_once() -> None:
    first = post(kind="payment_received", reference=ORDER, key="k", entries=paid().entries, at=AT)
    again = post(kind="payment_received", reference=ORDER, key="k", entries=paid().entries, at=AT)

    assert again == first
    assert (first.happened_at, first.reference) == (AT, ORDER)
    assert balance_fen(CLEARING) == 10_000


def test_a_batch_skips_what_is_posted_and_posts_the_rest() -> None:
    post_many(postings=[paid()], at=AT)

    assert post_many(postings=[paid(), accrued(MEI, 10), accrued(MEI, 10)], at=AT) == 1
    assert post_many(postings=[paid(), accrued(MEI, 10)], at=AT) == 0
    assert balances_fen([CLEARING, chart.store_frozen(MEI)]) == {
        CLEARING: 9_990,
        chart.store_frozen(MEI): 10,
    }


@pytest.mark.parametrize(
    "other",
    [
        paid(9_999),
        Posting("payment_received", "OTHER", paid().key, paid().entries),
        Posting("payment_received", ORDER, paid().key, [*paid().entries, *paid().entries]),
        Posting("payment_received", ORDER, paid().key, [Entry("gateway/wechat", CLEARING, 10_000)]),
    ],
)
def test_a_key_belongs_to_one_posting(other: Posting) -> None:
    post_many(postings=[paid()], at=AT)

    with pytest.raises(KeyReused) as refusal:
        post_many(postings=[accrued(MEI, 10), other], at=AT)

    # The transaction is still usable, and nothing of the batch was posted.
    assert refusal.value.extra == {"key": paid().key}
    assert Journal.objects.count() == 1
    assert balance_fen(CLEARING) == 10_000


def test_one_call_may_not_use_a_key_for_two_postings() -> None:
    with pytest.raises(KeyReused):
        post_many(postings=[paid(1), paid(2)], at=AT)
    assert Journal.objects.count() == 0


def test_a_guarded_account_may_not_go_below_zero() -> None:
    post_many(postings=[paid(100)], at=AT)

    with override("en"), pytest.raises(InsufficientFunds) as refusal:
        post_many(postings=[accrued(MEI, 60), accrued(LAN, 70)], at=AT)

    assert refusal.value.extra == {"path": CLEARING, "shortfall_fen": 30}
    assert str(refusal.value) == f"The account “{CLEARING}” is ¥0.30 short."
    assert balances_fen([CLEARING, chart.store_frozen(MEI)]) == {
        CLEARING: 100,
        chart.store_frozen(MEI): 0,
    }
    assert post_many(postings=[accrued(MEI, 60), accrued(LAN, 40)], at=AT) == 2
    assert balance_fen(CLEARING) == 0


def test_a_batch_is_judged_by_its_sum() -> None:
    assert post_many(postings=[accrued(MEI, 100), paid(100)], at=AT) == 2
    assert balance_fen(CLEARING) == 0


def test_a_claw_back_takes_what_is_available_and_the_rest_becomes_debt() -> None:
    post_many(postings=[paid(), accrued(MEI, 1_000), settled(MEI, 1_000, "s1")], at=AT)
    assert store_balances(MEI) == (0, 1_000, 0)

    post_many(postings=[clawed_back(MEI, 1_300, "c1")], at=AT)

    assert store_balances(MEI) == (0, 0, 300)
    assert transfers_of("c1") == [
        (chart.store_available(MEI), CLEARING, 1_000),
        (chart.store_debt(MEI), CLEARING, 300),
    ]
    # Asked again, the same answer: what was asked is compared, not how it fell out.
    assert post_many(postings=[clawed_back(MEI, 1_300, "c1")], at=AT) == 0


def test_the_next_earnings_repay_the_debt_first() -> None:
    post_many(postings=[paid(), accrued(MEI, 1_000), clawed_back(MEI, 300, "c1")], at=AT)
    assert store_balances(MEI) == (1_000, 0, 300)

    post_many(postings=[settled(MEI, 200, "s1"), settled(MEI, 200, "s2"), settled(MEI, 50, "s3")], at=AT)

    assert store_balances(MEI) == (550, 150, 0)
    assert transfers_of("s1") == [(chart.store_frozen(MEI), chart.store_debt(MEI), 200)]
    assert transfers_of("s2") == [
        (chart.store_frozen(MEI), chart.store_debt(MEI), 100),
        (chart.store_frozen(MEI), chart.store_available(MEI), 100),
    ]
    assert transfers_of("s3") == [(chart.store_frozen(MEI), chart.store_available(MEI), 50)]


def test_splits_of_one_batch_see_each_other_in_order() -> None:
    post_many(postings=[paid(), accrued(MEI, 1_000)], at=AT)

    post_many(
        postings=[
            clawed_back(MEI, 100, "c1"),
            settled(MEI, 300, "s1"),
            clawed_back(MEI, 250, "c2"),
            settled(MEI, 80, "s2"),
        ],
        at=AT,
    )

    # debt 100 → debt 0, available 200 → available 0, debt 50 → debt 0, available 30
    assert store_balances(MEI) == (620, 30, 0)
    assert verify() == []


def test_a_reversal_mirrors_its_journal_once() -> None:
    post_many(postings=[paid(), accrued(MEI, 1_000), accrued(LAN, 500)], at=AT)
    journal = Journal.objects.get(key=f"commission:{ORDER}:{MEI}")

    mirror = reverse(journal=journal, key="undo", at=AT)

    assert (mirror.kind, mirror.reference, mirror.reverses) == ("reversal", ORDER, journal)
    assert transfers_of("undo") == [(chart.store_frozen(MEI), CLEARING, 1_000)]
    assert reverse(journal=journal, key="undo", at=AT) == mirror
    with pytest.raises(AlreadyReversed) as refusal:
        reverse(journal=journal, key="undo again", at=AT)
    assert refusal.value.extra == {"key": "undo"}
    with pytest.raises(InvalidPosting):
        reverse(journal=mirror, key="undo the undoing", at=AT)
    assert verify() == []


def test_a_reversal_may_not_take_what_is_spent() -> None:
    journal = post(kind="payment_received", reference=ORDER, key="k", entries=paid(100).entries, at=AT)
    post_many(postings=[accrued(MEI, 1)], at=AT)

    with pytest.raises(InsufficientFunds) as refusal:
        reverse(journal=journal, key="undo", at=AT)
    assert refusal.value.extra == {"path": CLEARING, "shortfall_fen": 1}


def test_odd_letters_in_keys_arrive_as_they_are() -> None:
    key = "a\"b\\c{d},e'f 单号 %s"
    journal = post(kind="payment_received", reference='{"}', key=key, entries=paid().entries, at=AT)
    assert (journal.key, journal.reference) == (key, '{"}')


@pytest.mark.parametrize("count", [1, 500])
def test_any_number_of_postings_is_one_statement(count: int, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    post_many(postings=[paid()], at=AT)
    batch = [accrued(f"STORE{n % 50}", 1, key=f"c{n}") for n in range(count)]
    batch += [settled(f"STORE{n % 50}", 1, key=f"s{n}") for n in range(count)]

    with django_assert_num_queries(1):
        assert post_many(postings=batch, at=AT) == 2 * count
    assert balance_fen(CLEARING) == 10_000 - count
    assert balance_fen(chart.store_available("STORE0")) == -(-count // 50)


def test_balances_are_one_statement(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    post_many(postings=[paid(), accrued(MEI, 10)], at=AT)
    with django_assert_num_queries(1):
        found = balances_fen([GATEWAY, CLEARING, chart.store_frozen(MEI), "store/NOBODY/debt"])
    assert found == {
        GATEWAY: 10_000,
        CLEARING: 9_990,
        chart.store_frozen(MEI): 10,
        "store/NOBODY/debt": 0,
    }


def test_a_statement_reads_newest_first_with_signs_of_the_accounts_side(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    post_many(postings=[paid(), accrued(MEI, 1_000)], at=AT)
    post_many(postings=[settled(MEI, 700, "s1")], at=AT)
    post_many(postings=[clawed_back(MEI, 900, "c1")], at=AT)

    with django_assert_num_queries(1):
        lines = [
            (line.journal.kind, line.journal.reference, line.counter.path, line.amount_fen)
            for line in statement(chart.store_available(MEI))[:20]
        ]

    assert lines == [
        ("commission_clawed_back", "R1", CLEARING, -700),
        ("commission_settled", ORDER, chart.store_frozen(MEI), 700),
    ]
    assert [line.amount_fen for line in statement(chart.store_debt(MEI))] == [200]
    assert [line.amount_fen for line in statement(GATEWAY)] == [10_000]
    assert list(statement(chart.store_debt("NOBODY"))) == []
