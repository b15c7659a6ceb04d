"""What is true of phones, names and codes."""

import re
from datetime import timedelta

# Mainland mobile numbers: eleven digits, 13 to 19 in front.
_MOBILE = re.compile(r"1[3-9]\d{9}")

CODE_LIFETIME = timedelta(minutes=5)
CODE_TRIES_MAX = 5
CODE_PAUSE = timedelta(minutes=1)
CODES_PER_HOUR_MAX = 5
CODES_PER_DAY_MAX = 10

ACCESS_LIFETIME = timedelta(hours=2)
REFRESH_LIFETIME = timedelta(days=30)


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
