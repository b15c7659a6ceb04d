"""What is true of phones, names and codes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

# Mainland mobile numbers: eleven digits, 13 to 19 in front.
_MOBILE = re.compile(r"1[3-9]\d{9}")

CODE_LIFETIME = timedelta(minutes=5)
CODE_TRIES_MAX = 5
CODE_PAUSE = timedelta(minutes=1)
CODES_PER_HOUR_MAX = 5
CODES_PER_DAY_MAX = 10

SIGN_IN_WINDOW = timedelta(minutes=15)

ACCESS_LIFETIME = timedelta(hours=2)
REFRESH_LIFETIME = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries in any stretch of time this long."""

    tries_max: int
    window: timedelta


def within(tried_at: Sequence[datetime], limit: Limit, now: datetime) -> list[datetime]:
    """Return the tries that still count, oldest first."""
    return sorted(at for at in tried_at if at > now - limit.window)


def wait_of(tried_at: Sequence[datetime], limit: Limit, now: datetime) -> timedelta | None:
    """Return how long until another try is allowed; None: now."""
    counted = within(tried_at, limit, now)
    if len(counted) < limit.tries_max:
        return None
    return counted[-limit.tries_max] + limit.window - now


def clean_phone(text: str) -> str | None:
    """Return the eleven digits of a mainland mobile number, or None when it is none.

    Spaces, hyphens and the country code are taken off.
    """
    digits = re.sub(r"[\s\-()]", "", text or "")
    digits = re.sub(r"^(\+?86|0086)", "", digits)
    return digits if _MOBILE.fullmatch(digits) else None


def mask_phone(phone: str) -> str:
    """Return a phone as screens and logs may show it: ``138****0000``."""
    return f"{phone[:3]}****{phone[-4:]}"


def mask_name(name: str) -> str:
    """Return a name as others may see it: the first character and stars."""
    return name[:1] + "*" * min(max(len(name) - 1, 1), 3) if name else ""
