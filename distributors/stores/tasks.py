"""Due work of the stores."""

from datetime import datetime

from distributors.stores import listings


def draw_portrait(*, subject: str, now: datetime) -> None:
    """Draw a store's new picture and show it."""
    listings.draw_portrait(number=subject, now=now)
