"""Due work about a person's rights."""

from datetime import datetime

from shop.personal import actions


def make_export(*, subject: str, now: datetime) -> None:
    """Write the file a person asked for."""
    actions.make_export(number=subject, now=now)


def end_export(*, subject: str, now: datetime) -> None:
    """Throw a file away whose days are over."""
    actions.end_export(number=subject, now=now)


def erase(*, subject: str, now: datetime) -> None:
    """Erase a person whose waiting time is over."""
    actions.erase(number=subject, now=now)


def expire(*, subject: str, now: datetime) -> None:
    """Erase what was kept of a person for the law."""
    actions.expire(number=subject, now=now)
