"""The arithmetic of commissions holds for any numbers and any sequence of refunds."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from distributors.commissions.rules import (
    PRECEDENCE,
    Rates,
    RuleFact,
    RuleFacts,
    choose_rule,
    entitled_after_refund,
    self_purchase_discount_fen,
    split_line,
)
from shop.base.money import share_bp

fen = st.integers(min_value=0, max_value=10**9)
bp = st.integers(min_value=0, max_value=10_000)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@given(fen, fen, bp, bp, st.booleans(), st.booleans(), st.sampled_from(["margin", "supplier", "platform"]))
def test_a_split_never_gives_more_than_the_line_holds(paid, supplier, one, two, has1, has2, funding):
    rates = Rates(one, two, "R", funding)
    found = split_line(paid_fen=paid, supplier_fen=supplier, rates=rates, has_level1=has1, has_level2=has2)
    want1 = share_bp(paid, one) if has1 else 0
    want2 = share_bp(paid, two) if has2 else 0
    assert 0 <= found.level1_fen <= want1
    assert 0 <= found.level2_fen <= want2
    assert found.level1_fen + found.level2_fen <= found.pool_fen <= paid
    assert found.supplier_fen <= supplier
    if funding != "supplier":
        assert found.supplier_fen == supplier
    if supplier <= paid:
        platform = paid - found.supplier_fen - found.level1_fen - found.level2_fen
        assert platform >= 0
        assert found.supplier_fen + found.level1_fen + found.level2_fen + platform == paid
    assert found.capped == ((found.level1_fen, found.level2_fen) != (want1, want2))
    # Level 1 first: level 2 gets something only when level 1 is whole.
    assert found.level2_fen == 0 or found.level1_fen == want1


@given(fen, fen, bp, bp)
def test_a_self_purchase_never_sells_below_what_the_supplier_gets(paid, supplier, one, two):
    rates = Rates(one, two, "R")
    discount = self_purchase_discount_fen(paid_fen=paid, supplier_fen=supplier, rates=rates)
    assert 0 <= discount <= share_bp(paid, one)
    if supplier <= paid:
        assert paid - discount >= supplier
        again = split_line(
            paid_fen=paid - discount,
            supplier_fen=supplier,
            rates=rates,
            has_level1=False,
            has_level2=True,
        )
        assert again.level1_fen == 0
        assert again.level2_fen <= paid - discount - supplier


@st.composite
def refunds(draw: st.DrawFn) -> tuple[int, int, int, list[int]]:
    """Return base, rate, amount (capped or not) and the refunds of it, which never exceed the base."""
    base = draw(st.integers(1, 10**8))
    rate = draw(bp)
    whole = share_bp(base, rate)
    amount = draw(st.one_of(st.just(whole), st.integers(0, whole)))
    cuts = sorted(draw(st.lists(st.integers(0, base), max_size=12)))
    return base, rate, amount, cuts


@given(refunds())
def test_any_sequence_of_refunds_ends_at_the_exact_target(case):
    base, rate, amount, cumulative = case
    taken = 0
    for refunded in cumulative:
        left = entitled_after_refund(base_fen=base, refunded_fen=refunded, rate_bp=rate, amount_fen=amount)
        step = amount - left - taken
        # A later refund never gives anything back, and never takes more than there is.
        assert step >= 0
        taken += step
        assert 0 <= amount - taken <= amount
    last = cumulative[-1] if cumulative else 0
    at_once = amount - entitled_after_refund(base_fen=base, refunded_fen=last, rate_bp=rate, amount_fen=amount)
    assert taken == at_once


@given(refunds())
def test_nothing_refunded_keeps_all_and_everything_refunded_leaves_no_residue(case):
    base, rate, amount, _cuts = case
    assert entitled_after_refund(base_fen=base, refunded_fen=0, rate_bp=rate, amount_fen=amount) == amount
    assert entitled_after_refund(base_fen=base, refunded_fen=base, rate_bp=rate, amount_fen=amount) == 0


@given(st.integers(1, 10**8), bp, st.data())
def test_an_uncapped_commission_is_always_its_rate_of_what_is_left(base, rate, data):
    refunded = data.draw(st.integers(0, base))
    left = entitled_after_refund(base_fen=base, refunded_fen=refunded, rate_bp=rate, amount_fen=share_bp(base, rate))
    assert left == share_bp(base - refunded, rate)


@st.composite
def rulebooks(draw: st.DrawFn) -> list[RuleFact]:
    keys = {"sku": "k", "product": "p", "supplier": "s", "grade": "g", "global": "", "campaign": "c"}
    found = []
    for number in range(draw(st.integers(0, 8))):
        scope = draw(st.sampled_from(PRECEDENCE))
        key = draw(st.sampled_from(["near", "far"])) if scope == "category" else keys[scope]
        start = NOW + timedelta(days=draw(st.integers(-5, 2)))
        end = draw(st.none() | st.just(start + timedelta(days=draw(st.integers(0, 8)))))
        found.append(RuleFact(f"R{number}", scope, key, 100, 0, start, end))
    return found


@given(rulebooks(), st.randoms(use_true_random=False))
def test_a_rule_is_chosen_from_any_rulebook_whatever_its_order(book, chance):
    facts = RuleFacts(
        line=1,
        sku_number="k",
        product_number="p",
        category_codes=("near", "far"),
        supplier_code="s",
        grade="g",
        campaign="c",
    )
    chosen = choose_rule(book, facts, NOW)
    shuffled = list(book)
    chance.shuffle(shuffled)
    assert choose_rule(shuffled, facts, NOW) == chosen
    living = [rule for rule in book if rule.applies_at(NOW)]
    assert (chosen is None) == (not living)
    if chosen is not None:
        place = facts.scopes().index((chosen.scope, chosen.scope_key))
        for rule in living:
            other = facts.scopes().index((rule.scope, rule.scope_key))
            assert place <= other
            if place == other:
                assert chosen.effective_from >= rule.effective_from
