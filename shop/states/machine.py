"""Transition tables and the one way to change a state."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from shop.base.errors import Conflict
from shop.states.models import StateChange


@dataclass(frozen=True)
class Table:
    """A lifecycle: its name and, for each state, the states that may follow."""

    name: str
    edges: Mapping[str, tuple[str, ...]]

    def allows(self, source: str, target: str) -> bool:
        return target in self.edges.get(source, ())

    def ends(self) -> set[str]:
        """Return the states nothing follows."""
        return {state for state, after in self.edges.items() if not after}


class StateConflict(Conflict):
    """The row is no longer in the state the caller saw, or the table has no such edge."""

    code = "state_conflict"


def subject_of(row: models.Model) -> str:
    """Return the name a row has in the history: ``order:O7K…`` (its public number, else its id)."""
    table: Table = row.lifecycle  # type: ignore[attr-defined]
    return f"{table.name}:{getattr(row, 'number', None) or row.pk}"


def move(
    row: models.Model,
    to: str,
    *,
    actor: str,
    at: datetime,
    reason: str = "",
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Move ``row`` to state ``to``: one conditional UPDATE and one history row.

    ``changes`` are written by the same UPDATE (a ``paid_at``, say). ``actor`` is ``"system"``,
    ``"user:<number>"``, ``"staff:<number>"`` and so on. Raises :class:`StateConflict` when the
    table has no such edge or someone was faster; nothing is written then.
    """
    table: Table = row.lifecycle  # type: ignore[attr-defined]
    source: str = row.state  # type: ignore[attr-defined]
    if not table.allows(source, to):
        raise StateConflict(
            _("This cannot be done any more: it is “%(source)s” now.") % {"source": source},
            extra={"subject": subject_of(row), "from": source, "to": to},
        )
    values = {"state": to, **(changes or {})}
    with transaction.atomic():
        moved = type(row)._default_manager.filter(pk=row.pk, state=source).update(**values)
        if moved != 1:
            raise StateConflict(
                _("Someone was faster. Reload the page to see the present state."),
                extra={"subject": subject_of(row), "from": source, "to": to},
            )
        StateChange.objects.create(subject=subject_of(row), source=source, target=to, actor=actor, reason=reason, at=at)
    for name, value in values.items():
        setattr(row, name, value)


def move_many(
    model: type[models.Model],
    ids: Iterable[int],
    *,
    source: str,
    to: str,
    actor: str,
    at: datetime,
    reason: str = "",
) -> list[int]:
    """Move every row that is still in ``source``; return the ids moved, in order.

    Three statements whatever the number of rows. History subjects are those of ``subject_of``.
    Raises :class:`StateConflict` when the table has no such edge.
    """
    table: Table = model.lifecycle  # type: ignore[attr-defined]
    if not table.allows(source, to):
        raise StateConflict(_("This cannot be done any more."), extra={"from": source, "to": to})
    with transaction.atomic():
        locked = model._default_manager.filter(pk__in=list(ids), state=source).order_by("pk")
        name = "number" if any(field.name == "number" for field in model._meta.fields) else "pk"
        rows = locked.select_for_update(of=("self",), no_key=True).values_list("pk", name)
        names = dict(rows)
        moved = list(names)
        model._default_manager.filter(pk__in=moved).update(state=to)
        StateChange.objects.bulk_create(
            [
                StateChange(
                    subject=f"{table.name}:{names[pk]}",
                    source=source,
                    target=to,
                    actor=actor,
                    reason=reason,
                    at=at,
                )
                for pk in moved
            ],
            batch_size=5000,
        )
    return moved
