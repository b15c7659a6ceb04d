"""Lives: no edge outside the tables, neither in the code nor at the database; ends stay ends."""

import json
from contextlib import contextmanager

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from orders.lifecycle.models import Order, SupplierOrder
from orders.lifecycle.rules import ENDED, order_end
from orders.lifecycle.states import ORDER, SUPPLIER_ORDER, OrderState, SupplierOrderState
from shop.states.machine import StateConflict, move
from shop.states.models import StateChange
from tests import world

EDGES = [(Order, ORDER, source, target) for source in OrderState.values for target in OrderState.values] + [
    (SupplierOrder, SUPPLIER_ORDER, source, target)
    for source in SupplierOrderState.values
    for target in SupplierOrderState.values
]


def _row(model, source):
    """A row of an order of 苏 Su, put into a state behind the guards' back."""
    order = world.place(world.customer("苏 Su"), [(world.product(world.yunling(), "云岭白茶"), 1)])
    row = order if model is Order else order.supplier_orders.get()
    with triggers_off():
        model._default_manager.filter(pk=row.pk).update(state=source, **_money(row, source))
    row.refresh_from_db()
    return row


def _money(row, state):
    """What has been paid, and gone back, of an order that is to end as it may from this state."""
    if isinstance(row, SupplierOrder) or state in (OrderState.PLACED, OrderState.CANCELLED):
        return {}
    return {"paid_fen": row.payable_fen, "refunded_fen": row.payable_fen}


@contextmanager
def triggers_off():
    """Switch the guards off for a moment, as only the owner of the database can."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = origin")


@pytest.mark.django_db
@pytest.mark.parametrize(("model", "table", "source", "target"), EDGES)
def test_the_code_and_the_database_know_the_same_edges(model, table, source, target):
    row = _row(model, source)
    changes = {"paid_fen": row.payable_fen} if target == OrderState.PAID else {}
    before = StateChange.objects.count()

    if table.allows(source, target):
        move(row, target, actor="system", at=world.now(), changes=changes)
        assert model._default_manager.get(pk=row.pk).state == target
        assert StateChange.objects.count() == before + 1
        return
    with pytest.raises(StateConflict):
        move(row, target, actor="system", at=world.now(), changes=changes)
    if source != target:
        with pytest.raises(DatabaseError, match="may not go"), transaction.atomic():
            model._default_manager.filter(pk=row.pk).update(state=target)
    assert model._default_manager.get(pk=row.pk).state == source
    assert StateChange.objects.count() == before


@pytest.mark.django_db
def test_every_life_is_guarded_by_its_own_table():
    """The edges of each table stand in its trigger; a state the trigger does not name leads nowhere."""
    lives = {model._meta.db_table: model.lifecycle for model in apps.get_models() if hasattr(model, "lifecycle")}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, convert_from(trim(trailing '\\x00' FROM tgargs), 'UTF8') FROM pg_trigger"
            " WHERE tgfoid = 'states_guard'::regproc"
        )
        guarded = {table: json.loads(edges) for table, edges in cursor.fetchall()}
    said = {name: {(a, b) for a, after in life.edges.items() for b in after} for name, life in lives.items()}
    assert {name: {(a, b) for a, after in edges.items() for b in after} for name, edges in guarded.items()} == said

    row = _row(Order, "nowhere")
    with pytest.raises(DatabaseError, match="may not go"), transaction.atomic():
        Order.objects.filter(pk=row.pk).update(state=OrderState.PLACED)


@given(
    st.lists(st.sampled_from(SupplierOrderState.values), max_size=6),
    st.integers(1, 1000),
    st.integers(0, 1000),
)
def test_an_order_ends_only_when_every_part_has(states, paid_fen, refunded_fen):
    refunded_fen = min(paid_fen, refunded_fen)

    end = order_end(states, paid_fen=paid_fen, refunded_fen=refunded_fen)

    if not states or set(states) - ENDED:
        assert end is None
    else:
        assert end == (OrderState.REFUNDED if refunded_fen == paid_fen else OrderState.COMPLETED)
        assert ORDER.allows(OrderState.PAID, end)
