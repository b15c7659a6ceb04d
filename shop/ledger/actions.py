"""What can happen to the books: post, reverse, close a day. Money moves here and nowhere else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shop.base.errors import Conflict, Invalid
from shop.ledger.models import DailyDigest, Journal


@dataclass(frozen=True, slots=True)
class Entry:
    """``amount_fen`` leaves the account ``credit`` and enters ``debit``; both are account paths."""

    debit: str
    credit: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Posting:
    """One journal to be: its kind, the public number it is about, its unique key, its transfers."""

    kind: str
    reference: str
    key: str
    entries: Sequence[Entry]


class InsufficientFunds(Conflict):
    """A guarded account would go below zero; ``extra`` names ``path`` and ``shortfall_fen``."""

    code = "insufficient_funds"


class KeyReused(Conflict):
    """The key belongs to a journal with other content."""

    code = "key_reused"


class AlreadyReversed(Conflict):
    """Another journal reverses this one already."""

    code = "already_reversed"


class InvalidPosting(Invalid):
    """A posting that no book may hold."""

    code = "invalid_posting"


def post(
    *, kind: str, reference: str, key: str, entries: Sequence[Entry], at: datetime
) -> Journal: ...


def post_many(*, postings: Sequence[Posting], at: datetime) -> int: ...


def reverse(*, journal: Journal, key: str, at: datetime) -> Journal: ...


def close_days(*, now: datetime) -> list[DailyDigest]: ...
