"""What happens by itself: the clock (beat) and the handlers of due work.

`BEAT` only says "look now"; what is due stands in the database. `DUE_WORK` maps the code of a kind of due work to its
handler `handler(*, subject: str, now: datetime) -> None`, by dotted path, so that no lower floor imports a higher one.
`PERIODIC_WORK` names the tasks of the clock that `manage.py sweep` runs by hand, by dotted path.
"""

from typing import Any

BEAT: dict[str, dict[str, Any]] = {
    "sweep": {"task": "shop.work.tasks.sweep", "schedule": 10.0, "options": {"expires": 30}},
}

PERIODIC_WORK: list[str] = []

DUE_WORK: dict[str, str] = {}
