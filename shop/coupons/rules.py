"""What a coupon takes off, from which lines, at whose cost, and which pieces together save most. Pure.

Amounts are whole fen, rates basis points. What a piece takes off is counted on what the goods in its
scope cost before any coupon, so the order in which pieces are looked at changes nothing but who gives
way where a line has no room left. A line keeps at least one fen to pay.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import product
from typing import Any

from shop.base.money import allocate, proportion, share_bp, whole_of_share

AMOUNT, PERCENT, NEW_CUSTOMER = "amount", "percent", "new_customer"
ALL, SUPPLIERS, CATEGORIES, PRODUCTS = "all", "suppliers", "categories", "products"
# The search is exact up to this many combinations. Beyond, the pieces that save least alone are left out.
COMBINATIONS_MAX = 512


@dataclass(frozen=True, slots=True)
class Piece:
    """A person's piece of a coupon with the coupon's terms. ``left_fen`` is what its budget still holds.

    ``supplier_code`` names whose coupon it is, "" for the platform's; ``code`` the distributor's code
    that it came by, ``store_id`` that distributor's store.
    """

    number: str
    coupon_id: int
    coupon_code: str
    name: str
    kind: str
    amount_fen: int
    percent_bp: int
    ceiling_fen: int
    min_fen: int
    scope: str
    scope_keys: tuple[str, ...]
    supplier_code: str
    stacking_group: str
    platform_bp: int
    supplier_bp: int
    store_bp: int
    left_fen: int
    state: str
    use_from: datetime
    use_until: datetime
    code: str = ""


@dataclass(frozen=True, slots=True)
class CouponLine:
    """One line that coupons may lower. ``supplier_room_fen``: how much of it its supplier can bear."""

    line: int
    amount_fen: int
    supplier_code: str
    product_number: str
    category_codes: tuple[str, ...]
    supplier_room_fen: int


@dataclass(frozen=True, slots=True)
class LineShare:
    """What one piece takes off one line, and who bears it: the three sum to the discount."""

    line: int
    discount_fen: int
    platform_fen: int
    supplier_fen: int
    store_fen: int


@dataclass(frozen=True, slots=True)
class Applied:
    """A piece at work: its shares by line sum to its discount."""

    piece: Piece
    shares: tuple[LineShare, ...]

    @property
    def discount_fen(self) -> int:
        return sum(share.discount_fen for share in self.shares)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a piece takes nothing off; ``code`` is stable, ``missing_fen`` what the goods lack of its threshold."""

    piece: Piece
    code: str
    missing_fen: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """The pieces used, why the others are not, and what each line is lowered by.

    ``is_best`` says that this is the combination that saves most; ``best_fen`` is what that one saves.
    """

    applied: tuple[Applied, ...] = ()
    refused: tuple[Refusal, ...] = ()
    usable: tuple[Applied, ...] = ()
    best_fen: int = 0

    @property
    def discount_fen(self) -> int:
        return sum(one.discount_fen for one in self.applied)

    @property
    def is_best(self) -> bool:
        return self.discount_fen == self.best_fen

    def by_line(self) -> dict[int, LineShare]:
        """Return what all pieces together take off each line."""
        found: dict[int, LineShare] = {}
        for one in self.applied:
            for share in one.shares:
                found[share.line] = _plus(found.get(share.line, LineShare(share.line, 0, 0, 0, 0)), share)
        return found


NO_COUPONS = Choice()


@dataclass(slots=True)
class _Room:
    """What the lines can still be lowered by, and how much of that their suppliers can bear."""

    discount_fen: dict[int, int] = field(default_factory=dict)
    supplier_fen: dict[int, int] = field(default_factory=dict)


def in_scope(piece: Piece, line: CouponLine) -> bool:
    """Whether a coupon counts for a line: its owner's goods, and of those the scope's."""
    if piece.supplier_code and piece.supplier_code != line.supplier_code:
        return False
    keys = set(piece.scope_keys)
    if piece.scope == SUPPLIERS:
        return line.supplier_code in keys
    if piece.scope == CATEGORIES:
        return not keys.isdisjoint(line.category_codes)
    if piece.scope == PRODUCTS:
        return line.product_number in keys
    return True


