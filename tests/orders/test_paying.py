"""A payment's notice, and what becomes due: how often they ask the database, whatever the lines."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.flow.payment import confirm_payment
from orders.lifecycle.models import Order
from orders.settlements import actions as settlements
from orders.settlements.models import Earning
from shop.gateways.contract import Notice
from shop.states.models import StateChange
from tests import world
from tests.orders import trade

pytestmark = pytest.mark.django_db


def waiting(lines: int) -> Order:
    """Return an order of two suppliers' goods that a store with a referrer sold."""
    suppliers = (world.yunling(), world.yangshan())
    goods = [
        world.product(suppliers[place % 2], f"茶 {place}", supply_fen=100, retail_fen=200) for place in range(lines)
    ]
    return trade.placed(*[(one, 1, world.ahe()) for one in goods])


def noticed(order: Order) -> Notice:
    payment = trade.start(order)
    return Notice(
        event_id=f"E{payment.number}",
        kind="payment",
        number=payment.number,
        state="paid",
        amount_fen=payment.amount_fen,
        transaction_id=f"42{payment.number}",
        merchant_id="",
        app_id="",
        created_at=world.now(),
        raw={"payer": {"openid": "openid-su"}},
    )


def test_the_statements_of_a_notice_do_not_grow_with_the_lines() -> None:
    world.rule()
    counts = []
    for lines in (2, 3, 30):
        notice = noticed(waiting(lines))
        with CaptureQueriesContext(connection) as queries:
            assert confirm_payment(gateway_name="sandbox", notice=notice, now=world.now()) == "applied"
        counts.append(len([query for query in queries if "SAVEPOINT" not in query["sql"]]))
    assert counts == [2, 2, 2]


def test_earnings_settle_in_two_statements_whatever_their_number() -> None:
    world.rule()
    counts = []
    for lines in (2, 20):
        order = waiting(lines)
        trade.pay(order)
        later = trade.complete(order)
        due = Earning.objects.filter(order=order)
        count = due.count()
        with CaptureQueriesContext(connection) as queries:
            assert settlements.settle_due(limit=100, now=later) == count
        counts.append(len([query for query in queries if "SAVEPOINT" not in query["sql"]]))
        assert set(due.values_list("state", "settled_at")) == {("settled", later)}
        history = StateChange.objects.filter(subject__in=[f"earning:{one.pk}" for one in due], target="settled")
        assert set(history.values_list("source", "actor", "at")) == {("frozen", "system", later)}
        assert history.count() == count
    assert counts == [2, 2]
