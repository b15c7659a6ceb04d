"""Two things at once: whoever comes first, every sum holds and nothing happens twice."""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection

from orders.flow import reversal, tasks
from orders.flow.notices import receive_notice
from orders.flow.payment import confirm_payment
from orders.flow.restoring import replace_refund
from orders.flow.verification import verify_all
from orders.lifecycle.models import Order
from orders.payments.actions import start_payment
from orders.payments.models import Payment, Refund
from orders.payments.refunds import send_again
from orders.settlements import statements
from orders.settlements.models import Earning
from shop.base.errors import DomainError
from shop.gateways.contract import Gateway
from shop.gateways.sandbox.client import SandboxControl
from shop.ledger.models import Journal
from tests import world
from tests.orders import trade
from tests.orders.gateway_books import given_back, half_back

pytestmark = pytest.mark.django_db(transaction=True)

Deed = Callable[[], object]


def at_once(*deeds: Deed) -> list[object]:
    """Release all deeds by one barrier; return what each gave: its value, or the refusal it met."""
    barrier = threading.Barrier(len(deeds))
    results: list[object] = [None] * len(deeds)

    def run(place: int, deed: Deed) -> None:
        try:
            barrier.wait(timeout=10)
            results[place] = deed()
        except DomainError as refusal:
            results[place] = refusal
        except BaseException as error:  # noqa: BLE001 - a thread must hand its error to the test
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    crashes = [one for one in results if isinstance(one, BaseException) and not isinstance(one, DomainError)]
    assert crashes == []
    return results


def holds() -> None:
    # The tests stand months ahead of the clock that work is judged by.
    off = [one for one in verify_all(now=world.now()) if one.check != "work_late"]
    assert off == []


@pytest.fixture
def order() -> Order:
    """苏 is about to pay two teas."""
    world.rule()
    return trade.placed((world.product(world.yunling(), "云岭白茶"), 2, world.ahe()))


def say(payment: Payment, **more: str) -> str:
    return confirm_payment(gateway_name="sandbox", state=trade.said_paid(payment, **more), now=world.now())


def test_eight_words_of_one_payment_are_one_effect(order: Order) -> None:
    payment = trade.start(order)

    outcomes = at_once(*[lambda: say(payment)] * 8)

    assert sorted(map(str, outcomes)) == ["applied"] + ["seen"] * 7
    assert Journal.objects.filter(kind="payment_received").count() == 1
    holds()


def test_one_notice_delivered_eight_times_at_once(order: Order, sandbox: SandboxControl) -> None:
    payment = start_payment(order=order, kind="jsapi", payer_openid="o-su", now=world.now())
    sandbox.pay(payment.number)
    (notice,) = sandbox.pending_notices()

    outcomes = at_once(
        *[lambda: receive_notice(gateway_name="sandbox", headers=notice.headers, body=notice.body, now=world.now())] * 8
    )

    assert sorted(map(str, outcomes)) == ["applied"] + ["seen"] * 7
    holds()


@pytest.mark.parametrize("round_", range(4))
def test_a_payment_meets_the_expiry(order: Order, round_: int) -> None:
    payment = trade.start(order)
    late = order.expires_at + timedelta(seconds=1)

    said, expired = at_once(lambda: say(payment), lambda: reversal.expire_order(number=order.number, now=late))

    order.refresh_from_db()
    assert (said, expired, order.state) in [("applied", False, "paid"), ("late", True, "cancelled")]
    for refund in Refund.objects.all():
        trade.arrives(refund)
    assert trade.clearing(order) == 0
    holds()


@pytest.mark.parametrize("round_", range(4))
def test_a_payment_meets_a_cancellation(order: Order, round_: int) -> None:
    payment = trade.start(order)

    said, _cancelled = at_once(
        lambda: say(payment),
        lambda: reversal.cancel_order(order=order, actor="user:U1", reason="", now=world.now()),
    )

    assert said in ("applied", "late")
    refund = Refund.objects.get()
    assert refund.amount_fen == order.payable_fen
    trade.arrives(refund)
    order.refresh_from_db()
    assert order.state in ("refunded", "cancelled")
    assert trade.clearing(order) == 0
    assert world.on_hand(trade.lines(order)[0].sku) == 100
    holds()


def test_two_payments_of_one_order_at_once(order: Order) -> None:
    first, second = trade.start(order), trade.start(order, kind="native")

    outcomes = at_once(lambda: say(first), lambda: say(second))

    assert sorted(map(str, outcomes)) == ["applied", "second"]
    trade.arrives(Refund.objects.get())
    assert trade.clearing(order) == 0
    holds()


