"""Parcels: never more than was ordered, in as many parcels as it takes, by the right supplier."""

import threading

import pytest
from django.db import connection, transaction

from orders.lifecycle import actions as lifecycle
from orders.shipments.actions import NotShippable, ShippedAlready, add_tracking, create_shipment
from orders.shipments.models import Shipment, ShipmentLine
from orders.shipments.queries import (
    left_to_ship,
    shipment_of_supplier,
    shipments_of,
    shipments_of_supplier,
)
from orders.shipments.rules import NothingToShip
from shop.base.errors import Conflict, DomainError, Invalid, NotFound
from tests import world

pytestmark = pytest.mark.django_db


def paid_part(*wishes):
    """A paid order of 苏 Su; returns its first part."""
    order = world.place(world.customer("苏 Su"), wishes)
    lifecycle.mark_paid(order=order, paid_fen=order.payable_fen, actor="system", at=world.now())
    return order.supplier_orders.order_by("pk").first()


@pytest.fixture
def part():
    tea = world.product(world.yunling(), "云岭白茶")
    other = world.product(world.yunling(), "明前龙井")
    return paid_part((tea, 3), (other, 2))


def ship(part, number, quantities=None):
    return create_shipment(
        supplier_order=part, carrier="顺丰", tracking_number=number, quantities=quantities, at=world.now()
    )


def packed(shipment):
    return dict(shipment.lines.values_list("order_line__line", "quantity"))


def test_everything_in_one_parcel(part):
    shipment = ship(part, "  SF 1001 ")

    assert (shipment.carrier, shipment.tracking_number) == ("顺丰", "SF 1001")
    assert packed(shipment) == {1: 3, 2: 2}
    assert left_to_ship(part) == {}
    with pytest.raises(NothingToShip):
        ship(part, "SF1002")


def test_several_parcels_send_what_is_left(part):
    first = ship(part, "SF1", {1: 2})
    second = ship(part, "SF2", {1: 1, 2: 1})
    third = ship(part, "SF3")

    assert [packed(one) for one in (first, second, third)] == [{1: 2}, {1: 1, 2: 1}, {2: 1}]


@pytest.mark.parametrize("quantities", [{1: 4}, {2: 3}, {9: 1}, {1: 3, 2: 3}])
def test_more_than_is_left_cannot_be_sent(part, quantities):
    with pytest.raises(NothingToShip):
        ship(part, "SF1", quantities)
    assert not Shipment.objects.exists()


@pytest.mark.parametrize("quantity", [0, -1, 1.5, "1", True, None])
def test_odd_quantities_are_refused(part, quantity):
    with pytest.raises(Invalid) as refusal:
        ship(part, "SF1", {1: quantity})
    assert refusal.value.field == "quantities"


@pytest.mark.parametrize("text", ["", "   ", "x" * 41, "SF\x001"])
def test_a_tracking_number_must_be_readable(part, text):
    with pytest.raises(Invalid) as refusal:
        ship(part, text)
    assert refusal.value.field == "tracking_number"


def test_the_same_number_twice(part):
    ship(part, "SF1", {1: 1})

    with pytest.raises(ShippedAlready):
        ship(part, "SF1", {1: 1})
    assert Shipment.objects.count() == 1


def test_fifteen_parcels_at_most():
    many = paid_part((world.product(world.yunling(), "散茶"), 16))
    for number in range(15):
        ship(many, f"SF{number}", {1: 1})

    with pytest.raises(Conflict):
        ship(many, "SF15", {1: 1})
    assert Shipment.objects.count() == 15


def test_what_is_not_paid_or_is_over_does_not_leave():
    tea = world.product(world.yunling(), "云岭白茶")
    waiting = world.place(world.customer("苏 Su"), [(tea, 1)]).supplier_orders.get()
    closed = paid_part((tea, 1))
    lifecycle.close_part(supplier_order=closed, reason="refunded", actor="system", at=world.now())

    for part in (waiting, closed):
        with pytest.raises(NotShippable):
            ship(part, "SF1")
    assert not Shipment.objects.exists()


def test_pieces_given_back_before_are_not_sent(part):
    order = lifecycle.lock_order(number=part.order.number)
    lifecycle.add_refund(order=order, lines={1: (1, 9_800)})

    assert left_to_ship(part) == {1: 2, 2: 2}


def test_scans_are_noted_once(part):
    shipment, at = ship(part, "SF1"), world.now()

    assert add_tracking(shipment=shipment, text=" 已揽收  杭州 ", at=at) is True
    assert add_tracking(shipment=shipment, text="已揽收 杭州", at=at) is False
    assert [event.text for event in shipment.events.all()] == ["已揽收 杭州"]
    with pytest.raises(Invalid):
        add_tracking(shipment=shipment, text="x" * 201, at=at)


def test_a_supplier_sees_her_own_parcels_only(part):
    mine = ship(part, "SF1")
    theirs = ship(paid_part((world.product(world.yangshan(), "阳山蜜桃"), 1)), "SF2")

    assert list(shipments_of_supplier(world.yunling())) == [mine]
    assert shipment_of_supplier(world.yangshan(), theirs.number) == theirs
    with pytest.raises(NotFound):
        shipment_of_supplier(world.yunling(), theirs.number)


def test_parcels_of_an_order_take_three_statements(part, django_assert_num_queries):
    for number in range(3):
        add_tracking(shipment=ship(part, f"SF{number}", {1: 1}), text="已揽收", at=world.now())

    with django_assert_num_queries(3):
        shown = [
            (one.tracking_number, [row.order_line.title for row in one.lines.all()], len(one.events.all()))
            for one in shipments_of(part.order)
        ]
    assert shown == [(f"SF{number}", ["云岭白茶"], 1) for number in range(3)]


@pytest.mark.django_db(transaction=True)
def test_two_clerks_cannot_send_the_same_piece_twice():
    tea = world.product(world.yunling(), "云岭白茶")
    part = paid_in_the_open(tea)
    start, outcomes = threading.Barrier(4), []

    def clerk(number):
        start.wait()
        try:
            outcomes.append(ship(part, f"SF{number}", {1: 1}))
        except DomainError as error:
            outcomes.append(error)
        finally:
            connection.close()

    clerks = [threading.Thread(target=clerk, args=(number,)) for number in range(4)]
    for one in clerks:
        one.start()
    for one in clerks:
        one.join()

    assert sum(isinstance(outcome, Shipment) for outcome in outcomes) == 2
    assert sum(isinstance(outcome, NothingToShip) for outcome in outcomes) == 2
    assert sum(ShipmentLine.objects.values_list("quantity", flat=True)) == 2


def paid_in_the_open(tea):
    """A paid order of two pieces, committed, so that other connections see it."""
    with transaction.atomic():
        return paid_part((tea, 2))
