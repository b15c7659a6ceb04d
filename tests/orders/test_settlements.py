"""What suppliers are owed: settled when due, stated per period from journal rows, paid once."""

from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, transaction

from orders.flow import reversal
from orders.lifecycle.models import Order
from orders.settlements import statements
from orders.settlements.models import Earning, Statement
from orders.settlements.queries import position_of, statement_lines, statement_of, statements_of
from orders.settlements.rules import kept_after_refund, period_start, statement_sums
from shop.base.errors import Conflict, Invalid, NotFound
from shop.ledger.queries import balance_fen
from shop.notifications.models import Notification
from tests import world
from tests.orders import trade

pytestmark = pytest.mark.django_db
YUN, STAFF = "supplier:yunling", "staff:U9"


def sold(pieces: int = 1) -> Order:
    """A sale of white tea that is completed and settled: ¥60 a piece and the freight."""
    order = trade.bought((world.product(world.yunling(), "云岭白茶"), pieces))
    trade.settle(trade.complete(order))
    return order


def give_back(order: Order, lines: dict[int, tuple[int, int]], freight_fen: int = 0) -> None:
    refund = reversal.refund(
        order_number=order.number,
        lines=lines,
        freight_fen=freight_fen,
        cause="staff",
        restock=False,
        actor=STAFF,
        now=world.now(),
    )
    trade.arrives(refund)


def next_week(weeks: int = 1) -> datetime:
    return world.now() + timedelta(weeks=weeks)


def issue(now: datetime | None = None) -> Statement:
    assert statements.close_statements(now=now or next_week()) >= 1
    return statements_of(world.yunling())[0]


def pay(statement: Statement, reference: str = "ICBC-1") -> None:
    statements.confirm_statement(statement=statement, actor=YUN, now=world.now())
    payout = statements.pay_statement(statement=statement, actor=STAFF, now=world.now())
    statements.record_payout_paid(number=payout.number, bank_reference=reference, actor=STAFF, now=world.now())


def test_nothing_is_settled_before_it_is_due() -> None:
    order = trade.bought((world.product(world.yunling(), "云岭白茶"), 1))
    assert trade.settle(next_week(50)) == (0, 0)
    trade.settle(trade.complete(order))
    assert trade.supplier_money(world.yunling()) == {"available": 6_800}
    assert set(Earning.objects.values_list("state", flat=True)) == {"settled"}
    assert trade.settle(next_week(50)) == (0, 0)


def test_settling_goes_on_in_batches() -> None:
    later = trade.complete(trade.bought((world.product(world.yunling(), "云岭白茶"), 1)))
    assert trade.settlements.settle_due(limit=1, now=later) == 1
    assert trade.supplier_money(world.yunling()) == {"frozen": 800, "available": 6_000}
    assert trade.settlements.settle_due(limit=1, now=later) == 1
    assert trade.settlements.settle_due(limit=1, now=later) == 0


def test_debt_is_repaid_first() -> None:
    first = sold()
    pay(issue())
    assert trade.supplier_money(world.yunling()) == {}
    give_back(first, {1: (1, 9_800)})
    assert trade.supplier_money(world.yunling()) == {"debt": 6_000}

    sold()

    assert trade.supplier_money(world.yunling()) == {"available": 800}


def test_a_statement_is_the_sum_of_its_journal_rows() -> None:
    order = sold(2)
    sold()
    give_back(order, {1: (1, 9_800)}, freight_fen=300)

    statement = issue()

    assert statement.state == "closed"
    assert (statement.opening_fen, statement.settled_fen) == (0, 13_000 + 6_800)
    assert (statement.deducted_fen, statement.paid_fen) == (6_300, 0)
    assert statement.closing_fen == 13_500 == position_of(world.yunling()).available_fen
    changes = [line.change_fen for line in statement_lines(statement)]
    assert sum(changes) == statement.closing_fen
    assert sorted(changes) == [-6_300, 800, 1_000, 6_000, 12_000]
    assert Notification.objects.filter(kind="statement_closed", user__name="云姐 Yun").count() == 1


def test_a_period_is_stated_once() -> None:
    sold()
    assert statements.close_statements(now=next_week()) == 1
    assert statements.close_statements(now=next_week()) == 0
    assert Statement.objects.count() == 1


def test_nothing_is_stated_before_the_period_is_over() -> None:
    sold()
    assert statements.close_statements(now=world.now()) == 0


def test_what_is_paid_out_and_what_is_owed_carries_over() -> None:
    order = sold()
    first = issue()
    pay(first)
    give_back(order, {1: (1, 9_800)})

    second = issue(next_week(2))

    assert (second.from_date, second.opening_fen) == (first.until_date, 6_800)
    assert (second.paid_fen, second.deducted_fen, second.closing_fen) == (6_800, 6_000, -6_000)
    statements.confirm_statement(statement=second, actor=YUN, now=world.now())
    with pytest.raises(statements.NothingToPay):
        statements.pay_statement(statement=second, actor=STAFF, now=world.now())

    sold(2)
    third = issue(next_week(3))
    assert (third.opening_fen, third.settled_fen, third.closing_fen) == (-6_000, 13_000, 7_000)
    assert third.closing_fen == position_of(world.yunling()).available_fen


