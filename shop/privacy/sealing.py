"""Rows sealed in batches: for migrations that seal a column for the first time, and for changing keys.

Speaks SQL, not models: migrations run while the models are already those of a later day.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from django.db import connections, migrations, transaction

from shop.privacy.keys import PREFIX, ring

BATCH = 500
Change = Callable[[Sequence[Any]], Sequence[Any]]


def sealing(
    table: str,
    columns: Mapping[str, str],
    lookups: Mapping[str, tuple[str, str]] | None = None,
    *,
    json: Collection[str] = (),
) -> migrations.RunPython:
    """Return the operation that seals columns (by column: its label) and fills look-ups (by column: of which, label).

    ``json`` names the columns that hold JSON.

    Put it last in its migration: PostgreSQL alters no table whose rows were changed in the same transaction.
    """
    beside = lookups or {}

    def forward(_apps: Any, editor: Any) -> None:
        names = [*columns, *beside]

        def change(row: Sequence[Any]) -> Sequence[Any]:
            texts = dict(zip(names, row, strict=True))
            plain = {name: _opened(texts[name], label) for name, label in columns.items()}
            sealed = [ring().seal(text, columns[name]) if text else text for name, text in plain.items()]
            keyed = [ring().lookup(text, label) if (text := plain[of]) else None for of, label in beside.values()]
            return [*sealed, *keyed]

        rewrite(editor.connection.alias, table, names, change, json=json)

    def backward(_apps: Any, editor: Any) -> None:
        names = list(columns)

        def change(row: Sequence[Any]) -> Sequence[Any]:
            return [_opened(text, columns[name]) for name, text in zip(names, row, strict=True)]

        rewrite(editor.connection.alias, table, names, change, json=json, is_plain=True)

    return migrations.RunPython(forward, backward)


def _opened(text: str | None, label: str) -> str | None:
    return ring().open(text, label) if text and text.startswith(PREFIX) else text


def rewrite(
    alias: str,
    table: str,
    columns: Sequence[str],
    change: Change,
    *,
    json: Collection[str] = (),
    where: str = "TRUE",
    is_plain: bool = False,
) -> int:
    """Change every row's columns, batch by batch, each batch in one short transaction in primary-key order.

    Safe under load (a batch is locked while it is rewritten) and at any point of interruption: what is
    done is done. ``where`` leaves out rows that need nothing. JSON columns are given and taken as the one
    text they hold (``is_plain``: taken as JSON). Returns how many rows were changed.
    """
    connection = connections[alias]
    quoted = ", ".join(text_of(name, json) for name in columns)
    select = (
        f'SELECT id, {quoted} FROM "{table}" WHERE id > %s AND ({where}) ORDER BY id LIMIT {BATCH} FOR NO KEY UPDATE'  # noqa: S608 - names of our own tables
    )
    last, total = 0, 0
    while True:
        with transaction.atomic(using=alias), connection.cursor() as cursor:
            cursor.execute(select, [last])
            rows = cursor.fetchall()
            if not rows:
                return total
            last = rows[-1][0]
            changed = [(row[0], new) for row in rows if (new := list(change(row[1:]))) != list(row[1:])]
            if changed:
                # Rows that are kept as they are let their bytes change for this, and for nothing else.
                cursor.execute("SET LOCAL linjia.sealing = 'on'")
                cursor.execute(*_update(table, columns, changed, json, is_plain=is_plain))
                cursor.execute("SET LOCAL linjia.sealing = 'off'")
            total += len(changed)


def text_of(column: str, json: Collection[str]) -> str:
    """Return the SQL that reads a column as text."""
    return f"(\"{column}\" #>> '{{}}')" if column in json else f'"{column}"'


def _update(
    table: str,
    columns: Sequence[str],
    changed: Sequence[tuple[int, list[Any]]],
    json: Collection[str],
    *,
    is_plain: bool,
) -> tuple[str, list[Any]]:
    stored = 'v."{}"::jsonb' if is_plain else 'to_jsonb(v."{}")'
    sets = ", ".join(f'"{name}" = ' + (stored if name in json else 'v."{}"').format(name) for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    line = f"(%s::bigint{', %s::text' * len(columns)})"
    values = ", ".join([line] * len(changed))
    sql = f'UPDATE "{table}" t SET {sets} FROM (VALUES {values}) v(id, {names}) WHERE t.id = v.id'  # noqa: S608
    return sql, [value for number, new in changed for value in (number, *new)]
