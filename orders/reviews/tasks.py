"""Due work of the reviews."""

from datetime import datetime

from orders.reviews import checking


def check_review(*, subject: str, now: datetime) -> None:
    """Have a new review's text judged by WeChat."""
    checking.check_review(number=subject, now=now)


def check_follow_up(*, subject: str, now: datetime) -> None:
    """Have what was added to a review judged by WeChat."""
    checking.check_follow_up(number=subject, now=now)
