"""Coupons at checkout: which pieces count for these lines, what each line is lowered by, and who bears it. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from orders.checkout.queries import Facts
from orders.checkout.rules import LineMoney, line_money
from orders.checkout.split import QuoteLine
from shop.coupons.actions import CouponRefused
from shop.coupons.rules import Applied, Choice, CouponLine, LineShare, best_choice, without_store_share
from shop.coupons.wording import reason, reason_text
from shop.suppliers.models import Supplier


def money_of(line: QuoteLine, coupon: LineShare | None = None) -> LineMoney:
    """Return who gets what of a line, lowered by what coupons take off it."""
    goods, credited = line.goods, line.credit
    return line_money(
        unit_fen=line.unit_fen,
        quantity=line.quantity,
        supply_unit_fen=goods.supply_fen or 0,
        is_commission_contract=_by_commission(line),
        fee_bp=goods.fee_bp,
        rates=line.rates,
        has_level1=credited.store_id is not None,
        has_level2=credited.referrer_store_id is not None,
        is_self_purchase=credited.is_self_purchase,
        coupon=coupon,
    )


def choose(lines: Sequence[QuoteLine], facts: Facts, wanted: Sequence[str] | None) -> Choice:
    """Return the pieces that count: the wanted ones, or those that save most (None)."""
    if not facts.pieces:
        return Choice()
    return best_choice(
        facts.pieces,
        [_coupon_line(line) for line in lines if line.money is not None],
        wanted=wanted,
        is_new=facts.is_new,
        now=facts.credit.now,
    )


def lowered(lines: Sequence[QuoteLine], choice: Choice, facts: Facts) -> tuple[list[QuoteLine], Choice]:
    """Return the lines as the chosen pieces leave them, and the choice with what each party really bears.

    A store bears its part only of the lines that are its sale, and only out of what it earns there.
    """
    if not choice.applied:
        return list(lines), choice
    by_number = {line.line: line for line in lines}
    applied = [_by_its_store(one, by_number, facts) for one in choice.applied]
    shares = replace(choice, applied=tuple(applied)).by_line()
    found = [replace(line, money=money_of(line, shares[line.line])) if line.line in shares else line for line in lines]
    bearable = {line.line: line.money.store_coupon_fen for line in found if line.money is not None}
    settled = [_within(one, bearable) for one in applied]
    return found, replace(choice, applied=tuple(settled))


def refuse_unused(choice: Choice, wanted: Sequence[str] | None) -> None:
    """Raise :class:`CouponRefused` when a piece that was asked for takes nothing off."""
    used = {one.piece.number for one in choice.applied}
    missing = [number for number in wanted or () if number not in used]
    if not missing:
        return
    number = missing[0]
    code = _reason_code(choice, number)
    raise CouponRefused(reason_of(choice, number), field="coupons", extra={"coupon": number, "reason": code})


def reason_of(choice: Choice, number: str) -> str:
    """Return why a piece takes nothing off, in words."""
    refusal = next((one for one in choice.refused if one.piece.number == number), None)
    return reason(refusal) if refusal is not None else reason_text(_reason_code(choice, number))


def _reason_code(choice: Choice, number: str) -> str:
    refusal = next((one for one in choice.refused if one.piece.number == number), None)
    if refusal is not None:
        return refusal.code
    return "not_combined" if any(one.piece.number == number for one in choice.usable) else "unknown"


def uses_of(choice: Choice, line_order: Sequence[int]) -> list[list[object]]:
    """Return what ``coupons_use`` takes: [piece, discount, [[line, discount, platform, supplier, store], …]], ….

    ``line_order`` are the quote's line numbers as the order will number its lines: 1, 2, 3 … through the parts.
    """
    place = {number: index for index, number in enumerate(line_order, start=1)}
    return [
        [
            one.piece.number,
            one.discount_fen,
            [
                [place[share.line], share.discount_fen, share.platform_fen, share.supplier_fen, share.store_fen]
                for share in one.shares
            ],
        ]
        for one in choice.applied
    ]


def _by_commission(line: QuoteLine) -> bool:
    return line.goods.contract == Supplier.Contract.COMMISSION


def _coupon_line(line: QuoteLine) -> CouponLine:
    goods = line.goods
    supplier_fen = line.money.supplier_fen if line.money else 0
    return CouponLine(
        line=line.line,
        amount_fen=line.paid_fen,
        supplier_code=goods.supplier_code,
        product_number=goods.product_number,
        category_codes=tuple(goods.category_codes),
        # By commission its part is the rest and shrinks by itself.
        supplier_room_fen=line.paid_fen if _by_commission(line) else supplier_fen,
    )


def _by_its_store(one: Applied, lines: dict[int, QuoteLine], facts: Facts) -> Applied:
    store_id = facts.code_stores.get(one.piece.code)
    shares = [
        share
        if store_id is not None and lines[share.line].credit.store_id == store_id
        else without_store_share(share, bearable_fen=0)
        for share in one.shares
    ]
    return replace(one, shares=tuple(shares))


def _within(one: Applied, bearable: dict[int, int]) -> Applied:
    """Return a piece's shares with no more of its store's than the lines' level 1 shares could bear."""
    shares = []
    for share in one.shares:
        fair = without_store_share(share, bearable_fen=bearable[share.line])
        bearable[share.line] -= fair.store_fen
        shares.append(fair)
    return replace(one, shares=tuple(shares))
