"""What a sale earns: accrued, settled after its window, clawed back."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from distributors.commissions import actions as commissions
from distributors.commissions.models import ClawBack, Commission
from distributors.commissions.queries import earnings_of, explain, sales_report
from distributors.commissions.rules import Sale, SaleLine
from distributors.stores import actions as stores
from shop.ledger import chart
from shop.ledger.actions import post_many
from shop.ledger.models import Journal
from shop.ledger.queries import balance_fen
from shop.ledger.verification import verify
from shop.notifications.models import Notification
from shop.states.models import StateChange
from tests.distributors.sellers import (
    at_once,
    moment,
    money,
    open_store,
    receive,
    refund,
    rows,
    rule,
    settle,
    sold,
)
from tests.world import STAFF

DAY = timedelta(days=1)


# --- accrual and settlement -------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_sale_earns_frozen_money_for_two_levels_and_no_third():
    lin, ahe = open_store("林 Lin"), open_store("阿禾 Ahe")
    number = sold(ahe, level1_fen=1_000, referrer=lin, level2_fen=300, level2_bp=300)
    assert (money(ahe)["frozen"], money(lin)["frozen"]) == (1_000, 300)
    assert rows(
        "SELECT line, level, store, base_fen, rate_bp, amount_fen, clawed_back_fen, state "
        "FROM audit.commissions WHERE order_number = %s ORDER BY level",
        number,
    ) == [
        (1, 1, ahe.code, 10_000, 1_000, 1_000, 0, "frozen"),
        (1, 2, lin.code, 10_000, 300, 300, 0, "frozen"),
    ]
    for level in (3, 0):
        with pytest.raises(IntegrityError), transaction.atomic():
            Commission.objects.create(
                order_number=number,
                line=1,
                level=level,
                store=open_store(f"第{level}级"),
                base_fen=10_000,
                rate_bp=100,
                amount_fen=100,
                accrued_at=moment(),
            )


@pytest.mark.django_db
def test_accruing_the_same_sale_twice_earns_once():
    ahe = open_store("阿禾 Ahe")
    line = SaleLine(
        line=1,
        paid_fen=10_000,
        supplier_fen=5_000,
        level1_bp=1_000,
        level1_fen=1_000,
        store_id=ahe.pk,
        store_code=ahe.code,
    )
    sale = Sale("O-twice", moment(), [line, replace(line, line=2, level1_fen=0)])
    with transaction.atomic():
        receive("O-twice", 20_000, at=moment())
        posted = [post_many(postings=commissions.accrue(sale=sale, at=moment()), at=moment()) for _time in range(2)]
    assert posted == [1, 0]
    assert (Commission.objects.count(), money(ahe)["frozen"]) == (1, 1_000)


@pytest.mark.django_db
def test_what_was_agreed_cannot_be_edited():
    ahe = open_store("阿禾 Ahe")
    sold(ahe)
    for change in ({"amount_fen": 9_000}, {"rate_bp": 9_000}, {"level": 2}, {"state": "clawed_back"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Commission.objects.update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        Commission.objects.all().delete()


@pytest.mark.django_db
def test_a_commission_settles_after_its_window_and_not_before():
    ahe = open_store("阿禾 Ahe")
    number, due_at = sold(ahe), moment() + 7 * DAY
    assert commissions.settle_due(limit=10, now=moment() + 30 * DAY) == 0
    assert commissions.set_due(order_number=number, lines=[1], due_at=due_at) == 1
    assert commissions.settle_due(limit=10, now=due_at - timedelta(seconds=1)) == 0
    assert money(ahe) == {"frozen": 1_000, "available": 0, "paying": 0, "debt": 0}

    assert commissions.settle_due(limit=10, now=due_at) == 1
    assert commissions.settle_due(limit=10, now=due_at) == 0

    assert money(ahe) == {"frozen": 0, "available": 1_000, "paying": 0, "debt": 0}
    row = Commission.objects.get()
    assert (row.state, row.settled_at) == ("settled", due_at)
    assert list(StateChange.objects.filter(subject=f"commission:{row.pk}").values_list("source", "target")) == [
        ("frozen", "settled")
    ]
    news = Notification.objects.get(user=ahe.distributor.user, kind="commission_settled")
    assert news.facts == {"amount_fen": 1_000}


@pytest.mark.django_db
def test_the_database_refuses_to_settle_early():
    ahe = open_store("阿禾 Ahe")
    sold(ahe)
    with pytest.raises(IntegrityError), transaction.atomic():
        Commission.objects.update(state="settled", settled_at=moment())
    Commission.objects.update(due_at=moment() + DAY)
    with pytest.raises(IntegrityError), transaction.atomic():
        Commission.objects.update(state="settled", settled_at=moment())


@pytest.mark.django_db
def test_a_held_commission_waits_and_its_neighbours_do_not():
    ahe = open_store("阿禾 Ahe")
    held, free = sold(ahe), sold(ahe)
    assert commissions.hold(order_number=held, line=1, reason="售后", at=moment()) == 1
    assert commissions.hold(order_number=held, line=1, reason="售后", at=moment()) == 0
    for number in (held, free):
        commissions.set_due(order_number=number, lines=[1], due_at=moment())
    assert commissions.settle_due(limit=10, now=moment()) == 1
    assert earnings_of(ahe).held_fen == 1_000

    assert commissions.release_hold(order_number=held, line=1, reason="结束", at=moment()) == 1
    assert commissions.settle_due(limit=10, now=moment()) == 1
    assert money(ahe)["available"] == 2_000


@pytest.mark.django_db
def test_settling_takes_the_same_statements_for_one_and_for_many():
    ahe = open_store("阿禾 Ahe")
    counts = []
    for size in (1, 40):
        for _sale in range(size):
            commissions.set_due(order_number=sold(ahe), lines=[1], due_at=moment())
        with CaptureQueriesContext(connection) as queries:
            assert commissions.settle_due(limit=100, now=moment()) == size
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.django_db
def test_settling_in_batches_ends_with_everything_settled():
    ahe = open_store("阿禾 Ahe")
    for _sale in range(5):
        commissions.set_due(order_number=sold(ahe), lines=[1], due_at=moment())
    now = moment()
    assert [commissions.settle_due(limit=2, now=now) for _run in range(4)] == [2, 2, 1, 0]
    assert money(ahe)["available"] == 5_000


@pytest.mark.django_db(transaction=True)
def test_settling_twice_at_the_same_moment_settles_once():
    ahe, lin = open_store("阿禾 Ahe"), open_store("林 Lin")
    for _sale in range(20):
        number = sold(ahe, referrer=lin, level2_fen=300, level2_bp=300)
        commissions.set_due(order_number=number, lines=[1], due_at=moment())
    now = moment()
    outcomes = at_once(*(lambda: commissions.settle_due(limit=15, now=now) for _run in range(4)))
    while commissions.settle_due(limit=15, now=now):
        pass
    assert all(isinstance(one, int) for one in outcomes), outcomes
    assert (money(ahe)["available"], money(lin)["available"]) == (20_000, 6_000)
    assert (money(ahe)["frozen"], money(lin)["frozen"]) == (0, 0)
    assert Journal.objects.filter(kind="commission_settled").count() == 40


@pytest.mark.django_db(transaction=True)
def test_a_refund_against_a_settlement_at_the_same_moment_keeps_the_books():
    ahe = open_store("阿禾 Ahe")
    for attempt in range(5):
        number = sold(ahe)
        commissions.set_due(order_number=number, lines=[1], due_at=moment())
        now = moment()
        outcomes = at_once(
            partial(commissions.settle_due, limit=10, now=now),
            partial(refund, number, f"F{attempt}", 10_000),
        )
        assert not [one for one in outcomes if isinstance(one, Exception)], outcomes
        commissions.settle_due(limit=10, now=moment())
        row = Commission.objects.get(order_number=number)
        assert (row.state, row.clawed_back_fen) == ("clawed_back", 1_000)
    assert money(ahe) == {"frozen": 0, "available": 0, "paying": 0, "debt": 0}
    assert verify() == []


# --- the way back -----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_refund_before_settlement_takes_frozen_money():
    ahe = open_store("阿禾 Ahe")
    number = sold(ahe)
    refund(number, "F1", 3_333)
    assert money(ahe)["frozen"] == 1_000 - 334
    row = Commission.objects.get()
    assert (row.state, row.clawed_back_fen, row.left_fen) == ("frozen", 334, 666)
    refund(number, "F2", 10_000)
    assert money(ahe)["frozen"] == 0
    row.refresh_from_db()
    assert (row.state, row.clawed_back_fen) == ("clawed_back", 1_000)
    assert [one.amount_fen for one in ClawBack.objects.order_by("pk")] == [334, 666]
    news = Notification.objects.filter(user=ahe.distributor.user, kind="commission_clawed_back")
    assert [note.facts["amount_fen"] for note in news.order_by("pk")] == [334, 666]


@pytest.mark.django_db
def test_a_refund_after_settlement_takes_available_money():
    ahe = open_store("阿禾 Ahe")
    number = sold(ahe)
    settle(number)
    refund(number, "F1", 5_000)
    assert money(ahe) == {"frozen": 0, "available": 500, "paying": 0, "debt": 0}
    assert balance_fen(chart.clearing(number)) == 10_000 - 500


@pytest.mark.django_db
def test_clawing_back_the_same_refund_twice_takes_it_once():
    ahe = open_store("阿禾 Ahe")
    number = sold(ahe)
    refund(number, "F1", 5_000)
    refund(number, "F1", 5_000)
    assert (money(ahe)["frozen"], ClawBack.objects.count()) == (500, 1)


@pytest.mark.django_db
def test_a_refund_of_freight_alone_touches_no_commission():
    ahe = open_store("阿禾 Ahe")
    number = sold(ahe)
    refund(number, "F1", 0)
    assert (money(ahe)["frozen"], ClawBack.objects.count()) == (1_000, 0)


@pytest.mark.django_db
def test_a_claw_back_row_is_never_edited():
    ahe = open_store("阿禾 Ahe")
    refund(sold(ahe), "F1", 5_000)
    for attack in (
        lambda: ClawBack.objects.update(amount_fen=1),
        lambda: ClawBack.objects.all().delete(),
        lambda: Commission.objects.update(clawed_back_fen=0),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            attack()


@pytest.mark.django_db
def test_a_capped_commission_shrinks_in_proportion():
    ahe = open_store("阿禾 Ahe")
    # 10 % of 100 yuan would be 10 yuan; the margin paid 6 only.
    number = sold(ahe, level1_fen=600, paid_fen=10_000, level1_bp=1_000)
    assert Commission.objects.get().is_capped is True
    refund(number, "F1", 2_500)
    assert money(ahe)["frozen"] == 450


@pytest.mark.django_db
def test_suspending_a_store_leaves_what_it_earned():
    ahe = open_store("阿禾 Ahe")
    number = sold(ahe)
    stores.suspend(distributor=ahe.distributor, actor=STAFF, reason="查", now=moment())
    settle(number)
    assert money(ahe)["available"] == 1_000


@pytest.mark.django_db
def test_every_commission_explains_itself_to_its_owner_only():
    lin, ahe = open_store("林 Lin"), open_store("阿禾 Ahe")
    agreed = rule(level1_bp=1_000, level2_bp=300)
    number = sold(ahe, referrer=lin, level2_fen=300, level2_bp=300, rule_number=agreed.number)
    refund(number, "F1", 5_000)
    found = explain(order_number=number)
    assert [(one.level, one.store_code, one.base_fen, one.amount_fen, one.left_fen) for one in found] == [
        (1, ahe.code, 10_000, 1_000, 500),
        (2, lin.code, 10_000, 300, 150),
    ]
    assert [(one.refund_number, one.amount_fen) for one in found[0].claw_backs] == [("F1", 500)]
    assert [one.store_code for one in explain(order_number=number, store=lin)] == [lin.code]
    rules = [one.rule and (one.rule.number, one.rule.level1_bp, one.rule.level2_bp) for one in found]
    assert rules == [(agreed.number, 1_000, 300)] * 2


@pytest.mark.django_db
def test_every_fen_of_commission_comes_from_a_sale():
    lin, ahe = open_store("林 Lin"), open_store("阿禾 Ahe")
    since = moment() - DAY
    sold(ahe, referrer=lin, level2_fen=300, level2_bp=300)
    sold(ahe)
    assert sales_report(since=since, until=moment() + DAY) == {
        1: {"base_fen": 20_000, "amount_fen": 2_000, "clawed_back_fen": 0},
        2: {"base_fen": 10_000, "amount_fen": 300, "clawed_back_fen": 0},
    }
    assert verify() == []
