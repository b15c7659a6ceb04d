"""How a contending process is set up, and the planted mistakes that can be put into it and taken out again."""

import sys
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import connection, connections, transaction

from shop.api.throttles import Scoped
from tests.races import plants


def at_home(*, database: str, changed: dict[str, Any]) -> None:
    """Point this process at the test's database and settings. Rates are out of the way: they hide races."""
    connections.settings["default"]["NAME"] = database
    for name, value in changed.items():
        setattr(settings, name, value)
    Scoped.THROTTLE_RATES = dict.fromkeys(Scoped.THROTTLE_RATES, "100000/s")


class Habits:
    """What was changed in this process, and how to undo it."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def plant(self, name: str) -> str:
        """Put a mistake into this process."""
        getattr(plants, name)(self)
        return name

    def change(self, values: dict[str, Any]) -> int:
        """Change settings of this process; return how many."""
        for name, value in values.items():
            self.replace(settings, name, value)
        return len(values)

    def heal(self) -> int:
        """Take everything back; return how many things."""
        count = len(self._undo)
        while self._undo:
            self._undo.pop()()
        return count

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Replace one attribute until healed."""
        before = getattr(owner, name)
        setattr(owner, name, value)
        self._undo.append(lambda: setattr(owner, name, before))

    def everywhere(self, original: Any, substitute: Any) -> None:
        """Replace a function in every module of ours that knows it."""
        found = 0
        for module in list(sys.modules.values()):
            if not getattr(module, "__name__", "").startswith(("shop.", "distributors.", "orders.")):
                continue
            for name, value in list(vars(module).items()):
                if value is original:
                    self.replace(module, name, substitute)
                    found += 1
        assert found, f"nobody uses {original}"

    def define(self, statement: str, *, undo: str) -> None:
        """Define a function of the database anew until healed. Every process does; the definitions are alike."""
        _define(statement)
        self._undo.append(lambda: _define(undo))


def _define(statement: str) -> None:
    # One after the other: two at once would be refused.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(1)")
        cursor.execute(statement)
