"""The order's lock: without it two words of one payment meet, and one of them is turned away by the database alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from orders.flow import payment
from orders.flow.payment import confirm_payment
from orders.flow.verification import verify_all
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
