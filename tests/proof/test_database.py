"""What the database itself refuses of a trade, also to code that forgot to ask."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from distributors.payouts.models import Withdrawal
from orders.flow import reversal
from orders.flow.reversal import withhold_refund
from orders.lifecycle.models import Order
from orders.payments.models import Refund
from orders.settlements import statements
from orders.settlements.models import Statement
from shop.states.machine import move_many
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


def test_an_order_is_paid_with_its_money_only(order: Order) -> None:
    waiting = trade.placed((world.product(world.yunling(), "云岭白茶"), 1))
    facts = {"source": "placed", "to": "paid", "actor": "system", "at": world.now()}
    with pytest.raises(IntegrityError, match="order_paid_as_its_state_says"), transaction.atomic():
        move_many(Order, [waiting.pk], **facts)
    said = "order_paid_as_its_state_says"
    assert refused("UPDATE lifecycle_order SET paid_fen = payable_fen WHERE state = 'placed'") == said
    assert (
        refused("UPDATE lifecycle_order SET state = 'refunded' WHERE state = 'paid'") == "order_refunded_is_all_of_it"
    )


def test_what_went_back_is_never_counted_down(order: Order) -> None:
    """Else the next refund would give it back again."""
    give_back(order, 4_000)
    counters = {
        "lifecycle_order": ("refunded_fen",),
        "lifecycle_supplierorder": ("refunded_fen",),
        "lifecycle_orderline": ("refunded_fen", "refunded_quantity"),
        "payments_payment": ("refunded_fen", "refund_count"),
        "settlements_earning": ("deducted_fen",),
    }
    for table, columns in counters.items():
        for column in columns:
            assert refused(f"UPDATE {table} SET {column} = {column} - 1 WHERE {column} > 0") == f"{table}_stays"


def test_refunds_that_nobody_counted(order: Order) -> None:
    """Also where the counters were not looked at, a payment and a line give back no more than they brought."""
    give_back(order, 4_000)
    half = {"number": "number || 'x'", "amount_fen": f"{order.payable_fen - 4_000}"}
    with connection.cursor() as cursor:
        cursor.execute(again("payments_refund", **half))
    assert refused(again("payments_refund", number="number || 'y'", amount_fen="1")) == "payments_refund_within"
    other = "(SELECT max(id) FROM payments_refund)"
    more = {"refund_id": other, "amount_fen": "(SELECT max(paid_fen) FROM lifecycle_orderline) - 3999", "quantity": "0"}
    assert refused(again("payments_refundline", **more)) == "payments_refundline_within"
    more = {"refund_id": other, "amount_fen": "1", "quantity": "2"}
    assert refused(again("payments_refundline", **more)) == "payments_refundline_within"


def give_back(order: Order, fen: int) -> None:
    facts = {"cause": "staff", "restock": False, "actor": "staff:U1", "now": world.now()}
    reversal.refund(order_number=order.number, lines={1: (1, fen)}, freight_fen=0, **facts)


def test_a_return_window_that_has_begun(order: Order) -> None:
    early = "UPDATE lifecycle_orderline SET received_at = now(), window_ends_at = now() + interval '6 days'"
    assert refused(early) == "lifecycle_orderline_window"
    trade.ship(order)
    trade.receive(order)
    for column in ("received_at", "window_ends_at"):
        shorter = f"UPDATE lifecycle_orderline SET {column} = {column} - interval '1 second'"
        assert refused(shorter) in ("lifecycle_orderline_stays", "lifecycle_orderline_window")


def test_what_a_supplier_earned_and_was_told(order: Order) -> None:
    """As with a store's commission, the amount is what was agreed; and no row of it goes."""
    for change in ("amount_fen = amount_fen + 1", "supplier_id = supplier_id + 1", "order_line_id = NULL"):
        assert refused(f"UPDATE settlements_earning SET {change}") == "settlements_earning_facts"
    assert refused("DELETE FROM settlements_earning") == "settlements_earning_kept"
    trade.settle(trade.complete(order))
    unsettled = "UPDATE settlements_earning SET settled_at = NULL WHERE settled_at IS NOT NULL"
    assert refused(unsettled) == "settlements_earning_stays"

    statement = statements.issue_now(supplier=world.yunling(), actor=world.STAFF, now=world.now())
    assert refused("UPDATE settlements_statement SET opening_fen = 5, closing_fen = closing_fen + 5") == (
        "settlements_statement_facts"
    )
    statements.confirm_statement(statement=statement, actor="supplier:x", now=world.now())
    more = "UPDATE settlements_statement SET settled_fen = settled_fen + 1, closing_fen = closing_fen + 1"
    assert refused(more) == "settlements_statement_agreed"
    assert refused("DELETE FROM settlements_statement") == "settlements_statement_kept"
    statements.pay_statement(statement=Statement.objects.get(), actor=world.STAFF, now=world.now())
    assert refused("UPDATE settlements_supplierpayout SET amount_fen = 1") == "settlements_supplierpayout_facts"
    assert refused("DELETE FROM settlements_supplierpayout") == "settlements_supplierpayout_kept"


def test_what_was_said_of_money_and_pieces_stays(order: Order) -> None:
    for change in ("transaction_id = 'another'", "is_applied = false"):
        assert refused(f"UPDATE payments_payment SET {change}") == "payments_payment_stays"
    assert refused("UPDATE stock_reservation SET quantity = 1") == "stock_reservation_facts"
    assert refused("DELETE FROM stock_reservation") == "stock_reservation_kept"
    give_back(order, 100)
    for change in ("payment_id = payment_id + 1", "freight_fen = 1", "cause = 'late_payment'"):
        assert refused(f"UPDATE payments_refund SET {change}") == "payments_refund_facts"


def test_a_refund_is_void_only_when_others_took_its_whole_place(order: Order) -> None:
    """Else its money would be owed to nobody, or its number be sent after all."""
    give_back(order, 4_000)
    withhold_refund(number=Refund.objects.get().number, reason="x", now=world.now())
    place, whole = "payments_refund_replaced", "SET CONSTRAINTS payments_refund_replaced IMMEDIATE;"
    void = "UPDATE payments_refund SET state = 'voided' WHERE replaces_id IS NULL;"
    assert refused(whole + void) == place
    less = again("payments_refund", number="number || 'x'", amount_fen="3999", state="'failed'", replaces_id="id")
    other = again("payments_refund", number="number || 'x'", state="'failed'", replaces_id="id")
    assert refused(f"{void}{less};{whole}") == place
    # As much money, and nothing of its pieces.
    assert refused(f"{void}{other};{whole}") == place
    lines = again("payments_refundline", refund_id="(SELECT max(id) FROM payments_refund)")
    with connection.cursor() as cursor:
        # One that is not void has its place itself.
        assert refused(f"{whole}{other}") in (place, "payments_refund_within")
        cursor.execute(f"{void}{other};{lines};{whole}")
    for state in ("requested", "sent", "succeeded", "failed"):
        with pytest.raises(IntegrityError, match="may not go"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE payments_refund SET state = '{state}' WHERE replaces_id IS NULL")
    for change in ("replaces_id = NULL", "replaces_id = id"):
        assert refused(f"UPDATE payments_refund SET {change} WHERE replaces_id IS NOT NULL") == "payments_refund_place"


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
