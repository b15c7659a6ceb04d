"""The conductor's arithmetic: what is left for the platform, whose freight it is, what is over. Pure."""

from collections.abc import Iterable, Mapping

from shop.base.money import allocate
from shop.ledger.actions import Posting


def total_fen(postings: Iterable[Posting]) -> int:
    """Return the sum of all entries of some postings, in fen."""
    return sum(entry.amount_fen for posting in postings for entry in posting.entries)


def share_freight(freight_fen: int, left_fen: Mapping[int, int]) -> dict[int, int]:
    """Return whose freight goes back: ``freight_fen`` over the parts, by what each has left of its own.

    ``left_fen`` is by supplier order id. Raises ``ValueError`` for more than there is.
    """
    if freight_fen > sum(left_fen.values()):
        raise ValueError("more freight than was paid")
    if freight_fen == 0:
        return {}
    ids = sorted(left_fen)
    return dict(zip(ids, allocate(freight_fen, [left_fen[part] for part in ids]), strict=True))


def is_money_back(paid_fen: int, refunded_fen: int, quantity: int, refunded_quantity: int) -> bool:
    """Return whether nothing of a line is left to deliver: its money went back (or its pieces, if free)."""
    if paid_fen > 0:
        return refunded_fen == paid_fen
    return refunded_quantity == quantity
