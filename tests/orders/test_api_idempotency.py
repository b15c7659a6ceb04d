"""The same key has one effect and one answer, whatever the network does."""

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connections

from distributors.payouts.models import Withdrawal
from orders.aftersales.models import AfterSale
from orders.lifecycle.models import Order
from orders.payments.models import Payment, Refund
from shop.gateways.sandbox.client import SandboxControl
from shop.work.models import IdempotencyKey
from tests import world
from tests.asking import Caller, changed, fingerprint, new_key, refused, told
from tests.distributors import sellers
from tests.orders import trade

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def su() -> Caller:
    return Caller(world.customer())


@pytest.fixture
def tea() -> Any:
    return world.product(world.yunling(), "云岭白茶")


def wish(tea: Any, quantity: int = 1) -> dict[str, Any]:
    address = world.address(world.person("苏 Su")).number
    return {"address": address, "items": [{"sku": world.sku_of(tea).number, "quantity": quantity}]}


def both(*deeds: Callable[[], Any]) -> list[Any]:
    """Do things at the same moment; return what each gave."""
    barrier, answers = Barrier(len(deeds)), [None] * len(deeds)

    def run(place: int, deed: Callable[[], Any]) -> None:
        try:
            barrier.wait(timeout=10)
            answers[place] = deed()
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=one) for one in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return answers


def test_an_order_is_placed_once_under_its_key(su: Caller, tea: Any) -> None:
    body = wish(tea)
    first = su.post("orders/", body, key="order-0001")
    again = su.post("orders/", body, key="order-0001")
    assert told(first, 201) == told(again, 201)
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert (Order.objects.count(), world.on_hand(tea)) == (1, 99)

    before = fingerprint()
    refused(su.post("orders/", wish(tea, 2), key="order-0001"), 422, "idempotency_key_reused")
    path = f"orders/{told(first, 201)['number']}/cancel/"
    refused(su.post(path, {}, key="order-0001"), 422, "idempotency_key_reused")
    assert changed(before) == []
    # Another key is another order, and another person's key is her own.
    assert told(su.post("orders/", body, key="order-0002"), 201)["number"] != told(first, 201)["number"]
    zhou = Caller(world.customer("周 Zhou"))
    refused(zhou.post("orders/", body, key="order-0001"), 404, field="address")


@pytest.mark.parametrize("key", ["", "short", "x" * 81, "ключ-ключ"])
def test_without_a_good_key_nothing_happens(su: Caller, tea: Any, key: str) -> None:
    order = trade.bought((tea, 1))
    body = {"order": order.number, "line": 1, "kind": "cancel_before_ship", "reason": "other", "quantity": 1}
    before = fingerprint()
    for path, sent in (
        ("orders/", wish(tea)),
        (f"orders/{order.number}/cancel/", {}),
        (f"orders/{order.number}/payments/", {"kind": "native"}),
        ("aftersales/", body),
    ):
        refused(su.post(path, sent, key=key), 400, "idempotency_key_missing", field="Idempotency-Key")
    assert changed(before) == []
    ahe = Caller(world.ahe().distributor.user)
    refused(ahe.post("me/store/withdrawals/", {"amount_fen": 100}, key=key), 400, "idempotency_key_missing")


def test_a_refused_request_keeps_nothing(su: Caller, tea: Any) -> None:
    few = world.product(world.yunling(), "最后一罐", pieces=1)
    refused(su.post("orders/", wish(few, 2), key="order-0003"), 409)
    assert IdempotencyKey.objects.count() == 0
    world.receive(world.sku_of(few), 5)
    assert told(su.post("orders/", wish(few, 2), key="order-0003"), 201)["state"] == "placed"


def test_two_requests_at_once_place_one_order(su: Caller, tea: Any) -> None:
    body = wish(tea)
    answers = both(*[lambda: Caller(world.person("苏 Su")).post("orders/", body, key="order-0004")] * 3)
    numbers = {told(answer, 201)["number"] for answer in answers}
    assert (len(numbers), Order.objects.count(), world.on_hand(tea)) == (1, 1, 99)
    assert sorted("Idempotency-Replayed" in answer for answer in answers) == [False, True, True]


def test_a_payment_is_begun_once_under_its_key(su: Caller, tea: Any, sandbox: SandboxControl) -> None:
    order = world.place(world.person("苏 Su"), [(tea, 1)])
    path = f"orders/{order.number}/payments/"
    first = su.post(path, {"kind": "native"}, key="pay-000001")
    again = su.post(path, {"kind": "native"}, key="pay-000001")
    assert told(first, 201) == told(again, 201)
    assert again["Idempotency-Replayed"] == "true"
    refused(su.post(path, {"kind": "h5"}, key="pay-000001"), 422, "idempotency_key_reused")
    assert (Payment.objects.count(), len(sandbox.calls())) == (1, 1)


def test_a_payment_whose_channel_was_silent_can_be_begun_again(su: Caller, tea: Any, sandbox: SandboxControl) -> None:
    order = world.place(world.person("苏 Su"), [(tea, 1)])
    path = f"orders/{order.number}/payments/"
    sandbox.fail("*", "drop_answer", times=None)
    refused(su.post(path, {"kind": "native"}, key="pay-000002"), 409, "payment_unknown")
    assert IdempotencyKey.objects.count() == 0
    sandbox.heal()
    assert told(su.post(path, {"kind": "native"}, key="pay-000002"), 201)["state"] == "started"
    assert Payment.objects.filter(state="started").count() == 1


def test_two_requests_at_once_begin_one_payment(su: Caller, tea: Any, sandbox: SandboxControl) -> None:
    order = world.place(world.person("苏 Su"), [(tea, 1)])
    path = f"orders/{order.number}/payments/"
    person = world.person("苏 Su")
    answers = both(*[lambda: Caller(person).post(path, {"kind": "native"}, key="pay-000003")] * 2)
    assert len({told(answer, 201)["number"] for answer in answers}) == 1
    assert Payment.objects.count() == 1


def test_an_order_is_cancelled_and_refunded_once(su: Caller, tea: Any) -> None:
    order = trade.bought((tea, 2))
    person = world.person("苏 Su")
    answers = both(*[lambda: Caller(person).post(f"orders/{order.number}/cancel/", {}, key="cancel-0001")] * 2)
    assert {told(answer)["refunded_fen"] for answer in answers} == {order.payable_fen}
    assert [refund.amount_fen for refund in Refund.objects.all()] == [order.payable_fen]
    assert world.on_hand(tea) == 100


def test_a_case_is_opened_once(tea: Any) -> None:
    order = trade.bought((tea, 2))
    trade.ship(order)
    body = {"order": order.number, "line": 1, "kind": "refund_only", "reason": "other", "quantity": 1}
    answers = both(*[lambda: Caller(order.user).post("aftersales/", body, key="case-00001")] * 2)
    assert len({told(answer, 201)["number"] for answer in answers}) == 1
    assert AfterSale.objects.count() == 1


def test_money_is_asked_for_once() -> None:
    store = sellers.rich(fen=10_000)
    user = store.distributor.user
    same = both(*[lambda: Caller(user).post("me/store/withdrawals/", {"amount_fen": 6_000}, key="money-00001")] * 2)
    assert len({told(answer, 201)["number"] for answer in same}) == 1
    refused(Caller(user).post("me/store/withdrawals/", {"amount_fen": 6_000}, key=new_key()), 409, "not_enough")
    assert [row.amount_fen for row in Withdrawal.objects.all()] == [6_000]
    assert sellers.money(store)["available"] == 4_000
