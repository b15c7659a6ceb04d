"""What a product's or a supplier's stars come to, and when one may write again. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from shop.accounts.rules import mask_name

STARS = (5, 4, 3, 2, 1)
TEXT_LENGTH_MAX = 500
PHOTOS_MAX = 6


@dataclass(frozen=True, slots=True)
class Share:
    """How many gave so many stars; ``percent`` of all, whole."""

    stars: int
    count: int
    percent: int


@dataclass(frozen=True, slots=True)
class Rating:
    """Stars summed up, from counters."""

    counts: Mapping[int, int]
    photos: int = 0
    follow_ups: int = 0

    @property
    def count(self) -> int:
        return sum(self.counts.values())

    @property
    def average_tenths(self) -> int:
        """The average in tenths of a star, rounded half up: 47 is 4.7. 0 without reviews."""
        total = sum(stars * count for stars, count in self.counts.items())
        return (total * 20 + self.count) // (self.count * 2) if self.count else 0

    @property
    def average(self) -> str:
        """The average as people read it: ``4.7``."""
        return f"{self.average_tenths // 10}.{self.average_tenths % 10}"

    @property
    def good_percent(self) -> int:
        """How many of a hundred gave four or five stars; rounded down, so that 100 means all."""
        good = self.counts.get(5, 0) + self.counts.get(4, 0)
        return good * 100 // self.count if self.count else 0

    @property
    def shares(self) -> list[Share]:
        """Five stars first."""
        return [
            Share(stars, self.counts.get(stars, 0), self.counts.get(stars, 0) * 100 // (self.count or 1))
            for stars in STARS
        ]


def author_name(name: str) -> str:
    """Return how an author is called in public: the first character of the name."""
    return mask_name(name) or _("a customer")


def follow_up_from(written_at: datetime, days: int) -> datetime:
    """Return from when on something may be added to a review."""
    return written_at + timedelta(days=days)
