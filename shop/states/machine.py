"""Transition tables and the one way to change a state."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, connections, models
from django.db.models.sql import UpdateQuery
from django.utils.translation import gettext_lazy as _

from shop.base.errors import Conflict

# What the history keeps of a reason; a longer one is cut, so that no wording keeps a step from being taken.
REASON_MAX = 300


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
    """Move ``row`` to state ``to``: one conditional UPDATE and one history row, in one statement.

    ``changes`` are written by the same UPDATE (a ``paid_at``, say). ``actor`` is ``"system"``,
    ``"user:<number>"``, ``"staff:<number>"`` and so on. Raises :class:`StateConflict` when the
    table has no such edge or someone was faster; nothing is written then, and the transaction goes on.
    What the database itself refuses (a guard, a constraint) writes neither state nor history, with or
    without a transaction around it: no savepoint is needed.
    """
    table: Table = row.lifecycle  # type: ignore[attr-defined]
    source: str = row.state  # type: ignore[attr-defined]
    if not table.allows(source, to):
        raise StateConflict(
            _("This cannot be done any more: it is “%(source)s” now.") % {"source": source},
            extra={"subject": subject_of(row), "from": source, "to": to},
        )
    values = {"state": to, **(changes or {})}
    rows = type(row)._default_manager.filter(pk=row.pk, state=source)
    if not _update_with_history(rows, values, (subject_of(row), source, to, actor, reason[:REASON_MAX], at)):
        raise StateConflict(
            _("Someone was faster. Reload the page to see the present state."),
            extra={"subject": subject_of(row), "from": source, "to": to},
        )
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

    One statement whatever the number of rows. History subjects are those of ``subject_of``.
    Raises :class:`StateConflict` when the table has no such edge.
    """
    table: Table = model.lifecycle  # type: ignore[attr-defined]
    if not table.allows(source, to):
        raise StateConflict(_("This cannot be done any more."), extra={"from": source, "to": to})
    name = "number" if any(field.name == "number" for field in model._meta.fields) else "id"
    facts: dict[str, Any] = {"ids": list(ids), "source": source, "to": to, "table": table.name}
    facts |= {"actor": actor, "reason": reason[:REASON_MAX], "at": at}
    with connection.cursor() as cursor:
        cursor.execute(_MOVE_MANY % {"rows": model._meta.db_table, "name": name}, facts)
        return [pk for (pk,) in cursor.fetchall()]


# The rows' table and the column that names them are put in; every value travels as a parameter.
_MOVE_MANY = """
WITH locked AS (
    SELECT id, %(name)s AS name FROM %(rows)s
    WHERE id = ANY(%%(ids)s::bigint[]) AND state = %%(source)s ORDER BY id FOR NO KEY UPDATE
), moved AS (
    UPDATE %(rows)s r SET state = %%(to)s FROM locked WHERE r.id = locked.id AND r.state = %%(source)s
    RETURNING r.id, locked.name
), noted AS (
    INSERT INTO states_statechange (subject, source, target, actor, reason, at)
    SELECT %%(table)s || ':' || name, %%(source)s, %%(to)s, %%(actor)s, %%(reason)s, %%(at)s FROM moved ORDER BY id
)
SELECT id FROM moved ORDER BY id"""


def _update_with_history(rows: models.QuerySet[Any], values: Mapping[str, Any], history: Sequence[Any]) -> int:
    """Update the rows and note the same step of each; return how many were updated.

    Django writes the UPDATE, so that every value takes the form its column has at rest.
    """
    query: Any = rows.query.chain(UpdateQuery)
    query.add_update_values(values)
    update, parameters = query.get_compiler(rows.db).as_sql()
    with connections[rows.db].cursor() as cursor:
        cursor.execute(
            f"WITH moved AS ({update} RETURNING 1)"  # noqa: S608 - Django's own text
            " INSERT INTO states_statechange (subject, source, target, actor, reason, at)"
            " SELECT %s, %s, %s, %s, %s, %s FROM moved",
            [*parameters, *history],
        )
        return int(cursor.rowcount)
