"""The order's lock: without it two notices of one payment meet, and one of them is turned away by the database alone."""

from threading import Barrier
from typing import Any

import pytest
from django.db import models

from orders.flow import payment
from orders.flow.payment import confirm_payment
from orders.flow.verification import verify_all
from tests import world
from tests.distributors.sellers import at_once
from tests.orders import trade

pytestmark = pytest.mark.django_db(transaction=True)


def two_words_at_once() -> list[Any]:
    """The gateway tells of one payment twice, in two processes at the same moment."""
    world.rule()
    order = trade.placed((world.product(world.yunling(), "云岭白茶"), 2, world.ahe()))
    said = trade.said_paid(trade.start(order))
    outcomes = at_once(*[lambda: confirm_payment(gateway_name=trade.RAIL, state=said, now=world.now())] * 2)
    return sorted(one if isinstance(one, str) else "refused" for one in outcomes)


def test_with_the_lock_one_applies_and_the_other_has_seen_it() -> None:
    assert two_words_at_once() == ["applied", "seen"]
    assert verify_all(now=world.now()) == []


def test_without_the_lock_the_database_must_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    both_have_read = Barrier(2)

    def unlocked(rows: models.QuerySet[Any]) -> list[Any]:
        found = list(rows.order_by("pk"))
        if found and found[0]._meta.model_name == "payment":
            both_have_read.wait(timeout=10)
        return found

    monkeypatch.setattr(payment, "lock_rows", unlocked)
    assert two_words_at_once() == ["applied", "refused"]
    assert verify_all(now=world.now()) == []
