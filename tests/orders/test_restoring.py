"""Refunds that only the gateway remembers are written down under their numbers, and no money moves."""

import pytest
from django.core.management import CommandError, call_command

from orders.flow.restoring import adopt_refund
from orders.flow.verification import verify_all
from orders.lifecycle.models import Order
from orders.payments.models import Payment, Refund
from shop.base.errors import Conflict, NotFound
from shop.gateways.contract import Gateway
from shop.gateways.sandbox.client import SandboxControl
from tests import world
from tests.orders import gateway_books, trade
from tests.orders.gateway_books import PAID, found

pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(sandbox: SandboxControl) -> Payment:
    return gateway_books.paying()


@pytest.fixture
def order(payment: Payment, sandbox: SandboxControl) -> Order:
    return gateway_books.paid(payment, sandbox)


def given_back(gateway: Gateway, payment: Payment, fen: int, number: str = "RLOST00001") -> str:
    """In a life we forgot."""
    gateway.refund(number=number, payment_number=payment.number, amount_fen=fen, total_fen=PAID, reason="before")
    gateway.query_refund(number)
    return number


def adopt(number: str) -> Refund:
    return adopt_refund(gateway_name="sandbox", number=number, actor=world.STAFF, now=world.now())


def test_all_of_it(order: Order, payment: Payment, gateway: Gateway, sandbox: SandboxControl) -> None:
    number = given_back(gateway, payment, PAID)
    assert found() == {("refund", number, "unknown_here", None, PAID)}
    assert adopt(number).state == "succeeded"
    order.refresh_from_db()
    assert (order.state, order.refunded_fen, trade.clearing(order)) == ("refunded", PAID, 0)
    assert world.on_hand(world.product(world.yunling(), "云岭白茶")) == 100
    assert found() == set()
    assert verify_all(now=world.now()) == []
    assert [row["out_refund_no"] for row in sandbox.state()["refunds"]] == [number]


@pytest.mark.parametrize(("fen", "state"), [(1, "paid"), (4_000, "paid"), (9_801, "completed")])
def test_a_part_of_it_is_a_price_difference(
    order: Order, payment: Payment, gateway: Gateway, fen: int, state: str
) -> None:
    number = given_back(gateway, payment, fen)
    call_command("adopt_refund", number, verbosity=0)
    order.refresh_from_db()
    assert (order.state, order.refunded_fen, trade.clearing(order)) == (state, fen, 0)
    assert trade.lines(order)[0].refunded_quantity == 0
    assert found() == set()
    assert verify_all(now=world.now()) == []


def test_one_that_is_still_going(order: Order, payment: Payment, gateway: Gateway, sandbox: SandboxControl) -> None:
    sandbox.hold_refunds()
    number = given_back(gateway, payment, 500)
    assert adopt(number).state == "requested"
    assert trade.clearing(order) == 500
    assert found() == set()


def test_what_cannot_be_adopted(order: Order, payment: Payment, gateway: Gateway) -> None:
    with pytest.raises(Conflict):
        adopt("RNEVER0001")
    number = given_back(gateway, payment, 500)
    adopt(number)
    with pytest.raises(Conflict):
        adopt(number)
    with pytest.raises(CommandError, match=number):
        call_command("adopt_refund", number)
    other = given_back(gateway, payment, 500, "RLOST00002")
    gateway_books.plant("UPDATE payments_payment SET number = 'POTHER0001'")
    with pytest.raises(NotFound):
        adopt(other)
    assert Refund.objects.count() == 1
