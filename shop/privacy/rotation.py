"""Changing keys while the shop runs: everything is sealed anew under the first key, and found under the first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connection

from shop.privacy.fields import LookupField, SealedField, SealedJSONField
from shop.privacy.keys import PREFIX, ring
from shop.privacy.sealing import rewrite, text_of


@dataclass(frozen=True)
class Sealed:
    """A table and its sealed and look-up columns."""

    table: str
    columns: dict[str, SealedField | SealedJSONField]
    lookups: dict[str, LookupField]

    @property
    def json(self) -> set[str]:
        return {name for name, field in self.columns.items() if isinstance(field, SealedJSONField)}


def sealed_tables() -> Iterator[Sealed]:
    """Yield every table that holds sealed columns."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.proxy or not model._meta.managed:
            continue
        fields = model._meta.local_fields
        columns = {str(field.column): field for field in fields if isinstance(field, SealedField | SealedJSONField)}
        lookups = {str(field.column): field for field in fields if isinstance(field, LookupField)}
        if columns:
            yield Sealed(model._meta.db_table, columns, lookups)


def left(sealed: Sealed) -> int:
    """Return how many rows of a table are still sealed under another key than the first."""
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{sealed.table}" WHERE {_stale(sealed)}')  # noqa: S608 - our own names
        (count,) = cursor.fetchone()
    return int(count)


def reseal(sealed: Sealed) -> int:
    """Seal what is not under the first key anew. Stopped and started again, it goes on. Returns how many rows."""
    names = list(sealed.columns)

    def change(row: Sequence[Any]) -> Sequence[Any]:
        return [_resealed(text, sealed.columns[name].label) for name, text in zip(names, row, strict=True)]

    return rewrite(DEFAULT_DB_ALIAS, sealed.table, names, change, json=sealed.json, where=_stale(sealed))


def rekey(sealed: Sealed) -> int:
    """Write every look-up under the first look-up key. Returns how many rows had another one, or a wrong one."""
    sources = {field.of: column for column, field in sealed.lookups.items()}
    texts = {column: field for column, field in sealed.columns.items() if field.name in sources}
    names = [*sealed.lookups, *texts]

    def change(row: Sequence[Any]) -> Sequence[Any]:
        stored = dict(zip(names, row, strict=True))
        fresh = {
            sources[field.name]: ring().lookup(ring().open(stored[column], field.label), field.label)
            if stored[column]
            else None
            for column, field in texts.items()
        }
        return [fresh.get(name, stored[name]) for name in names]

    return rewrite(DEFAULT_DB_ALIAS, sealed.table, names, change) if sealed.lookups else 0


def _resealed(text: str | None, label: str) -> str | None:
    if not text or ring().is_current(text):
        return text
    return ring().seal(ring().open(text, label) if text.startswith(PREFIX) else text, label)


def _stale(sealed: Sealed) -> str:
    head = f"{PREFIX}{ring().current_id}:"
    texts = [text_of(name, sealed.json) for name in sealed.columns]
    return " OR ".join(f"({text} <> '' AND left({text}, {len(head)}) <> '{head}')" for text in texts)
