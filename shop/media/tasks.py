"""Due work about pictures."""

from datetime import datetime

from shop.media import actions


def draw_picture(*, subject: str, now: datetime) -> None:
    """Draw an attached picture in its two sizes."""
    actions.draw_picture(number=subject, now=now)


def discard_picture(*, subject: str, now: datetime) -> None:
    """Throw away what nobody attached to anything."""
    actions.discard(number=subject)


def move_picture(*, subject: str, now: datetime) -> None:
    """Bring a picture's files where they belong since it was hidden or shown again."""
    actions.move_files(number=subject)
