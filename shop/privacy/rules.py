"""What is an identity card's or a bank account's number, and what may be shown of it."""

import re

# GB 11643: seventeen digits and a check character.
_IDENTITY = re.compile(r"[1-9]\d{16}[\dX]")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ACCOUNT = re.compile(r"\d{8,32}")


def clean_identity(text: str) -> str | None:
    """Return an identity card's number as it is printed, or None when its check character says it is none."""
    number = re.sub(r"\s", "", text or "").upper()
    if not _IDENTITY.fullmatch(number):
        return None
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _WEIGHTS, strict=True))
    return number if "10X98765432"[total % 11] == number[17] else None


def clean_account(text: str) -> str | None:
    """Return a bank account's digits, 8 to 32, or None when it is something else; spaces and hyphens are taken off."""
    number = re.sub(r"[\s-]", "", text or "")
    return number if _ACCOUNT.fullmatch(number) else None


def mask_tail(text: str, shown: int = 4) -> str:
    """Return a number of a card or an account as screens may show it: ``****0000``; "" for none."""
    return f"****{text[-shown:]}" if text else ""
