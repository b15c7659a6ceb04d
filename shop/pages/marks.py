"""Which facts changed last: one random mark a thing, so that a kept page knows whether it is still true.

Whoever changes what customers read says so in the same transaction; the mark is renewed when it commits. A renewal
that is lost (Redis was away) is made up for by the few seconds a page is kept at most.
"""

from collections.abc import Callable, Iterable
from functools import partial

import redis
import structlog
from django.db import transaction

from shop.base.numbers import new_token
from shop.pages.kept import FRESH_SECONDS_MAX, STALE_SECONDS, client

logger = structlog.get_logger(__name__)

# Every page knows this one: categories, suppliers, whatever is shown all over the shop.
EVERYTHING = "everything"
# Lists of goods.
GOODS = "goods"
# A mark lives longer than any page that knows an older one.
_MARK_SECONDS = 2 * (FRESH_SECONDS_MAX + STALE_SECONDS)


def product_mark(number: str) -> str:
    """Return the name of the mark of one product."""
    return f"product:{number}"


def store_mark(code: str) -> str:
    """Return the name of the mark of one store."""
    return f"store:{code}"


def products_changed(numbers: Iterable[str]) -> None:
    """Say that customers will read something else of these products, and in lists, once this commits."""
    names = [product_mark(number) for number in numbers]
    if names:
        _renew([*names, GOODS])


def products_changed_by(find: Callable[[], Iterable[str]]) -> None:
    """Say the same of products whose numbers are looked up after the commit, where nobody waits for a lock."""
    transaction.on_commit(lambda: _renew_now([GOODS, *map(product_mark, find())]), robust=True)


def store_changed(code: str) -> None:
    """Say that customers will read something else of a store once this commits."""
    _renew([store_mark(code)])


def everything_changed() -> None:
    """Say that any page may read differently once this commits."""
    _renew([EVERYTHING])


def mark_key(name: str) -> str:
    """Return where Redis keeps a mark."""
    return f"linjia:mark:{name}"


def _renew(names: Iterable[str]) -> None:
    transaction.on_commit(partial(_renew_now, list(names)), robust=True)


def _renew_now(names: Iterable[str]) -> None:
    pipe = client().pipeline(transaction=False)
    for name in names:
        pipe.set(mark_key(name), new_token(), ex=_MARK_SECONDS)
    try:
        pipe.execute()
    except redis.RedisError as error:
        logger.warning("page_marks_away", error=type(error).__name__)
