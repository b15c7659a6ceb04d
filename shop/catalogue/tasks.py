"""Due work of the catalogue."""

from datetime import datetime

from shop.catalogue import pictures


def draw_picture(*, subject: str, now: datetime) -> None:
    """Draw an uploaded product picture and show it."""
    pictures.draw_picture(number=subject, now=now)