def test_eight_refunds_of_everything_give_it_back_once(order: Order) -> None:
    trade.pay(order)

    def everything_back() -> str:
        lines = {1: (2, 19_600)}
        return reversal.refund(
            order_number=order.number,
            lines=lines,
            freight_fen=0,
            cause="staff",
            restock=True,
            actor="staff:U1",
            now=world.now(),
        ).number

    outcomes = at_once(*[everything_back] * 8)

    assert sum(isinstance(one, str) for one in outcomes) == 1
    assert Refund.objects.count() == 1
    holds()


@pytest.mark.parametrize("round_", range(3))
def test_a_refund_meets_the_settlement(order: Order, round_: int) -> None:
    trade.pay(order)
    later = trade.complete(order)

    def half_back() -> str:
        return reversal.refund(
            order_number=order.number,
            lines={1: (1, 9_800)},
            freight_fen=0,
            cause="staff",
            restock=False,
            actor="staff:U1",
            now=later,
        ).number

    at_once(half_back, lambda: trade.settle(later), lambda: trade.settle(later))
    trade.settle(later)

    trade.arrives(Refund.objects.get())
    assert trade.supplier_money(world.yunling()) == {"available": 7_000}
    assert trade.store_money(world.ahe()) == {"available": 980}
    assert trade.clearing(order) == 0
    holds()


def test_workers_settle_each_earning_once() -> None:
    tea = world.product(world.yunling(), "云岭白茶")
    later = [trade.complete(trade.bought((tea, 1))) for _ in range(4)][-1]

    counts = at_once(*[lambda: trade.settlements.settle_due(limit=3, now=later)] * 4)

    trade.settlements.settle_due(limit=100, now=later)
    assert sum(int(str(count)) for count in counts) <= 8
    assert set(Earning.objects.values_list("state", flat=True)) == {"settled"}
    assert Journal.objects.filter(kind="supplier_settled").count() == 8
    holds()


def test_a_statement_is_issued_and_paid_once() -> None:
    trade.settle(trade.complete(trade.bought((world.product(world.yunling(), "云岭白茶"), 1))))
    week = world.now() + timedelta(weeks=1)

    issued = at_once(*[lambda: statements.close_statements(now=week)] * 4)
    assert sum(int(str(one)) for one in issued) == 1
    statement = world.yunling().statements.get()
    statements.confirm_statement(statement=statement, actor="supplier:yunling", now=week)
    payouts = at_once(*[lambda: statements.pay_statement(statement=statement, actor="staff:U1", now=week).number] * 4)

    assert sum(isinstance(one, str) for one in payouts) == 1
    assert trade.supplier_money(world.yunling()) == {"paying": 6_800}
    holds()


def test_a_refund_sent_by_two_workers_is_one_refund(order: Order, sandbox: SandboxControl) -> None:
    payment = start_payment(order=order, kind="jsapi", payer_openid="o-su", now=world.now())
    sandbox.pay(payment.number)
    tasks.query_payment(subject=payment.number, now=world.now())
    order.refresh_from_db()
    refund = reversal.cancel_order(order=order, actor="user:U1", reason="", now=world.now())
    assert refund is not None

    at_once(*[lambda: tasks.send_refund(subject=refund.number, now=world.now())] * 4)
    tasks.query_refund(subject=refund.number, now=world.now())

    assert [line.amount_fen for line in sandbox.book() if line.kind == "refund"] == [order.payable_fen]
    order.refresh_from_db()
    assert order.state == "refunded"
    holds()


def test_two_tabs_start_one_payment(order: Order, sandbox: SandboxControl) -> None:
    numbers = at_once(
        *[lambda: start_payment(order=order, kind="jsapi", payer_openid="o-su", now=world.now()).number] * 4
    )
    assert len({str(number) for number in numbers}) == 1
    assert Payment.objects.count() == 1


def test_a_refund_is_void_or_sent_again(order: Order, gateway: Gateway, sandbox: SandboxControl) -> None:
    """Two of finance decide at once about three that may be a second time: each is one or the other, never both."""
    payment = start_payment(order=order, kind="jsapi", payer_openid="o-su", now=world.now())
    sandbox.pay(payment.number)
    tasks.query_payment(subject=payment.number, now=world.now())
    refunds = [half_back(order, 4_000 + number) for number in range(3)]
    lost = [given_back(gateway, payment, one.amount_fen, f"RLOST0000{at}") for at, one in enumerate(refunds)]
    for refund in refunds:
        tasks.send_refund(subject=refund.number, now=world.now())
    for refund, by in zip(refunds, lost, strict=True):
        facts: dict[str, Any] = {"number": refund.number, "actor": world.STAFF, "now": world.now()}
        outcomes = at_once(partial(replace_refund, by=by, reason="x", **facts), partial(send_again, **facts))
        refund.refresh_from_db()
        lost_race = [isinstance(one, DomainError) for one in outcomes]
        assert (refund.state, lost_race) in [("voided", [False, True]), ("sent", [True, False])]
    holds()
