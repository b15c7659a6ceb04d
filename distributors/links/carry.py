"""What a visitor carries herself: her latest openings, signed, until they are surely stored.

The web keeps it in a cookie, the mini-program in a header. It is worth nothing to anybody else: it
names the visitor's hash, and storing it twice is storing it once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing

from distributors.links.attribution import TouchFact

_SALT = "distributors.links.carry"
CARRIED_MAX = 4


@dataclass(frozen=True, slots=True)
class Carried:
    """One opening as it is carried."""

    number: str
    at: datetime
    token: str


def seal(carried: Sequence[Carried], *, visitor_hash: str) -> str:
    """Return the newest four openings as one signed text for a cookie or header."""
    items = [[one.number, one.at.isoformat(), one.token] for one in carried[-CARRIED_MAX:]]
    return signing.dumps({"v": visitor_hash[:16], "t": items}, salt=_SALT)


def unseal(text: str, *, visitor_hash: str, max_age: timedelta) -> list[Carried]:
    """Return the openings of a sealed text; none when it is forged, too old or another visitor's."""
    try:
        told = signing.loads(text, salt=_SALT, max_age=max_age)
    except signing.BadSignature:
        return []
    if told.get("v") != visitor_hash[:16]:
        return []
    return [Carried(number, datetime.fromisoformat(at), token) for number, at, token in told["t"]]


def carried(touch: TouchFact) -> Carried:
    """Return a touch as it is carried."""
    return Carried(touch.number, touch.at, touch.token)


def window() -> timedelta:
    """Return how long an opening counts, and so how long it is carried."""
    return timedelta(days=settings.LINJIA_TOUCH_WINDOW_DAYS)
