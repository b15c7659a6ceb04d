"""The gateway misbehaves: notices twice, in any order, never, forged; payments at the last second; silence after a deed.

The sandbox runs beside as a process of its own. A short form runs with all tests; ``LINJIA_FAULTS=full`` reaches the
figures. The seed is printed when a test fails, and ``LINJIA_FAULT_SEED`` replays it.
"""

import itertools
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
import time_machine
from django.test import Client

from orders.flow import reversal, tasks
from orders.flow.verification import verify_all
from orders.lifecycle.models import Order
from orders.payments.actions import start_payment
from orders.payments.models import GatewayNotice, Payment, Refund
from shop.gateways.sandbox.client import SandboxControl, SentNotice
from shop.ledger.models import Journal
from shop.stock.models import StockItem
from shop.work.models import Due
from tests import world
from tests.asking import changed, fingerprint
from tests.distributors.sellers import at_once
from tests.faults.form import times
from tests.faults.gateway_steps import (
    HOUR,
    PAID,
    differences,
    net_at_gateway,
    placed,
    post_all,
    received,
    seeded,
    started,
    work_until_quiet,
)
from tests.gateways_fixtures import post_notice

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def chance(sandbox: SandboxControl) -> Random:
    return seeded(sandbox)


# --- F6: notices twice and more -----------------------------------------------------------------------------


def test_many_deliveries_have_one_effect_each(sandbox: SandboxControl, chance: Random) -> None:
    """F6: the same notices 2 to 50 times, side by side and hours apart."""
    count, deliveries = times(12, 500), times(150, 10_000)
    payments = started(placed(count))
    for payment in payments:
        sandbox.pay(payment.number)
    notices = sandbox.pending_notices("payment")
    copies = [chance.randint(2, 50) for _ in notices]
    scale = deliveries / sum(copies)
    copies = [max(2, round(copy * scale)) for copy in copies]
    now_or_later = [notice for notice, copy in zip(notices, copies, strict=True) for _ in range(copy)]
    chance.shuffle(now_or_later)
    half = len(now_or_later) // 2

    answers = post_all(now_or_later[:half])
    # Six hours later WeChat tries again: the same event, signed anew.
    later = 6 * HOUR
    with time_machine.travel(world.now() + later, tick=True):
        sandbox.skew_signatures(int(later.total_seconds()))
        fresh = {
            one.event_id: one for payment in payments for one in sandbox.replay_notices(payment.number, fresh=True)
        }
        answers += post_all(fresh[one.event_id] for one in now_or_later[half:])
    sandbox.skew_signatures(0)

    assert len(answers) == len(now_or_later) >= deliveries * 0.95
    assert set(answers) == {200}
    assert sorted(received()) == sorted((payment.order.number, PAID) for payment in payments)
    assert Journal.objects.filter(kind="payment_received").count() == count
    assert Order.objects.filter(state="paid").count() == count
    assert GatewayNotice.objects.count() == count
    assert StockItem.objects.get().sold == count
    assert differences() == []
    assert verify_all(now=world.now()) == []


# --- F7: notices in any order -------------------------------------------------------------------------------


def turns(chance: Random) -> list[tuple[int, ...]]:
    """All 24 orders in which four events can come."""
    return chance.sample(list(itertools.permutations(range(4))), 24)


def test_any_order_before_we_know_ends_the_same(sandbox: SandboxControl, chance: Random, client: Client) -> None:
    """F7: two ways to pay one order, each said to be closed and to be paid, in all 24 orders."""
    tried = turns(chance)
    for order, turn in zip(placed(len(tried)), tried, strict=True):
        home, way = (
            start_payment(order=order, kind=kind, payer_openid=None, now=order.placed_at) for kind in ("native", "h5")
        )
        closed = [
            SentNotice({"headers": headers, "body": body.decode(), "url": "/api/v1/webhooks/wechat/payment/"} | _ANY)
            for headers, body in (sandbox.claim_notice(one.number, PAID, trade_state="CLOSED") for one in (home, way))
        ]
        sandbox.pay(home.number)
        sandbox.pay(way.number)
        events = [*closed, *sandbox.pending_notices("payment")]
        assert [post_notice(client, events[place]).status_code for place in turn] == [200] * 4, turn
        order.refresh_from_db()
        ends = (order.state, Payment.objects.filter(order=order, is_applied=True).count())
        assert (*ends, [row.amount_fen for row in Refund.objects.filter(order=order)]) == ("paid", 1, [PAID]), turn
    work_until_quiet()
    post_all(sandbox.pending_notices())
    numbers = Payment.objects.values_list("number", flat=True)
    assert net_at_gateway(sandbox.state(), numbers) == len(tried) * PAID
    assert differences() == []
    assert verify_all(now=world.now()) == []


_ANY = {"kind": "payment", "number": "", "event_id": ""}


