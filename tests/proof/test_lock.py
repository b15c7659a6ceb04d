"""One step, one statement; and the order's lock: without it two words of one payment meet, and one of them is turned away by the database alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import pytest
from django.db import DatabaseError, connection

from orders.flow import payment
from orders.flow.payment import confirm_payment
from orders.flow.verification import verify_all
from orders.lifecycle.models import Order
from shop.states.machine import REASON_MAX, move, move_many
from shop.states.models import StateChange
from tests import world
from tests.distributors.sellers import at_once
from tests.orders import trade

pytestmark = pytest.mark.django_db(transaction=True)

# What makes the writing conditional, and with that a lock: the state that a row must still have.
CONDITIONS = {
    "lifecycle_mark_paid": " AND state = 'placed' AND payable_fen",
    "payments_succeed": " AND state <> 'succeeded'",
}


@contextmanager
def unconditional() -> Iterator[None]:
    """The functions of the database as somebody would write them who forgot the conditions."""
    real = []
    with connection.cursor() as cursor:
        for name, condition in CONDITIONS.items():
            cursor.execute("SELECT pg_get_functiondef(%s::regproc)", [name])
            (text,) = cursor.fetchone()
            assert condition in text
            real.append(text)
            cursor.execute(text.replace(condition, " AND payable_fen" if "payable" in condition else ""))
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for text in real:
                cursor.execute(text)


def two_words_at_once(patch: pytest.MonkeyPatch) -> list[Any]:
    """The gateway tells of one payment twice, in two processes that both have read before one of them writes."""
    world.rule()
    order = trade.placed((world.product(world.yunling(), "云岭白茶"), 2, world.ahe()))
    said = trade.said_paid(trade.start(order))
    both_have_read = Barrier(2)
    real = payment._pay_at_once

    def together(*facts: Any, **more: Any) -> bool:
        both_have_read.wait(timeout=10)
        return real(*facts, **more)

    patch.setattr(payment, "_pay_at_once", together)
    outcomes = at_once(*[lambda: confirm_payment(gateway_name=trade.RAIL, state=said, now=world.now())] * 2)
    return sorted(one if isinstance(one, str) else "refused" for one in outcomes)


def test_with_the_lock_one_applies_and_the_other_has_seen_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert two_words_at_once(monkeypatch) == ["applied", "seen"]
    assert verify_all(now=world.now()) == []


def test_without_the_lock_the_database_must_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    with unconditional():
        assert two_words_at_once(monkeypatch) == ["applied", "refused"]
    assert verify_all(now=world.now()) == []


def test_a_step_that_fails_leaves_neither_state_nor_history() -> None:
    """Outside of any transaction, where nothing else would undo half of it: the row refuses, or the history does."""
    order = trade.placed((world.product(world.yunling(), "云岭白茶"), 2))
    before = StateChange.objects.count()
    for actor, changes in (("system", {"paid_fen": -1}), ("x" * 65, {})):
        assert not connection.in_atomic_block
        with pytest.raises(DatabaseError):
            move(order, "cancelled", actor=actor, at=world.now(), changes=changes)
        assert order.state == Order.objects.get(pk=order.pk).state == "placed"
        assert StateChange.objects.count() == before
    with pytest.raises(DatabaseError):
        move_many(Order, [order.pk], source="placed", to="cancelled", actor="x" * 65, at=world.now())
    assert (Order.objects.get(pk=order.pk).state, StateChange.objects.count()) == ("placed", before)
    move(order, "cancelled", actor="system", at=world.now(), reason="长" * (REASON_MAX + 1))
    assert StateChange.objects.latest("pk").reason == "长" * REASON_MAX
    assert Order.objects.get(pk=order.pk).state == "cancelled"