def nominal_fen(piece: Piece, goods_fen: int) -> int:
    """Return what a piece takes off goods of ``goods_fen`` in its scope, before any limit of the lines."""
    if piece.kind == PERCENT:
        return min(share_bp(goods_fen, piece.percent_bp), piece.ceiling_fen)
    return min(piece.amount_fen, goods_fen)


def refusal_of(piece: Piece, lines: Sequence[CouponLine], *, is_new: bool, now: datetime) -> Refusal | None:
    """Return why a piece cannot be used for these lines, None when it can.

    ``not_yet``, ``expired``, ``paused``, ``not_new`` (she has ordered before), ``out_of_scope``,
    ``below_minimum`` with what is missing, ``budget_spent``.
    """
    goods_fen = sum(line.amount_fen for line in lines if in_scope(piece, line))
    missing_fen = max(0, piece.min_fen - goods_fen)
    reasons = {
        "paused": piece.state == "paused",
        "not_yet": now < piece.use_from,
        "expired": now >= piece.use_until,
        "not_new": piece.kind == NEW_CUSTOMER and not is_new,
        "out_of_scope": goods_fen == 0,
        "below_minimum": missing_fen > 0,
        "budget_spent": piece.left_fen < nominal_fen(piece, goods_fen),
    }
    code = next((code for code, is_so in reasons.items() if is_so), "")
    return Refusal(piece, code, missing_fen if code == "below_minimum" else 0) if code else None


def best_choice(
    pieces: Sequence[Piece],
    lines: Sequence[CouponLine],
    *,
    wanted: Iterable[str] | None = None,
    is_new: bool,
    now: datetime,
) -> Choice:
    """Return the combination that saves most, or the ``wanted`` pieces (by number) if some are named.

    At most one piece of a stacking group; groups add up. The search looks at every combination, up to
    :data:`COMBINATIONS_MAX`; it never saves less than the best single piece. Of equal savings the one
    with fewer pieces wins, then the one that expires first.
    """
    refused = {piece.number: refusal_of(piece, lines, is_new=is_new, now=now) for piece in pieces}
    good = [piece for piece in pieces if refused[piece.number] is None]
    alone = {piece.number: apply_pieces([piece], lines) for piece in good}
    usable = [applied for found in alone.values() for applied in found]
    useful = [one.piece for one in sorted(usable, key=lambda one: (-one.discount_fen, _rank(one.piece)))]
    best = _search(useful, lines)
    chosen = best if wanted is None else apply_pieces(_compatible(useful, wanted), lines)
    no_room = [Refusal(piece, "no_room") for piece in good if not alone[piece.number]]
    return Choice(
        applied=tuple(chosen),
        refused=(*(one for one in refused.values() if one is not None), *no_room),
        usable=tuple(usable),
        best_fen=sum(one.discount_fen for one in best),
    )


def apply_pieces(pieces: Iterable[Piece], lines: Sequence[CouponLine]) -> list[Applied]:
    """Return what these pieces take off, in the order of their numbers; one that finds no room is left out."""
    room = _Room(
        {line.line: max(0, line.amount_fen - 1) for line in lines},
        {line.line: line.supplier_room_fen for line in lines},
    )
    found = [_apply(piece, lines, room) for piece in sorted(pieces, key=_rank)]
    return [one for one in found if one.discount_fen]


def allocate_within(total_fen: int, weights: Sequence[int], caps: Sequence[int]) -> list[int]:
    """Split ``total_fen`` over ``weights`` by largest remainder, no part above its cap.

    What a capped part cannot take goes to the others in proportion. The parts sum to the whole, or to
    all caps together when those are less.
    """
    parts = [0] * len(weights)
    left = min(total_fen, sum(caps))
    while left:
        open_ = [place for place, cap in enumerate(caps) if parts[place] < cap]
        shares = allocate(left, [weights[place] for place in open_])
        for place, share in zip(open_, shares, strict=True):
            taken = min(share, caps[place] - parts[place])
            parts[place] += taken
            left -= taken
    return parts