def test_any_order_afterwards_ends_the_same(sandbox: SandboxControl, chance: Random, client: Client) -> None:
    """F7: paid, paid again, refund abnormal, refund done – delivered in all 24 orders after we asked."""
    sandbox.hold_refunds()
    tried = turns(chance)
    for order, turn in zip(placed(len(tried)), tried, strict=True):
        (payment,) = started([order])
        sandbox.pay(payment.number)
        assert tasks.payment.query_payment(number=payment.number, now=world.now()) == "applied"
        order.refresh_from_db()
        refund = reversal.cancel_order(order=order, actor="system", reason="", now=world.now())
        tasks.send_refund(subject=refund.number, now=world.now())
        sandbox.finish_refund(refund.number, "ABNORMAL")
        sandbox.finish_refund(refund.number, "SUCCESS")
        sandbox.pay_again(payment.number)
        events = sandbox.pending_notices()
        assert len(events) == 4
        assert [post_notice(client, events[place]).status_code for place in turn] == [200] * 4, turn
        refund.refresh_from_db()
        assert refund.state == "succeeded", turn
    # The second time goes back as well.
    sandbox.turn(refund_mode="auto")
    work_until_quiet()
    post_all(sandbox.pending_notices())
    work_until_quiet()
    assert set(Order.objects.values_list("state", flat=True)) == {"refunded"}
    assert net_at_gateway(sandbox.state(), Payment.objects.values_list("number", flat=True)) == 0
    assert differences() == []
    assert verify_all(now=world.now()) == []


# --- F8: notices late or never ------------------------------------------------------------------------------


def test_lost_and_late_notices_are_found_by_asking(sandbox: SandboxControl, chance: Random) -> None:
    """F8: 30 % dropped, 20 % delayed by an hour; everything is settled within ten minutes."""
    payments = started(placed(times(20, 300)))
    sandbox.turn(notice_drop_percent=30, notice_delay_percent=20, notice_delay_seconds=3_600)
    for payment in payments:
        sandbox.pay(payment.number)
    arrived = post_all(sandbox.pending_notices("payment"))
    assert set(arrived) <= {200}
    assert len(arrived) < len(payments)
    waiting = Payment.objects.filter(state="started").values_list("number", flat=True)
    planned = Due.objects.filter(what="payment.query", state="open", subject__in=waiting)
    assert planned.count() == len(payments) - len(arrived)
    assert all(due.due_at <= world.now() + timedelta(minutes=10) for due in planned)

    for order in Order.objects.filter(state="paid")[: len(payments) // 4]:
        reversal.cancel_order(order=order, actor="system", reason="", now=world.now())
    work_until_quiet()
    assert Order.objects.filter(state="placed").count() == 0
    assert Refund.objects.exclude(state="succeeded").count() == 0
    assert differences() == []
    # What was only late comes now, and changes nothing.
    before = fingerprint(besides=("payments_gatewaynotice", "payments_reconciliation", "payments_bookdifference"))
    late = [one for payment in payments for one in sandbox.replay_notices(payment.number, fresh=True)]
    assert set(post_all(late)) == {200}
    assert {name for name in changed(before) if not name.startswith(("payments_gate", "payments_rec"))} == set()
    assert verify_all(now=world.now()) == []


# --- F9: paying at the last moment ---------------------------------------------------------------------------


def test_paying_around_the_last_second_strands_nothing(sandbox: SandboxControl, client: Client) -> None:
    """F9: the money comes just before, at, and just after the end of the time to pay, while the order expires."""
    each = times(5, 100)
    orders = placed(3 * each, ago=timedelta(minutes=30))
    # The gateway's clock stands where the orders were placed, so that it still collects.
    sandbox.turn(clock_offset=-1_900)
    payments = started(orders)

    def expire(order: Order, *, seconds: int = 0) -> Callable[[], Any]:
        at = order.expires_at + timedelta(seconds=seconds)
        return lambda: tasks.expire_unpaid(subject=order.number, now=at)

    def tell(payment: Payment) -> Callable[[], Any]:
        return lambda: [
            post_notice(Client(), one).status_code for one in sandbox.replay_notices(payment.number, fresh=True)
        ]

    def close(payment: Payment) -> Callable[[], Any]:
        return lambda: tasks.close_payment(subject=payment.number, now=world.now())

    def pay(payment: Payment) -> Callable[[], Any]:
        return lambda: sandbox.pay_late(payment.number)

    for place, (order, payment) in enumerate(zip(orders, payments, strict=True)):
        if place % 3 == 0:
            # One second before: the money is there, its notice and the end come together.
            sandbox.pay(payment.number)
            outcomes = at_once(tell(payment), expire(order))
        elif place % 3 == 1:
            # At the end: paying, giving up and closing at the gateway at once.
            outcomes = at_once(pay(payment), expire(order), close(payment))
        else:
            # One second after: given up here, and the money comes all the same.
            expire(order, seconds=1)()
            outcomes = at_once(pay(payment), close(payment))
        assert not [one for one in outcomes if isinstance(one, Exception)], outcomes
    post_all(sandbox.pending_notices())
    work_until_quiet()
    post_all(sandbox.pending_notices())
    work_until_quiet()

    state = sandbox.state()
    assert len(state["transactions"]) == 3 * each
    for order, payment in zip(orders, payments, strict=True):
        order.refresh_from_db()
        kept = PAID if order.state == "paid" else 0
        assert order.state in ("paid", "cancelled")
        assert net_at_gateway(state, [payment.number]) == kept, (order.number, order.state)
    assert all(order.state == "paid" for order in orders[::3]), "what was paid in time is never given up"
    assert all(order.state == "cancelled" for order in orders[2::3])
    assert StockItem.objects.get().sold == Order.objects.filter(state="paid").count()
    sandbox.turn(clock_offset=0)
    assert differences() == []
    assert verify_all(now=world.now()) == []
