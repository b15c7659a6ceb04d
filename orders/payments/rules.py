"""What a notice must match, and what may be given back. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orders.lifecycle.rules import SoldOrder
from shop.base.money import allocate

# The channel's ceiling of refunds for one payment.
REFUNDS_MAX = 50

MISMATCH = "mismatch"
"""How the outcome of a notice begins that speaks against our own records."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a gateway says about a payment or a refund; empty texts are not said."""

    number: str
    amount_fen: int
    transaction_id: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """What our own records say; an empty transaction is not known yet."""

    number: str
    amount_fen: int
    transaction_id: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What a notice said that is stored, and what it led to."""

    kind: str
    number: str
    state: str
    amount_fen: int
    outcome: str


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """A payment as it stands."""

    id: int
    number: str
    amount_fen: int
    state: str
    transaction_id: str
    app_id: str
    payer_openid: str


@dataclass(frozen=True, slots=True)
class KnownTransaction:
    """The payment that has a transaction; ``gateway_number`` when it is a second time under that number."""

    payment_id: int
    gateway_number: str


@dataclass(frozen=True, slots=True)
class TakingFacts:
    """What a gateway's word about a payment is judged by. ``told`` when this very event was stored before: the rest
    is empty then. ``payment`` and ``sold`` are None for a number we do not know. ``payers`` are the people (user ids)
    that who paid is known as.
    """

    told: Told | None
    payment: PaymentFact | None
    known: KnownTransaction | None
    sold: SoldOrder | None
    payers: frozenset[int]


@dataclass(frozen=True, slots=True)
class Share:
    """What of a refund is freight, and ``(pieces, fen)`` by order line id."""

    freight_fen: int
    lines: Mapping[int, tuple[int, int]]


# What a channel tells of the payer herself; our books need none of it.
_OF_PERSONS = frozenset({"openid", "sp_openid", "sub_openid", "user_received_account", "user_name"})


def without_persons(told: Any) -> Any:
    """Return what a gateway told, however deep, without its names for people and their bank accounts."""
    if isinstance(told, dict):
        return {name: without_persons(value) for name, value in told.items() if name not in _OF_PERSONS}
    return [without_persons(value) for value in told] if isinstance(told, list) else told


def mismatch(claim: Claim, expected: Expected | None) -> str:
    """Return what does not fit (``mismatch:amount``), or an empty text when everything does.

    ``expected`` is None when we know nothing under that number.
    """
    if expected is None or claim.number != expected.number:
        return f"{MISMATCH}:number"
    ours, theirs = expected.transaction_id, claim.transaction_id
    if ours and theirs and ours != theirs:
        return f"{MISMATCH}:transaction_id"
    if claim.amount_fen != expected.amount_fen:
        return f"{MISMATCH}:amount"
    return ""


def split_refund(whole: Share, first_fen: int) -> tuple[Share, Share]:
    """Return what ``first_fen`` of a refund were for, and the rest.

    Goods come before freight, each line by its money; pieces stay with the rest, so that they count once.
    """
    fens = [fen for _pieces, fen in whole.lines.values()]
    goods_fen = min(first_fen, sum(fens))
    shares = dict(zip(whole.lines, allocate(goods_fen, fens), strict=True))
    freight_fen = min(first_fen - goods_fen, whole.freight_fen)
    left = {line: (pieces, fen - shares[line]) for line, (pieces, fen) in whole.lines.items()}
    return (
        Share(freight_fen, {line: (0, fen) for line, fen in shares.items() if fen}),
        Share(whole.freight_fen - freight_fen, {line: rest for line, rest in left.items() if any(rest)}),
    )


def next_refund_at(now: datetime, earlier: Sequence[datetime], spacing: timedelta) -> datetime:
    """Return when the next refund of a payment may be sent: the channel wants them apart.

    ``earlier`` are the times for which the other refunds of the same payment were planned.
    """
    return max([now, *(at + spacing for at in earlier)])
