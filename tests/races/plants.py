"""Mistakes we might have made, to be planted into the contending processes: each must turn some scenario red."""

from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Sum

from distributors.payouts import books
from distributors.payouts.models import Withdrawal
from orders.checkout import place
from shop.base import locks
from shop.ledger import chart
from shop.ledger.actions import InsufficientFunds
from shop.ledger.queries import balance_fen
from shop.states import machine
from shop.states.models import StateChange
from shop.work import idempotency
from shop.work.models import IdempotencyKey

_RESERVE = import_module("shop.stock.migrations.0003_reserve").RESERVE.replace("CREATE", "CREATE OR REPLACE", 1)
_SETTLE = import_module("distributors.commissions.migrations.0005_settling").SETTLE.replace(
    "CREATE", "CREATE OR REPLACE", 1
)

if TYPE_CHECKING:
    from tests.races.habits import Habits


def no_row_locks(habits: "Habits") -> None:
    """Rows are read instead of locked."""
    habits.everywhere(locks.lock_rows, lambda rows: list(rows.order_by("pk")))


def blind_moves(habits: "Habits") -> None:
    """States are looked at, then written: check-then-write."""

    def move(
        row: models.Model,
        to: str,
        *,
        actor: str,
        at: datetime,
        reason: str = "",
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        table, source = row.lifecycle, row.state
        if not table.allows(source, to):
            raise machine.StateConflict("no such edge")
        values = {"state": to, **(changes or {})}
        type(row)._default_manager.filter(pk=row.pk).update(**values)
        subject = machine.subject_of(row)
        StateChange.objects.create(subject=subject, source=source, target=to, actor=actor, reason=reason, at=at)
        for name, value in values.items():
            setattr(row, name, value)

    habits.everywhere(machine.move, move)


def counted_balance(habits: "Habits") -> None:
    """A withdrawal compares the balance with what it sees spoken for, and sets nothing aside in the books."""

    def reserve(withdrawal: Withdrawal, *, at: datetime) -> None:
        others = Withdrawal.objects.filter(store=withdrawal.store, state="requested").exclude(pk=withdrawal.pk)
        spoken_for = others.aggregate(fen=Sum("amount_fen"))["fen"] or 0
        if withdrawal.amount_fen > balance_fen(chart.store_available(withdrawal.store.code)) - spoken_for:
            raise InsufficientFunds("not enough")

    habits.everywhere(books.reserve, reserve)


def read_then_take(habits: "Habits") -> None:
    """Pieces are read without a lock and written back as read less what was wanted."""
    wrong = _RESERVE.replace("v_short json[];", "v_short json[];\n    v_left bigint;")
    wrong = wrong.replace(
        "        UPDATE stock_stockitem\n",
        "        SELECT on_hand INTO v_left FROM stock_stockitem WHERE sku_id = v_wanted.sku_id;\n"
        "        PERFORM pg_sleep(0.01);\n"
        "        UPDATE stock_stockitem\n",
    )
    wrong = wrong.replace(
        "on_hand = on_hand - v_wanted.quantity, reserved = reserved + v_wanted.quantity",
        "on_hand = v_left - v_wanted.quantity, reserved = received + returned - sold - v_left + v_wanted.quantity",
    ).replace("AND on_hand >= v_wanted.quantity", "AND v_left >= v_wanted.quantity")
    assert wrong.count("v_left") == 5
    habits.define(wrong, undo=_RESERVE)


def look_then_act(habits: "Habits") -> None:
    """An idempotency key is looked up first and written after the act."""

    def place_once(
        *, checkout: place.Checkout, once: idempotency.Once, answer: Callable[[place.Placed], Any], reading: Any = None
    ) -> tuple[int, Any, bool]:
        seen = idempotency.answered(once)
        if seen is not None:
            return (*seen, True)
        placed = place._prepare(checkout, checkout.note, place.facts_of(checkout.wish))
        body = answer(placed)
        place._write(placed, None, None)
        facts = {"request_hash": once.asked, "status": place.CREATED, "body": body}
        IdempotencyKey.objects.get_or_create(caller=once.caller, key=once.key, defaults=facts)
        return place.CREATED, body, False

    habits.everywhere(place.place_once, place_once)


def settle_unclaimed(habits: "Habits") -> None:
    """Due commissions are read, then settled, without a claim; between the two passes the time of a slow disk."""
    unclaimed = _SETTLE.replace("FOR NO KEY UPDATE SKIP LOCKED", "")
    slow = unclaimed.replace(
        "WHERE c.state = 'frozen'", "WHERE (SELECT pg_sleep(0.05)) IS NOT NULL AND c.state = 'frozen'"
    )
    assert _SETTLE != unclaimed != slow
    habits.define(slow, undo=_SETTLE)


def settle_slowly(habits: "Habits") -> None:
    """Settling claims as it should, and takes the time of a slow disk over it."""
    slow = _SETTLE.replace(
        "WHERE c.state = 'frozen'", "WHERE (SELECT pg_sleep(0.02)) IS NOT NULL AND c.state = 'frozen'"
    )
    assert slow != _SETTLE
    habits.define(slow, undo=_SETTLE)


def locks_as_they_come(habits: "Habits") -> None:
    """Stock rows are taken in the order of the cart, and nobody tries again."""
    wrong = _RESERVE.replace(" ORDER BY w.sku_id", "").replace(
        "    END LOOP;", "        PERFORM set_config('deadlock_timeout', '20ms', true), pg_sleep(0.01);\n    END LOOP;"
    )
    assert wrong.count("pg_sleep") == 1 and "ORDER BY" not in wrong
    habits.define(wrong, undo=_RESERVE)
    habits.replace(locks, "_CONTENTION", frozenset())