def fund(discount_fen: int, piece: Piece) -> tuple[int, int, int]:
    """Return what platform, supplier and the code's store bear of a discount; they sum to it."""
    platform_fen, supplier_fen, store_fen = allocate(
        discount_fen, [piece.platform_bp, piece.supplier_bp, piece.store_bp]
    )
    return platform_fen, supplier_fen, store_fen


def without_store_share(share: LineShare, *, bearable_fen: int) -> LineShare:
    """Return a share of which the code's store bears ``bearable_fen`` at most; the platform takes the rest."""
    store_fen = min(share.store_fen, bearable_fen)
    return replace(share, store_fen=store_fen, platform_fen=share.platform_fen + share.store_fen - store_fen)


def kept_subsidy_fen(*, subsidy_fen: int, paid_fen: int, refunded_fen: int) -> int:
    """Return what of the platform's part of a line's discount stays spent once ``refunded_fen`` went back.

    The cumulative target, rounded down; nothing at full refund.
    """
    return proportion(subsidy_fen, paid_fen - refunded_fen, paid_fen) if subsidy_fen else 0


def _apply(piece: Piece, lines: Sequence[CouponLine], room: _Room) -> Applied:
    mine = [line for line in lines if in_scope(piece, line)]
    goods_fen = sum(line.amount_fen for line in mine)
    caps = [_cap(piece, line, room) for line in mine]
    parts = allocate_within(nominal_fen(piece, goods_fen), [line.amount_fen for line in mine], caps)
    shares = []
    for line, part in zip(mine, parts, strict=True):
        if part:
            share = LineShare(line.line, part, *fund(part, piece))
            room.discount_fen[line.line] -= part
            room.supplier_fen[line.line] -= share.supplier_fen
            shares.append(share)
    return Applied(piece, tuple(shares))


def _cap(piece: Piece, line: CouponLine, room: _Room) -> int:
    cap = room.discount_fen[line.line]
    if piece.supplier_bp:
        # Rounded up the supplier's share is still within what it can bear.
        cap = min(cap, whole_of_share(room.supplier_fen[line.line], piece.supplier_bp))
    return max(0, cap)


def _search(pieces: Sequence[Piece], lines: Sequence[CouponLine]) -> list[Applied]:
    """Return the combination that saves most. ``pieces`` come with what saves most alone first."""
    groups: dict[str, list[Piece | None]] = {}
    for piece in pieces:
        room = 1
        for name, members in groups.items():
            room *= len(members) + (name == piece.stacking_group)
        room *= 1 if piece.stacking_group in groups else 2
        if room <= COMBINATIONS_MAX:
            groups.setdefault(piece.stacking_group, [None]).append(piece)
    best: list[Applied] = []
    best_rank: tuple[Any, ...] = (0, 0)
    for combination in product(*groups.values()):
        found = apply_pieces([piece for piece in combination if piece is not None], lines)
        rank = (-sum(one.discount_fen for one in found), len(found), *(_rank(one.piece) for one in found))
        if rank < best_rank:
            best, best_rank = found, rank
    return best


def _compatible(pieces: Sequence[Piece], wanted: Iterable[str]) -> list[Piece]:
    """Return the wanted pieces that are usable, the first of each stacking group."""
    by_number: Mapping[str, Piece] = {piece.number: piece for piece in pieces}
    taken: dict[str, Piece] = {}
    for number in wanted:
        piece = by_number.get(number)
        if piece is not None:
            taken.setdefault(piece.stacking_group, piece)
    return list(taken.values())


def _rank(piece: Piece) -> tuple[datetime, str]:
    return piece.use_until, piece.number


def _plus(one: LineShare, other: LineShare) -> LineShare:
    return LineShare(
        one.line,
        one.discount_fen + other.discount_fen,
        one.platform_fen + other.platform_fen,
        one.supplier_fen + other.supplier_fen,
        one.store_fen + other.store_fen,
    )
