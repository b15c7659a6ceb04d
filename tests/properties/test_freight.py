"""Freight, whatever the numbers: never negative, never cheaper for more, exactly the table's arithmetic."""

from hypothesis import given
from hypothesis import strategies as st

from shop.freight.rules import FreightQuote, Rule, Template, join_quotes, match, quote

UNITS = st.integers(1, 100_000)
FEN = st.integers(0, 10_000_000)
RULES = st.builds(
    Rule,
    first_units=UNITS,
    first_fen=FEN,
    continued_units=UNITS,
    continued_fen=FEN,
    free_above_fen=st.none() | FEN,
)
COUNTS = st.integers(0, 1_000_000)


def price(rule: Rule, count: int, goods_fen: int) -> int:
    answer = quote(template=Template("t", "piece", rule), units={"piece": count}, goods_fen=goods_fen)
    assert answer.is_deliverable
    assert all(answer.explanation)
    return answer.fen


@given(RULES, COUNTS, FEN)
def test_the_price_is_the_first_and_every_begun_further_unit(rule: Rule, count: int, goods_fen: int) -> None:
    expected, covered = rule.first_fen, rule.first_units
    if (max(count, 1) - covered) / rule.continued_units < 2_000:
        while covered < count:
            expected, covered = expected + rule.continued_fen, covered + rule.continued_units
        is_free = rule.free_above_fen is not None and goods_fen >= rule.free_above_fen
        assert price(rule, count, goods_fen) == (0 if is_free else expected)


@given(RULES, COUNTS, COUNTS, FEN)
def test_more_units_never_cost_less(rule: Rule, count: int, more: int, goods_fen: int) -> None:
    assert 0 <= price(rule, count, goods_fen) <= price(rule, count + more, goods_fen)


@given(RULES, COUNTS, FEN, FEN)
def test_paying_more_for_goods_never_makes_delivery_dearer(
    rule: Rule, count: int, goods_fen: int, more_fen: int
) -> None:
    assert price(rule, count, goods_fen + more_fen) <= price(rule, count, goods_fen)


CODES = ["", "330000", "330100", "330106", "330106109", "330106109001", "320000", "330200"]


@given(st.lists(st.sampled_from(CODES), unique=True), st.integers(1, 5))
def test_the_longest_match_wins_in_any_order(codes: list[str], depth: int) -> None:
    lineage = CODES[1 : depth + 1]
    fitting = [code for code in codes if code in ["", *lineage]]
    found = match([Rule(code) for code in codes], lineage)
    assert (found.region_code if found else None) == (max(fitting, key=CODES.index) if fitting else None)


QUOTES = st.builds(FreightQuote, fen=FEN, is_deliverable=st.just(True), explanation=st.just(("x",)))


@given(st.lists(QUOTES, min_size=1, max_size=5), st.booleans())
def test_a_parcel_costs_all_its_parts_or_does_not_go(quotes: list[FreightQuote], one_stuck: bool) -> None:
    stuck = [FreightQuote(0, False, ("no",))] if one_stuck else []
    joined = join_quotes([*quotes, *stuck])
    assert joined.is_deliverable is not one_stuck
    assert joined.fen == (0 if one_stuck else sum(one.fen for one in quotes))
