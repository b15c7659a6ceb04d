"""What is true of days and of names outside our books. Pure."""

from datetime import date, datetime, time, timedelta, tzinfo


def day_end(day: date, zone: tzinfo) -> datetime:
    """Return the first instant after ``day`` in the time zone ``zone``."""
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)