def test_a_statement_is_paid_once_and_by_a_bank_transfer() -> None:
    sold()
    statement = issue()
    with pytest.raises(Conflict):
        statements.pay_statement(statement=statement, actor=STAFF, now=world.now())
    statements.confirm_statement(statement=statement, actor=YUN, now=world.now())
    payout = statements.pay_statement(statement=statement, actor=STAFF, now=world.now())
    with pytest.raises(Conflict):
        statements.pay_statement(statement=statement, actor=STAFF, now=world.now())
    assert trade.supplier_money(world.yunling()) == {"paying": 6_800}
    with pytest.raises(Invalid):
        statements.record_payout_paid(number=payout.number, bank_reference=" ", actor=STAFF, now=world.now())

    statements.record_payout_paid(number=payout.number, bank_reference="ICBC-1", actor=STAFF, now=world.now())

    statement.refresh_from_db()
    assert statement.state == "paid"
    assert trade.supplier_money(world.yunling()) == {}
    assert balance_fen("gateway/bank") == -6_800
    with pytest.raises(Conflict):
        statements.record_payout_paid(number=payout.number, bank_reference="ICBC-2", actor=STAFF, now=world.now())


def test_a_bank_transfer_is_recorded_for_one_payout() -> None:
    sold()
    pay(issue(), "ICBC-1")
    sold()
    with pytest.raises(Invalid) as refusal:
        pay(issue(next_week(2)), "ICBC-1")
    assert refusal.value.field == "bank_reference"


def test_a_failed_transfer_can_be_made_anew() -> None:
    sold()
    statement = issue()
    statements.confirm_statement(statement=statement, actor=YUN, now=world.now())
    payout = statements.pay_statement(statement=statement, actor=STAFF, now=world.now())
    statements.record_payout_failed(number=payout.number, reason="wrong account", actor=STAFF, now=world.now())
    assert trade.supplier_money(world.yunling()) == {"available": 6_800}

    again = statements.pay_statement(statement=statement, actor=STAFF, now=world.now())
    assert again.number != payout.number


def test_two_unpaid_statements_never_pay_the_same_money_twice() -> None:
    sold()
    first = issue()
    sold()
    second = issue(next_week(2))
    assert second.closing_fen == 2 * 6_800
    pay(second)

    statements.confirm_statement(statement=first, actor=YUN, now=world.now())
    with pytest.raises(statements.NothingToPay):
        statements.pay_statement(statement=first, actor=STAFF, now=world.now())


def test_a_dispute_is_answered_by_a_new_issue_with_what_was_posted_since() -> None:
    order = sold()
    statement = issue()
    with pytest.raises(Invalid):
        statements.dispute(statement=statement, reason=" ", actor=YUN, now=world.now())
    statements.dispute(statement=statement, reason="少了一单", actor=YUN, now=world.now())
    give_back(order, {1: (0, 100)})

    statements.reissue(statement=statement, note="已核对", actor=STAFF, now=world.now())

    statement.refresh_from_db()
    assert (statement.state, statement.note) == ("closed", "已核对")
    assert statement.closing_fen == position_of(world.yunling()).available_fen
    assert statement.deducted_fen == 62


def test_a_statement_can_be_issued_before_the_period_ends_and_nothing_is_counted_twice() -> None:
    sold()
    first = statements.issue_now(supplier=world.yunling(), actor=STAFF, now=world.now())
    assert first.closing_fen == 6_800
    with pytest.raises(statements.NothingToIssue):
        statements.issue_now(supplier=world.yunling(), actor=STAFF, now=world.now())
    sold()
    second = issue()
    assert (second.opening_fen, second.settled_fen, second.closing_fen) == (6_800, 6_800, 13_600)


def test_statements_belong_to_their_supplier() -> None:
    sold()
    statement = issue()
    assert statement_of(world.yunling(), statement.number) == statement
    with pytest.raises(NotFound):
        statement_of(world.yangshan(), statement.number)


def test_the_database_keeps_a_statement_adding_up() -> None:
    sold()
    statement = issue()
    for change in ({"closing_fen": 1}, {"state": "paid"}, {"paid_fen": 5}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Statement.objects.filter(pk=statement.pk).update(**change)


def test_periods_begin_on_mondays_or_the_first() -> None:
    day = datetime(2026, 11, 25).date()
    assert period_start(day, "week").isoformat() == "2026-11-23"
    assert period_start(day, "month").isoformat() == "2026-11-01"
    with pytest.raises(ValueError, match="period"):
        period_start(day, "year")


def test_the_sums_of_a_statement_follow_the_kinds() -> None:
    sums = statement_sums(
        [
            ("supplier_settled", 100),
            ("supplier_deducted", -30),
            ("supplier_payout_started", -50),
            ("supplier_payout_failed", 50),
            ("loss_written_off", 7),
        ]
    )
    assert (sums.settled_fen, sums.deducted_fen, sums.paid_fen, sums.net_fen) == (107, 30, 0, 77)


def test_the_supplier_keeps_its_share_rounded_down() -> None:
    assert kept_after_refund(amount_fen=6_000, paid_fen=9_800, refunded_fen=100) == 5_938
    assert kept_after_refund(amount_fen=6_000, paid_fen=9_800, refunded_fen=9_800) == 0
