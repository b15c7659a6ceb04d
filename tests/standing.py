"""What stands for all tests of a module: made once, each test happens in it and is undone alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import translation


@contextmanager
def standing(django_db_blocker: Any) -> Iterator[None]:
    """Keep what is made inside until the block ends, then take it back. For fixtures of a module.

    Where a world takes longer to make than to look at, making it for each test anew is most of the test. A test that
    asks for ``db`` stands in a transaction of its own within this one.
    """
    with django_db_blocker.unblock(), translation.override(settings.LANGUAGE_CODE):
        block = transaction.atomic()
        # As a test's own transaction is: blocks that must be outermost may stand inside.
        block._from_testcase = True  # type: ignore[attr-defined]
        with block:
            yield
            transaction.set_rollback(True)
