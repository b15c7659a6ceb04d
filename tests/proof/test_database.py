"""What the database itself refuses of a trade, also to code that forgot to ask."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from distributors.payouts.models import Withdrawal
from orders.lifecycle.models import Order
from tests import world
from tests.orders import trade

pytestmark = pytest.mark.django_db


# What an order's sums are made of (M7).
SUMS = {
    "lifecycle_order": ("goods_fen", "discount_fen", "freight_fen", "payable_fen", "paid_fen"),
    "lifecycle_supplierorder": ("goods_fen", "discount_fen", "freight_fen", "payable_fen"),
    "lifecycle_orderline": (
        "unit_fen",
        "quantity",
        "discount_fen",
        "paid_fen",
        "supplier_fen",
        "subsidy_fen",
        "pool_fen",
    ),
    "payments_payment": ("amount_fen",),
}


@pytest.fixture
def order() -> Order:
    """苏 bought two teas through 阿禾, whom 林 recruited; both earn."""
    world.rule()
    return trade.bought((world.product(world.yunling(), "云岭白茶"), 2, world.ahe()))


def refused(statement: str, *values: object) -> str:
    """Run a statement that must be refused; return the name of what refused it."""
    with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
    return error.value.__cause__.diag.constraint_name


def again(table: str, **changed: str) -> str:
    """Return an INSERT of the table's rows once more, with some columns changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s "
            "AND column_name <> 'id' ORDER BY ordinal_position",
            [table],
        )
        columns = [name for (name,) in cursor.fetchall()]
    values = [changed.get(name, name) for name in columns]
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {table}"


def test_a_line_that_pays_its_own_buyer(order: Order) -> None:
    for store, column in ((world.ahe(), "store_id"), (world.lin(), "referrer_store_id")):
        buyer = world.customer(store.distributor.user.name)
        own = world.place(buyer, [(world.product(world.yunling(), "白毫"), 1)])
        line = again("lifecycle_orderline", line="line + 9", order_id=str(own.pk), **{column: str(store.pk)})
        assert refused(f"{line} WHERE order_id = {order.pk}") == "settlements_line_not_own"


def test_the_sums_of_an_order_after_it_was_placed(order: Order) -> None:
    """No column of a sum changes, nothing joins an order that adds up, and what was paid is not unsaid."""
    for table, columns in SUMS.items():
        for column in columns:
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"UPDATE {table} SET {column} = {column} + 1")
    line = again("lifecycle_orderline", line="line + 1", level1_fen="0", level2_fen="0")
    assert refused(line) == "sums_kept_by_lines"
    free = {"discount_fen": "unit_fen * quantity", "paid_fen": "0", "supplier_fen": "0", "pool_fen": "0"}
    gift = again("lifecycle_orderline", line="line + 1", level1_fen="0", level2_fen="0", **free)
    assert refused(gift) == "sums_kept_by_lines"
    world.yangshan()
    part = {"number": "number || 'x'", "supplier_id": "(SELECT max(id) FROM suppliers_supplier)"}
    assert refused(again("lifecycle_supplierorder", **part)) == "sums_kept_by_parts"
    less = part | {"goods_fen": "-100", "freight_fen": "100", "payable_fen": "0"}
    assert refused(again("lifecycle_supplierorder", **less)) == "sums_kept_by_parts"
    assert refused("UPDATE lifecycle_order SET paid_fen = 0") == "lifecycle_order_paid_stays"


@pytest.mark.parametrize(
    "changed",
    [
        {"line": "line + 1"},
        {"level": "3 - level", "line": "line + 1"},
        {"amount_fen": "amount_fen - 1", "line": "9"},
    ],
)
def test_a_commission_nobody_promised(order: Order, changed: dict[str, str]) -> None:
    assert refused(again("commissions_commission", **changed)) == "settlements_commission_promised"


def test_another_sum_than_promised(order: Order) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM commissions_commission WHERE level = 2")
        cursor.execute("SET LOCAL session_replication_role = origin")
    one_more = again("commissions_commission", level="2", store_id=str(world.lin().pk))
    assert refused(one_more) == "settlements_commission_promised"


@pytest.mark.parametrize(
    ("table", "guard"),
    [
        ("commissions_commission", "settlements_commission_due"),
        ("settlements_earning", "settlements_earning_due"),
    ],
)
def test_money_that_comes_due_before_the_window_ends(order: Order, table: str, guard: str) -> None:
    late = world.now() + timedelta(days=60)
    statement = f"UPDATE {table} SET due_at = %s" + (
        " WHERE order_line_id IS NOT NULL" if table == "settlements_earning" else ""
    )
    assert refused(statement, late) == guard

    trade.ship(order)
    trade.receive(order)
    assert refused(statement, world.now() + timedelta(days=6)) == guard
    with connection.cursor() as cursor:
        cursor.execute(statement, [late])


def test_two_events_that_move_the_money_of_one_payment(order: Order) -> None:
    row = (
        "INSERT INTO payments_gatewaynotice (gateway, event_id, kind, number, state, amount_fen, raw, received_at, "
        "outcome) VALUES ('sandbox', %s, 'payment', 'P1', 'paid', 1, '{}', now(), %s)"
    )
    with connection.cursor() as cursor:
        cursor.execute(row, ["E1", "applied"])
        cursor.execute(row, ["E2", "seen"])
    assert refused(row, "E3", "applied") == "notice_applied_once"
    assert refused(row, "E1", "seen") == "notice_once"


def test_one_bill_for_two_withdrawals(order: Order) -> None:
    facts = {"store": world.ahe(), "amount_fen": 100, "openid": "o", "real_name": "何禾", "gateway": "sandbox"}
    Withdrawal.objects.create(**facts, state="sending", bill_id="B1", requested_at=world.now())
    assert refused(again("payouts_withdrawal", number="number || 'x'")) == "payouts_bill_once"
