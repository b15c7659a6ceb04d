"""The coupons of a checkout as it shows them: what each takes off, from which lines, or why it does not."""

from collections.abc import Sequence
from dataclasses import dataclass

from orders.checkout.couponing import reason_of
from orders.checkout.split import Quote
from shop.coupons.rules import Applied, Piece
from shop.coupons.wording import benefit

CHOSEN_MAX = 20


@dataclass(frozen=True)
class CouponRow:
    """One piece she holds. ``alone_fen`` is what it takes off by itself, 0 when it does not count."""

    number: str
    name: str
    text: str
    funder_code: str
    is_used: bool
    discount_fen: int
    alone_fen: int
    reason_code: str
    reason: str
    lines: tuple[tuple[int, int], ...]


def coupon_rows(found: Quote) -> list[CouponRow]:
    """Return every piece she holds: the used ones first, then the usable, then the others with their reasons."""
    choice = found.coupons
    used = {one.piece.number: one for one in choice.applied}
    rows = [_usable(one, used.get(one.piece.number), found) for one in choice.usable]
    rows += [
        _row(one.piece, reason_code=one.code, reason=reason_of(choice, one.piece.number)) for one in choice.refused
    ]
    return sorted(rows, key=lambda row: (not row.is_used, bool(row.reason_code), -row.alone_fen))


def chosen_of(values: Sequence[str], *, is_said: bool) -> tuple[str, ...] | None:
    """Return the pieces a form names, () for none of them; None when it says nothing of coupons."""
    return tuple(value[:32] for value in values[:CHOSEN_MAX]) if is_said else None


def _usable(one: Applied, used: Applied | None, found: Quote) -> CouponRow:
    if used is None:
        # She may choose it instead of another; that it does not add up is said when she did not choose herself.
        return _row(one.piece, alone_fen=one.discount_fen)
    return _row(
        one.piece,
        is_used=True,
        discount_fen=used.discount_fen,
        alone_fen=one.discount_fen,
        lines=tuple((share.line, share.discount_fen) for share in used.shares),
    )


def _row(
    piece: Piece,
    *,
    is_used: bool = False,
    discount_fen: int = 0,
    alone_fen: int = 0,
    reason_code: str = "",
    reason: str = "",
    lines: tuple[tuple[int, int], ...] = (),
) -> CouponRow:
    return CouponRow(
        number=piece.number,
        name=piece.name,
        text=benefit(
            kind=piece.kind,
            amount_fen=piece.amount_fen,
            percent_bp=piece.percent_bp,
            ceiling_fen=piece.ceiling_fen,
            min_fen=piece.min_fen,
        ),
        funder_code=piece.supplier_code,
        is_used=is_used,
        discount_fen=discount_fen,
        alone_fen=alone_fen,
        reason_code=reason_code,
        reason=reason,
        lines=lines,
    )
