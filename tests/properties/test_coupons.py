"""Coupons as pure arithmetic: shares sum exactly, nothing below a fen, the best is at least as good as any single."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from distributors.commissions.rules import Rates
from orders.checkout.rules import line_money
from shop.coupons.rules import (
    COMBINATIONS_MAX,
    CouponLine,
    Piece,
    allocate_within,
    apply_pieces,
    best_choice,
    in_scope,
    kept_subsidy_fen,
)

NOW = datetime(2026, 5, 4, 4, 0, tzinfo=UTC)
GROUPS = ("standard", "supplier", "freight")


@st.composite
def pieces(draw: st.DrawFn) -> list[Piece]:
    found = []
    for number in range(draw(st.integers(0, 6))):
        supplier = draw(st.sampled_from(["", "yunling", "yangshan"]))
        supplier_bp = draw(st.integers(0, 10_000)) if supplier else 0
        store_bp = draw(st.integers(0, 10_000)) if not supplier else 0
        found.append(
            Piece(
                number=f"C{number}",
                coupon_id=number,
                coupon_code=f"K{number}",
                name="",
                kind=draw(st.sampled_from(["amount", "percent", "new_customer"])),
                amount_fen=draw(st.integers(1, 5_000)),
                percent_bp=draw(st.integers(1, 9_999)),
                ceiling_fen=draw(st.integers(1, 5_000)),
                min_fen=draw(st.integers(0, 20_000)),
                scope=draw(st.sampled_from(["all", "categories", "products"])),
                scope_keys=("tea", "P1"),
                supplier_code=supplier,
                stacking_group=draw(st.sampled_from(GROUPS)),
                platform_bp=10_000 - supplier_bp - store_bp,
                supplier_bp=supplier_bp,
                store_bp=store_bp,
                left_fen=draw(st.integers(0, 10_000)),
                state=draw(st.sampled_from(["open", "open", "paused"])),
                use_from=NOW,
                use_until=NOW + timedelta(days=draw(st.integers(1, 3))),
            )
        )
    return found


@st.composite
def lines(draw: st.DrawFn) -> list[CouponLine]:
    found = []
    for number in range(1, draw(st.integers(1, 5)) + 1):
        amount = draw(st.integers(0, 20_000))
        found.append(
            CouponLine(
                line=number,
                amount_fen=amount,
                supplier_code=draw(st.sampled_from(["yunling", "yangshan"])),
                product_number=draw(st.sampled_from(["P1", "P2"])),
                category_codes=draw(st.sampled_from([("tea",), ("fruit", "food")])),
                supplier_room_fen=draw(st.integers(0, amount)),
            )
        )
    return found


@given(pieces=pieces(), lines=lines(), is_new=st.booleans())
def test_the_best_is_exact_and_no_single_piece_saves_more(
    pieces: list[Piece], lines: list[CouponLine], is_new: bool
) -> None:
    choice = best_choice(pieces, lines, is_new=is_new, now=NOW)
    singles = [sum(one.discount_fen for one in apply_pieces([one.piece], lines)) for one in choice.usable]
    assert choice.discount_fen >= max(singles, default=0)
    assert choice.is_best and choice.discount_fen == choice.best_fen
    groups = [one.piece.stacking_group for one in choice.applied]
    assert len(groups) == len(set(groups))
    by_line = {line.line: line for line in lines}
    for one in choice.applied:
        assert 0 < one.discount_fen <= one.piece.left_fen
        for share in one.shares:
            assert share.discount_fen == share.platform_fen + share.supplier_fen + share.store_fen
            assert min(share.platform_fen, share.supplier_fen, share.store_fen) >= 0
            assert in_scope(one.piece, by_line[share.line])
    for number, share in choice.by_line().items():
        assert share.discount_fen < by_line[number].amount_fen
        assert share.supplier_fen <= by_line[number].supplier_room_fen
    named = best_choice(pieces, lines, wanted=[one.piece.number for one in choice.applied], is_new=is_new, now=NOW)
    assert named.applied == choice.applied
    assert {one.piece.number for one in choice.refused} | {one.piece.number for one in choice.usable} == {
        piece.number for piece in pieces
    }
    assert best_choice(pieces, lines, wanted=(), is_new=is_new, now=NOW).discount_fen == 0


@given(st.integers(0, 10_000), st.lists(st.tuples(st.integers(1, 9_999), st.integers(0, 9_999)), max_size=6))
def test_parts_within_caps_sum_exactly(total_fen: int, rows: list[tuple[int, int]]) -> None:
    weights, caps = [weight for weight, _cap in rows], [cap for _weight, cap in rows]
    parts = allocate_within(total_fen, weights, caps)
    assert sum(parts) == min(total_fen, sum(caps))
    assert all(0 <= part <= cap for part, cap in zip(parts, caps, strict=True))


@given(
    line=lines().map(lambda found: found[0]),
    piece=pieces().filter(bool).map(lambda found: found[0]),
    quantity=st.integers(1, 5),
    fee_bp=st.integers(0, 3_000),
    level1_bp=st.integers(0, 3_000),
    level2_bp=st.integers(0, 1_000),
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()),
)
def test_a_lowered_line_is_divided_to_the_last_fen(
    line: CouponLine, piece: Piece, quantity: int, fee_bp: int, level1_bp: int, level2_bp: int, flags: tuple[bool, ...]
) -> None:
    by_commission, has_level1, has_level2, is_own = flags
    facts = {
        "unit_fen": line.amount_fen,
        "quantity": quantity,
        "supply_unit_fen": line.supplier_room_fen,
        "is_commission_contract": by_commission,
        "fee_bp": fee_bp,
        "rates": Rates(level1_bp, level2_bp, "R"),
        "has_level1": has_level1,
        "has_level2": has_level2,
        "is_self_purchase": is_own,
    }
    before = line_money(**facts)
    room = before.paid_fen if by_commission else before.supplier_fen
    applied = apply_pieces([piece], [CouponLine(1, before.paid_fen, line.supplier_code, "P1", ("tea",), room)])
    for one in applied:
        (share,) = one.shares
        after = line_money(**facts, coupon=share)
        assert after.paid_fen == before.paid_fen - share.discount_fen > 0
        assert after.pool_fen == after.paid_fen + after.subsidy_fen - after.supplier_fen
        assert after.pool_fen >= after.level1_fen + after.level2_fen
        assert min(after.level1_fen, after.level2_fen, after.supplier_fen, after.subsidy_fen) >= 0
        assert after.coupon_fen == after.subsidy_fen + share.supplier_fen + after.store_coupon_fen
        if not by_commission and share.supplier_fen == 0:
            # The platform's coupon is nobody else's business.
            assert after.supplier_fen == before.supplier_fen


@given(st.integers(0, 5_000), st.integers(1, 20_000), st.data())
def test_refunds_in_pieces_give_back_what_one_refund_does(subsidy_fen: int, paid_fen: int, data: st.DataObject) -> None:
    steps = sorted(data.draw(st.lists(st.integers(0, paid_fen), max_size=5)))
    stays = [
        kept_subsidy_fen(subsidy_fen=subsidy_fen, paid_fen=paid_fen, refunded_fen=refunded)
        for refunded in (0, *steps, paid_fen)
    ]
    assert stays[0] == subsidy_fen and stays[-1] == 0
    assert stays == sorted(stays, reverse=True)


def test_the_search_stays_within_its_bound() -> None:
    """Fifty pieces in eight groups: what saves least alone is left out, what saves most is in."""
    line = CouponLine(1, 1_000_000, "yunling", "P1", ("tea",), 1_000_000)
    many = [
        Piece(
            f"C{n:02}", n, f"K{n}", "", "amount", 100 + n, 0, 0, 0, "all", (), "", f"g{n % 8}", 10_000, 0, 0, 10_000,
            "open", NOW, NOW + timedelta(days=1),
        )
        for n in range(50)
    ]  # fmt: skip
    choice = best_choice(many, [line], is_new=False, now=NOW)
    assert COMBINATIONS_MAX >= 2**8
    assert choice.discount_fen == sum(100 + n for n in range(42, 50))
