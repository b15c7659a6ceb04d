"""What a person's data is, app by app: each app offers its own part and knows no other.

Parts are named by dotted path in ``settings.PERSONAL_DATA`` because they live on all floors; whoever gathers or erases
stands below most of them. A person is a primary key here: this row of the house knows no users.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.module_loading import import_string

Row = dict[str, Any]
File = tuple[str, bytes]


def _no_reasons(_user_id: int) -> Iterable[str | Promise]:
    return ()


def _nothing(_user_id: int, _now: datetime) -> None:
    return None


def _no_effect(_user_id: int, _purpose: str, _now: datetime) -> None:
    return None


def _no_files(_user_id: int) -> Iterable[File]:
    return ()


@dataclass(frozen=True, slots=True)
class Part:
    """One app's part of a person's data.

    ``tables``: the models it speaks for, ``app.model``. ``tell``: every row of hers, by sheet. ``files``: her pictures.
    ``reasons``: why she cannot leave yet, as sentences for her. ``erase``: takes out what need not be kept, when she has
    left. ``expire``: takes out the rest, when the law lets go of it. Both may run twice. ``withdraw``: what follows when she
    takes back what she agreed to (the purpose's code).
    """

    name: str
    tables: frozenset[str]
    tell: Callable[[int], dict[str, list[Row]]]
    files: Callable[[int], Iterable[File]] = _no_files
    reasons: Callable[[int], Iterable[str | Promise]] = _no_reasons
    erase: Callable[[int, datetime], None] = _nothing
    expire: Callable[[int, datetime], None] = _nothing
    withdraw: Callable[[int, str, datetime], None] = _no_effect


def parts() -> Iterator[Part]:
    """Yield every app's part, the upper floors first: what points comes before what is pointed at."""
    for path in settings.PERSONAL_DATA:
        yield import_string(path)


def rows(found: "QuerySet[Any]", *fields: str) -> list[Row]:
    """Return a queryset's rows as plain facts, sealed texts opened, oldest first."""
    return list(found.order_by("pk").values(*fields))
