"""Many customers at once: nobody gets a piece that is not there, and somebody always gets one."""

import threading

import pytest
from django.db import connection, transaction

from orders.checkout.cart import CartOwner, cart_of, put_in
from orders.lifecycle.models import Order
from shop.base.errors import DomainError
from shop.stock.actions import OutOfStock
from shop.stock.models import StockItem
from tests import world

pytestmark = pytest.mark.django_db(transaction=True)


def all_at_once(jobs):
    """Run the jobs in threads that start together; return their results or errors."""
    start, outcomes = threading.Barrier(len(jobs)), [None] * len(jobs)

    def run(place, job):
        start.wait()
        try:
            outcomes[place] = job()
        except DomainError as error:
            outcomes[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(jobs)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return outcomes


def crowd(size):
    with transaction.atomic():
        return [world.customer(f"顾客 {number}") for number in range(size)]


def test_the_last_pieces_are_sold_once():
    people = crowd(12)
    last = world.product(world.yunling(), "孤品老茶", pieces=5)

    outcomes = all_at_once([lambda one=one: world.place(one, [(last, 1)]) for one in people])

    sold = [one for one in outcomes if isinstance(one, Order)]
    assert len(sold) == 5
    assert all(isinstance(one, OutOfStock) for one in outcomes if not isinstance(one, Order))
    item = StockItem.objects.get()
    assert (item.on_hand, item.reserved, item.received) == (0, 5, 5)
    assert Order.objects.count() == 5


def test_crossing_orders_do_not_stop_each_other():
    people = crowd(8)
    tea = world.product(world.yunling(), "云岭白茶", pieces=8)
    peach = world.product(world.yangshan(), "阳山蜜桃", pieces=8)

    outcomes = all_at_once(
        [
            lambda one=one, turn=turn: world.place(one, [(tea, 1), (peach, 1)][:: 1 if turn % 2 else -1])
            for turn, one in enumerate(people)
        ]
    )

    assert all(isinstance(one, Order) for one in outcomes), outcomes
    assert (world.on_hand(tea), world.on_hand(peach)) == (0, 0)


def test_all_or_nothing_when_one_of_two_runs_out():
    people = crowd(6)
    plenty = world.product(world.yunling(), "云岭白茶", pieces=100)
    few = world.product(world.yangshan(), "阳山蜜桃", pieces=2)

    outcomes = all_at_once([lambda one=one: world.place(one, [(plenty, 1), (few, 1)]) for one in people])

    assert sum(isinstance(one, Order) for one in outcomes) == 2
    assert (world.on_hand(plenty), world.on_hand(few)) == (98, 0)


def test_putting_in_from_two_tabs_loses_nothing():
    su = crowd(1)[0]
    tea = world.product(world.yunling(), "云岭白茶")
    sku = world.sku_of(tea).number

    all_at_once(
        [lambda: put_in(owner=CartOwner(user=su), sku_number=sku, quantity=1, now=world.now()) for _tab in range(8)]
    )

    assert [line.quantity for line in cart_of(CartOwner(user=su))] == [8]
