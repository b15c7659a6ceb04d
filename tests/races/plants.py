"""Mistakes we might have made, to be planted into the contending processes: each must turn some scenario red."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.db.models import Sum

from distributors.payouts import books
from distributors.payouts.models import Withdrawal
from shop.base import locks
from shop.ledger import chart
from shop.ledger.actions import InsufficientFunds
from shop.ledger.queries import balance_fen
from shop.states import machine
from shop.states.models import StateChange
from shop.stock import actions as stock
from shop.work import idempotency
from shop.work.models import IdempotencyKey

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
    reading = stock._RESERVE.replace("FOR NO KEY UPDATE OF item", "")
    writing = reading.replace(
        "on_hand = item.on_hand - l.quantity, reserved = item.reserved + l.quantity",
        "on_hand = l.on_hand - l.quantity, reserved = item.received + item.returned - item.sold - l.on_hand + l.quantity",
    ).replace("item.on_hand >= l.quantity", "l.on_hand >= l.quantity")
    assert writing.count("l.on_hand - l.quantity") == 1
    habits.replace(stock, "_RESERVE", writing)


def look_then_act(habits: "Habits") -> None:
    """An idempotency key is looked up first and written after the act."""

    def once(*, caller: str, key: str, asked: str, act: Callable[[], tuple[int, Any]]) -> tuple[int, Any, bool]:
        seen = IdempotencyKey.objects.filter(caller=caller, key=key).first()
        if seen is not None:
            return (*idempotency._replay(seen, asked), True)
        with transaction.atomic():
            status, body = act()
        facts = {"request_hash": asked, "status": status, "body": body}
        IdempotencyKey.objects.get_or_create(caller=caller, key=key, defaults=facts)
        return status, body, False

    habits.everywhere(idempotency.once, once)
