"""What happens by itself: the clock (beat) and the handlers of due work.

`BEAT` only says "look now"; what is due stands in the database. `DUE_WORK` maps the code of a kind of due work to its
handler `handler(*, subject: str, now: datetime) -> None`, by dotted path, so that no lower floor imports a higher one.
"""

from typing import Any

BEAT: dict[str, dict[str, Any]] = {
    "sweep": {"task": "shop.work.tasks.sweep", "schedule": 30.0},
}

DUE_WORK: dict[str, str] = {}

# Set-based settlements that `manage.py sweep` runs besides due rows; each is a callable without arguments.
PERIODIC_WORK: list[str] = []
