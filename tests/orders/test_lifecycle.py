"""An order's record: its states, its stamps, what was given back, and who may see it."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from orders.lifecycle import actions, queries
from orders.lifecycle.actions import OrderPaidAlready, RefundTooLarge
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from shop.base.errors import Conflict, NotFound
from shop.states.machine import StateConflict
from shop.states.models import StateChange
from tests import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def su():
    return world.customer("苏 Su")


@pytest.fixture
def goods():
    """One product of each supplier."""
    return (
        world.product(world.yunling(), "云岭白茶", supply_fen=6_000, retail_fen=9_800),
        world.product(world.yangshan(), "阳山蜜桃", supply_fen=0, retail_fen=4_500),
    )


@pytest.fixture
def order(su, goods):
    """Two teas and a peach: ¥196 + ¥10 freight, ¥45 + ¥8 freight."""
    tea, peach = goods
    return world.place(su, [(tea, 2), (peach, 1)])


@pytest.mark.parametrize("model", [Order, SupplierOrder, OrderLine])
def test_the_database_writes_every_column_of_a_new_order(model):
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'lifecycle_place'")
        (source,) = cursor.fetchone()
    table = model._meta.db_table
    named = source.partition(f"INSERT INTO {table} (")[2].partition(")")[0].split(", ")
    # Until when a parcel is promised follows from the payment; a trigger writes it then.
    assert set(named) == {field.column for field in model._meta.concrete_fields} - {"id", "dispatch_by_at"}


def pay(order):
    actions.mark_paid(order=order, paid_fen=order.payable_fen, actor="system", at=world.now())
    return order


def parts(order):
    return list(order.supplier_orders.order_by("pk"))


def states(order):
    return [order.state, *(part.state for part in parts(order))]


def ship(part):
    at = world.now()
    actions.mark_shipped(supplier_order=part, auto_receive_at=at + timedelta(days=10), actor="supplier:yunling", at=at)


def history(subject):
    return list(StateChange.objects.filter(subject=subject).order_by("pk").values_list("source", "target", "actor"))


def test_the_whole_life_of_an_order(order):
    pay(order)
    assert states(order) == ["paid", "to_ship", "to_ship"]
    first, second = parts(order)
    for part in (first, second):
        ship(part)
        received_at = world.now()
        lines = actions.mark_received(supplier_order=part, actor="system", at=received_at)
        assert [line.window_ends_at for line in lines] == [received_at + timedelta(days=7)]
    later = world.now() + timedelta(days=7)
    actions.mark_completed(supplier_order=first, actor="system", at=later)
    order.refresh_from_db()
    assert states(order) == ["paid", "completed", "received"]
    ended = actions.mark_completed(supplier_order=second, actor="system", at=later)

    assert states(ended) == ["completed", "completed", "completed"]
    assert ended.completed_at == later
    assert set(order.lines.values_list("completed_at", flat=True)) == {later}
    assert history(f"order:{order.number}") == [("placed", "paid", "system"), ("paid", "completed", "system")]
    assert [row[:2] for row in history(f"supplier_order:{first.number}")] == [
        ("waiting", "to_ship"),
        ("to_ship", "shipped"),
        ("shipped", "received"),
        ("received", "completed"),
    ]


def test_an_order_is_paid_once_and_in_full(order):
    with pytest.raises(Conflict) as wrong:
        actions.mark_paid(order=order, paid_fen=order.payable_fen - 1, actor="system", at=world.now())
    assert wrong.value.code == "wrong_amount"
    assert states(order) == ["placed", "waiting", "waiting"]
    pay(order)
    stale = Order.objects.get(pk=order.pk)
    stale.state = "placed"
    for again in (order, stale):
        with pytest.raises((OrderPaidAlready, StateConflict)):
            pay(again)
    assert len(history(f"order:{order.number}")) == 1


def test_the_database_takes_no_part_payment(order):
    with pytest.raises(DatabaseError, match="order_paid_all_or_nothing"), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(paid_fen=1)


def test_giving_up_closes_the_parts(order):
    actions.mark_cancelled(order=order, reason="买错了", actor="user:U1", at=world.now())

    order.refresh_from_db()
    assert states(order) == ["cancelled", "closed", "closed"]
    assert order.cancel_reason == "买错了"
    with pytest.raises(OrderPaidAlready):
        pay(order)


def test_a_paid_order_is_not_given_up(order):
    pay(order)

    with pytest.raises(StateConflict):
        actions.mark_cancelled(order=order, reason="x", actor="user:U1", at=world.now())
    assert states(order) == ["paid", "to_ship", "to_ship"]


def test_completion_waits_for_the_window(order):
    part = parts(pay(order))[0]
    ship(part)
    actions.mark_received(supplier_order=part, actor="system", at=world.now())

    with pytest.raises(Conflict) as refusal:
        actions.mark_completed(supplier_order=part, actor="system", at=world.now() + timedelta(days=6, hours=23))

    assert refusal.value.code == "window_open"
    assert states(order)[1] == "received"


def test_receipt_can_be_put_off_but_not_brought_forward(order):
    part = parts(pay(order))[0]
    ship(part)
    due = part.auto_receive_at

    actions.postpone_receipt(supplier_order=part, auto_receive_at=due - timedelta(days=1))
    part.refresh_from_db()
    assert part.auto_receive_at == due
    actions.postpone_receipt(supplier_order=part, auto_receive_at=due + timedelta(days=5))
    part.refresh_from_db()
    assert part.auto_receive_at == due + timedelta(days=5)


def test_refunds_count_on_line_part_and_order(order):
    pay(order)
    first, second = parts(order)

    assert actions.add_refund(order=order, lines={1: (1, 9_800)}, freight_fen={second.pk: 800}) == 10_600
    assert actions.add_refund(order=order, lines={1: (0, 100)}) == 100

    order.refresh_from_db()
    line = order.lines.get(line=1)
    first.refresh_from_db()
    second.refresh_from_db()
    assert order.refunded_fen == 10_700
    assert (line.refunded_quantity, line.refunded_fen) == (1, 9_900)
    assert (first.refunded_fen, first.freight_refunded_fen) == (9_900, 0)
    assert (second.refunded_fen, second.freight_refunded_fen) == (800, 800)


@pytest.mark.parametrize(
    ("lines", "freight"),
    [
        ({1: (3, 100)}, {}),
        ({1: (1, 19_601)}, {}),
        ({2: (1, 4_501)}, {}),
        ({9: (1, 1)}, {}),
        ({1: (-1, 100)}, {}),
        ({1: (1, -100)}, {}),
        ({1: (0, 0)}, {}),
        ({}, {}),
        ({}, {"first": 1_001}),
        ({}, {"first": -1}),
        ({}, {"unknown": 1}),
    ],
)
def test_more_than_was_paid_never_goes_back(order, lines, freight):
    pay(order)
    ids = {"first": parts(order)[0].pk, "unknown": 10**9}

    with pytest.raises(RefundTooLarge), transaction.atomic():
        actions.add_refund(order=order, lines=lines, freight_fen={ids[name]: fen for name, fen in freight.items()})

    assert Order.objects.get(pk=order.pk).refunded_fen == 0
    assert not OrderLine.objects.filter(refunded_quantity__gt=0).exists()


def test_nothing_goes_back_of_an_unpaid_order(order):
    with pytest.raises(RefundTooLarge), transaction.atomic():
        actions.add_refund(order=order, lines={1: (1, 9_800)})


def test_an_order_given_back_whole_is_refunded(order):
    pay(order)
    first, second = parts(order)
    actions.add_refund(
        order=order, lines={1: (2, 19_600), 2: (1, 4_500)}, freight_fen={first.pk: 1_000, second.pk: 800}
    )
    for part in (first, second):
        assert actions.end_order(order=order, actor="system", at=world.now()) is False
        actions.close_part(supplier_order=part, reason="refunded", actor="system", at=world.now())

    assert actions.end_order(order=order, actor="system", at=world.now()) is True
    assert states(order) == ["refunded", "closed", "closed"]
    assert actions.end_order(order=order, actor="system", at=world.now()) is False


@pytest.mark.parametrize(
    ("model", "column", "value"),
    [
        (Order, "payable_fen", 1),
        (Order, "user_id", 1),
        (SupplierOrder, "freight_fen", 0),
        (OrderLine, "unit_fen", 1),
        (OrderLine, "paid_fen", 1),
        (OrderLine, "level1_fen", 1),
        (OrderLine, "store_id", 1),
        (OrderLine, "credit_evidence", {"won": "me"}),
        (OrderLine, "return_days", 700),
    ],
)
def test_what_was_promised_cannot_be_rewritten(order, model, column, value):
    with pytest.raises(DatabaseError, match="promised"), transaction.atomic():
        model.objects.update(**{column: value})


def test_saving_an_order_unchanged_is_no_change(order):
    order.refresh_from_db()
    before = (list(Order.objects.values()), list(OrderLine.objects.values()))
    order.save()
    for line in order.lines.all():
        line.save()
    assert (list(Order.objects.values()), list(OrderLine.objects.values())) == before


@pytest.mark.parametrize("model", [Order, SupplierOrder, OrderLine])
def test_what_was_promised_cannot_be_deleted(order, model):
    with pytest.raises(DatabaseError, match="promised"), transaction.atomic():
        model.objects.filter(pk__gt=0)._raw_delete("default")


@pytest.mark.parametrize("surplus_fen", [1, -1])
def test_the_commit_compares_an_order_with_its_parts(order, surplus_fen):
    with pytest.raises(DatabaseError, match="sum of its parts"):
        write_copy(order, surplus_fen)


@transaction.atomic
def write_copy(order, surplus_fen):
    """Write an order like another one whose sum is off, and commit it as far as a test can."""
    own_parts, own_lines = parts(order), list(order.lines.all())
    order.pk, order.number = None, "O-odd"
    order.goods_fen += surplus_fen
    order.payable_fen += surplus_fen
    order.save()
    for part in own_parts:
        lines = [line for line in own_lines if line.supplier_order_id == part.pk]
        part.pk, part.number, part.order = None, f"{part.number}-odd", order
        part.save()
        for line in lines:
            line.pk, line.order, line.supplier_order = None, order, part
            line.save()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS lifecycle_order_sums IMMEDIATE")


def test_audit_views_show_what_finance_asks_for(order, goods):
    pay(order)
    with connection.cursor() as cursor:
        cursor.execute("SELECT number, state, goods_fen, payable_fen, paid_fen FROM audit.orders")
        assert cursor.fetchall() == [(order.number, "paid", 24_100, 25_900, 25_900)]
        cursor.execute("SELECT line, sku, quantity, paid_fen, pool_fen FROM audit.order_lines ORDER BY line")
        assert cursor.fetchall() == [
            (1, world.sku_of(goods[0]).number, 2, 19_600, 7_600),
            (2, world.sku_of(goods[1]).number, 1, 4_500, 225),
        ]


def test_customers_see_their_own_orders_only(order, goods):
    zhou = world.customer("周 Zhou")
    hers = world.place(zhou, [(goods[0], 1)])

    assert list(queries.orders_of(zhou)) == [hers]
    assert queries.order_of(order.user, order.number) == order
    assert queries.line_of(order.user, order.number, 2).title == "阳山蜜桃"
    assert queries.part_of(order.user, parts(order)[0].number) == parts(order)[0]
    for ask in (
        lambda: queries.order_of(zhou, order.number),
        lambda: queries.line_of(zhou, order.number, 1),
        lambda: queries.part_of(zhou, parts(order)[0].number),
        lambda: queries.order_of(zhou, "O0000000000000000"),
    ):
        with pytest.raises(NotFound):
            ask()


def test_suppliers_see_their_own_parts_of_paid_orders(order):
    assert list(queries.supplier_orders_of(world.yunling())) == []
    pay(order)
    first, second = parts(order)

    assert list(queries.supplier_orders_of(world.yunling())) == [first]
    assert queries.supplier_order_of(world.yangshan(), second.number) == second
    with pytest.raises(NotFound):
        queries.supplier_order_of(world.yunling(), second.number)


def test_a_store_sees_its_sales_and_no_more_of_the_customer_than_needed(su, goods):
    world.rule()
    ahe, lin = world.ahe(), world.lin()
    world.place(world.customer("周 Zhou"), [(goods[0], 1)])
    sold = world.place(world.led_by(ahe, su), [(goods[0], 2)])

    shown = [queries.seen_by_store(row) for row in queries.orders_of_store(ahe)]

    assert [one.number for one in shown] == [sold.number]
    assert (shown[0].buyer, shown[0].place) == ("苏***", "浙江省 杭州市")
    assert (shown[0].paid_fen, shown[0].earns_fen) == (19_600, 1_960)
    assert list(queries.orders_of_store(lin)) == []
    text = repr(shown[0])
    for secret in (su.phone, su.number, "灵隐路", "苏 Su", "西湖区"):
        assert secret not in text


def test_lists_take_the_same_statements_for_one_and_for_three_orders(su, goods, django_assert_num_queries):
    ahe, yunling = world.ahe(), world.yunling()
    world.led_by(ahe, su)
    for count in (1, 3):
        while Order.objects.count() < count:
            pay(world.place(su, [(goods[0], 1), (goods[1], 1)]))
        with django_assert_num_queries(4):
            shown = [
                [(line.title, part.supplier.name) for part in row.supplier_orders.all() for line in part.lines.all()]
                + [line.product.number for line in row.lines.all()]
                for row in queries.with_parts(queries.orders_of(su))
            ]
        assert len(shown) == count
        with django_assert_num_queries(2):
            assert len([len(row.lines.all()) for row in queries.supplier_orders_of(yunling)]) == count
        with django_assert_num_queries(2):
            assert len([queries.seen_by_store(row) for row in queries.orders_of_store(ahe)]) == count


def test_newest_first(su, goods):
    numbers = [world.place(su, [(goods[0], 1)]).number for _order in range(3)]

    assert [order.number for order in queries.orders_of(su)] == numbers[::-1]
