"""Money that comes late, twice, or without a word."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.lifecycle.models import Order
from orders.payments.models import Payment
from shop.catalogue.models import Product
from shop.work.models import Due
from tests import world
from tests.stories.town import Phone, Town, audit, balances, books_hold

TEA_PAID, FREIGHT = 9_800, 800


@pytest.fixture
def tea() -> Product:
    world.rule(1_000, 300)
    return world.product(world.yunling(), "云岭白茶", retail_fen=9_800, supply_fen=6_000, pieces=10)


@pytest.fixture
def su(town: Town) -> Phone:
    return town.phone(world.customer("苏 Su"))


@pytest.fixture
def number(su: Phone, tea: Product) -> str:
    order = su.order((tea, 1), address=su.get("me/addresses/")[0]["number"])
    found: str = order["number"]
    return found


def half_an_hour_passes(town: Town) -> None:
    town.days_pass(1)


def stock_of(tea: Product) -> tuple[int, ...]:
    sku = world.sku_of(tea).number
    return audit("SELECT on_hand, reserved, sold FROM audit.stock WHERE sku = %s", sku)[0]


def test_a_late_payment_goes_back_in_full(town, su, tea, number):
    payment = town.start_paying(su, number)
    half_an_hour_passes(town)
    assert su.get(f"orders/{number}/")["state"] == "cancelled"
    assert stock_of(tea) == (10, 0, 0)

    # Her phone had no signal; WeChat took the money all the same.
    town.sandbox.pay_late(payment)
    assert set(town.deliver("payment")) == {200}
    town.work()
    assert set(town.deliver("refund")) <= {200}

    order = su.get(f"orders/{number}/")
    assert order["state"] == "cancelled"
    assert [(one["cause"], one["amount_fen"], one["state"]) for one in order["refunds"]] == [
        ("late_payment", TEA_PAID + FREIGHT, "succeeded")
    ]
    assert balances("gateway/sandbox") == {"gateway/sandbox": 0}
    assert stock_of(tea) == (10, 0, 0)
    books_hold(number)


def test_paying_twice_pays_once(town, su, tea, number):
    first = town.pay(su, number)
    town.sandbox.pay_again(first)
    town.deliver("payment")
    town.work()
    town.deliver("refund")

    order = su.get(f"orders/{number}/")
    assert (order["state"], order["paid_fen"], order["refunded_fen"]) == ("paid", TEA_PAID + FREIGHT, 0)
    received = audit(
        "SELECT count(*) FROM audit.transfers WHERE reference = %s AND journal_kind = 'payment_received'",
        number,
    )
    net = balances("gateway/sandbox")["gateway/sandbox"]
    assert (net, received[0][0] <= 2) == (TEA_PAID + FREIGHT, True)
    assert stock_of(tea) == (9, 0, 1)
    books_hold(number)


def test_two_phones_two_payments_one_is_sent_back(town, su, tea, number):
    """She scans the code at home and pays in WeChat on the way: two payments of one order."""
    at_home = town.start_paying(su, number)
    on_the_way = su.post(f"orders/{number}/payments/", {"kind": "h5"}, expect=201)["number"]
    assert at_home != on_the_way
    town.sandbox.pay(at_home)
    town.sandbox.pay(on_the_way)
    assert town.deliver("payment") == [200, 200]
    town.work()
    town.deliver("refund")

    applied = Payment.objects.filter(order__number=number, is_applied=True).count()
    assert applied == 1
    refunds = su.get(f"orders/{number}/")["refunds"]
    assert [(one["cause"], one["state"]) for one in refunds] == [("second_payment", "succeeded")]
    assert balances("gateway/sandbox") == {"gateway/sandbox": TEA_PAID + FREIGHT}
    books_hold(number)


def test_a_lost_notice_is_found_by_asking(town, su, tea, number):
    payment = town.start_paying(su, number)
    town.sandbox.pay(payment)
    town.sandbox.pending_notices()  # lost on the way
    assert su.get(f"orders/{number}/")["state"] == "placed"

    Due.objects.filter(what="payment.query").update(due_at=timezone.now() - timedelta(seconds=1))
    town.work()
    assert su.get(f"orders/{number}/")["state"] == "paid"
    assert audit("SELECT count(*) FROM audit.notices WHERE number = %s", payment) == [(0,)]
    assert stock_of(tea) == (9, 0, 1)
    books_hold(number)


def test_the_same_notice_ten_times_has_one_effect(town, su, tea, number):
    payment = town.start_paying(su, number)
    town.sandbox.turn(notice_copies=10)
    town.sandbox.pay(payment)
    answers = town.deliver("payment")
    assert set(answers) == {200}
    assert len(answers) >= 10
    assert audit(
        "SELECT count(*), sum(amount_fen) FROM audit.transfers WHERE reference = %s "
        "AND journal_kind = 'payment_received'",
        number,
    ) == [(1, TEA_PAID + FREIGHT)]
    assert Order.objects.get(number=number).state == "paid"
    books_hold(number)
