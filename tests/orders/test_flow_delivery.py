"""Goods travel: parcels, receipt by hand and by silence, and windows that close line by line."""

from datetime import timedelta

import pytest

from distributors.commissions.models import Commission
from orders.flow import aftersale, delivery, reversal
from orders.lifecycle.models import Order
from orders.settlements.models import Earning
from shop.base.errors import Conflict
from shop.work.models import Due
from tests import world
from tests.orders import trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def order() -> Order:
    """苏 has paid a tea (returnable for 7 days) and an orange crate (1 day) of one supplier."""
    world.rule()
    tea = world.product(world.yunling(), "云岭白茶")
    fresh = world.category("fruit", "水果", return_days=1)
    crate = world.product(world.yunling(), "橙子", on=fresh)
    return trade.bought((tea, 1, world.ahe()), (crate, 1, world.ahe()))


def send(order: Order, quantities: dict[int, int] | None = None, *, number: str = "SF1") -> None:
    delivery.ship(
        supplier_order=trade.parts(order)[0],
        carrier="顺丰速运",
        tracking_number=number,
        quantities=quantities,
        actor="supplier:yunling",
        now=world.now(),
    )


def due(what: str) -> list[Due]:
    return list(Due.objects.filter(what=what, state="open").order_by("due_at"))


def test_the_first_parcel_starts_the_time_of_silence(order: Order) -> None:
    send(order, {1: 1})

    part = trade.parts(order)[0]
    assert part.state == "shipped"
    assert part.auto_receive_at is not None
    assert part.auto_receive_at - world.now() > timedelta(days=9, hours=23)
    assert [row.subject for row in due("supplier_order.receive")] == [part.number]
    assert len(due("shipping.upload")) == 1


def test_a_later_parcel_gives_the_time_anew(order: Order) -> None:
    send(order, {1: 1}, number="SF1")
    first = trade.parts(order)[0].auto_receive_at
    send(order, {2: 1}, number="SF2")

    second = trade.parts(order)[0].auto_receive_at
    assert first is not None and second is not None and second > first
    assert [row.due_at for row in due("supplier_order.receive")] == [second]


def test_what_never_left_cannot_have_arrived(order: Order) -> None:
    send(order, {1: 1})
    part = trade.parts(order)[0]

    with pytest.raises(delivery.NotAllShipped):
        delivery.confirm_receipt(supplier_order=part, actor="user:U1", now=world.now())
    assert part.auto_receive_at is not None
    delivery.receive_overdue(number=part.number, now=part.auto_receive_at)
    assert trade.parts(order)[0].state == "shipped"
    assert due("supplier_order.receive")[0].due_at == part.auto_receive_at + timedelta(days=1)


def test_silence_receives_and_no_sooner(order: Order) -> None:
    send(order)
    part = trade.parts(order)[0]
    assert part.auto_receive_at is not None

    delivery.receive_overdue(number=part.number, now=part.auto_receive_at - timedelta(seconds=1))
    assert trade.parts(order)[0].state == "shipped"
    delivery.receive_overdue(number=part.number, now=part.auto_receive_at)
    assert trade.parts(order)[0].state == "received"


def test_each_line_closes_when_its_own_window_does(order: Order) -> None:
    send(order)
    trade.receive(order)
    part = trade.parts(order)[0]
    tea, crate = trade.lines(order)
    assert tea.window_ends_at is not None and crate.window_ends_at is not None

    delivery.complete_supplier_order(number=part.number, now=crate.window_ends_at)
    assert [line.completed_at is not None for line in trade.lines(order)] == [False, True]
    assert set(Commission.objects.exclude(due_at=None).values_list("line", flat=True)) == {2}
    assert list(Earning.objects.exclude(due_at=None).values_list("order_line__line", flat=True)) == [2]
    assert due("supplier_order.complete")[0].due_at == tea.window_ends_at

    delivery.complete_supplier_order(number=part.number, now=tea.window_ends_at)
    order.refresh_from_db()
    assert (order.state, trade.parts(order)[0].state) == ("completed", "completed")
    assert not Earning.objects.filter(due_at=None).exists()


def test_nothing_is_due_while_a_window_is_open(order: Order) -> None:
    send(order)
    trade.receive(order)
    part = trade.parts(order)[0]

    delivery.complete_supplier_order(number=part.number, now=world.now())

    assert trade.settle(world.now() + timedelta(days=365)) == (0, 0)


def test_an_open_case_holds_its_line_and_no_other(order: Order) -> None:
    send(order)
    trade.receive(order)
    case = aftersale.open_aftersale(
        user=order.user,
        order_number=order.number,
        line=1,
        kind="refund_only",
        reason="quality",
        quantity=1,
        now=world.now(),
    )
    later = world.now() + timedelta(days=30)
    part = trade.parts(order)[0]

    delivery.complete_supplier_order(number=part.number, now=later)
    assert [line.completed_at is not None for line in trade.lines(order)] == [False, True]
    assert trade.parts(order)[0].state == "received"
    assert set(Commission.objects.filter(line=1).values_list("state", flat=True)) == {"held"}

    aftersale.withdraw(aftersale=case, actor="user:U1", now=later)
    assert due("supplier_order.complete")[0].due_at == later
    delivery.complete_supplier_order(number=part.number, now=later)
    assert trade.parts(order)[0].state == "completed"
    # Two commissions and an earning per line, and the freight.
    assert trade.settle(later) == (4, 3)


def test_money_on_its_way_back_keeps_the_order_from_ending(order: Order) -> None:
    refund = reversal.refund(
        order_number=order.number,
        lines={1: (0, 100)},
        freight_fen=0,
        cause="staff",
        restock=False,
        actor="staff:U1",
        now=world.now(),
    )
    later = trade.complete(order)
    assert order.state == "paid"

    trade.arrives(refund)
    delivery.complete_supplier_order(number=trade.parts(order)[0].number, now=later)
    order.refresh_from_db()
    assert order.state == "completed"
    assert trade.clearing(order) == 0


def test_a_receipt_is_confirmed_once(order: Order) -> None:
    send(order)
    trade.receive(order)
    with pytest.raises(Conflict):
        delivery.confirm_receipt(supplier_order=trade.parts(order)[0], actor="user:U1", now=world.now())
