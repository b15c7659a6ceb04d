"""Integer fen arithmetic: nothing is ever lost or made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.base.money import allocate, format_yuan, proportion, share_bp

amounts = st.integers(min_value=0, max_value=10**14)
weights = st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=40)


@given(amounts, weights)
def test_the_parts_are_the_whole(total_fen, shares):
    parts = allocate(total_fen, shares)
    assert sum(parts) == total_fen
    assert len(parts) == len(shares)


@given(amounts, weights)
def test_no_part_is_a_fen_away_from_its_fair_share(total_fen, shares):
    whole = sum(shares)
    for part, share in zip(allocate(total_fen, shares), shares, strict=True):
        if whole:
            assert total_fen * share // whole <= part <= -(-total_fen * share // whole)


@given(amounts, weights)
def test_who_weighs_nothing_gets_nothing_and_the_same_input_the_same_split(total_fen, shares):
    first, second = allocate(total_fen, shares), allocate(total_fen, list(shares))
    assert first == second
    if any(shares):
        assert all(part == 0 for part, share in zip(first, shares, strict=True) if share == 0)


@given(amounts, st.integers(min_value=0, max_value=10_000), st.integers(min_value=0, max_value=10_000))
def test_two_rates_never_pay_more_than_their_sum(amount_fen, one_bp, other_bp):
    assert share_bp(amount_fen, one_bp) + share_bp(amount_fen, other_bp) <= share_bp(amount_fen, one_bp + other_bp)
    assert share_bp(amount_fen, 10_000) == amount_fen


@given(amounts, st.integers(min_value=1, max_value=10**6), st.data())
def test_a_proportion_is_monotone_and_ends_at_the_whole(amount_fen, whole, data):
    part = data.draw(st.integers(min_value=0, max_value=whole))
    assert proportion(amount_fen, 0, whole) == 0
    assert proportion(amount_fen, whole, whole) == amount_fen
    assert 0 <= proportion(amount_fen, part, whole) <= amount_fen


@pytest.mark.parametrize(
    ("total_fen", "shares", "parts"),
    [
        (10, [1, 1, 1], [4, 3, 3]),
        (100, [0, 0], [50, 50]),
        (0, [], []),
        (1, [999, 1], [1, 0]),
        (1_000, [333, 333, 334], [333, 333, 334]),
    ],
)
def test_ties_go_to_the_earlier_part(total_fen, shares, parts):
    assert allocate(total_fen, shares) == parts


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: allocate(-1, [1]),
        lambda: allocate(1, [-1, 2]),
        lambda: allocate(1, []),
        lambda: share_bp(-1, 10),
        lambda: share_bp(10, -1),
        lambda: proportion(10, 3, 2),
        lambda: proportion(10, 0, 0),
    ],
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(ValueError, match=r"takes|needs"):
        wrong()


@pytest.mark.parametrize(("fen", "text"), [(0, "0.00"), (5, "0.05"), (123_456, "1,234.56"), (-2_050, "-20.50")])
def test_yuan_are_written_with_two_decimals(fen, text):
    assert format_yuan(fen) == text
