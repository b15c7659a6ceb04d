"""Whose sale is it? Every rule of attribution, on plain facts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from distributors.links.attribution import (
    BondFact,
    CreditFacts,
    StoreFact,
    TouchFact,
    credit,
)

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SU, AHE_USER, LIN_USER = 1, 2, 3
AHE, LIN = 20, 30
TEA, RICE = 100, 200

STORES = {
    AHE: StoreFact("ahe", True, AHE_USER, referrer_store_id=LIN, referrer_store_code="lin"),
    LIN: StoreFact("lin", True, LIN_USER),
}


def touch(store: int, days_ago: float, *, product: int | None = None, number: str = "") -> TouchFact:
    at = NOW - days_ago * DAY
    name = number or f"T-{store}-{days_ago}-{product or 'store'}"
    return TouchFact(name, at, "token", store, STORES[store].code, product, "link")


def bond(store: int, days_ago: float) -> BondFact:
    at = NOW - days_ago * DAY
    return BondFact(store, at, at + 15 * DAY, at + 365 * DAY, "first_touch", f"B-{store}")


def facts(*touches: TouchFact, buyer: int | None = SU, bonded: BondFact | None = None, **more) -> CreditFacts:
    given = CreditFacts(
        now=NOW,
        buyer_user_id=buyer,
        lines=[(1, TEA), (2, RICE)],
        touches=touches,
        bond=bonded,
        stores=STORES,
        touch_window=30 * DAY,
    )
    return replace(given, **more)


def winners(given: CreditFacts) -> list[tuple[int | None, str]]:
    found = credit(facts=given)
    return [(found[line].store_id, found[line].reason) for line in (1, 2)]


def verdicts(given: CreditFacts, line: int = 1) -> list[tuple[str, str, str]]:
    return [(one["what"], one["store"], one["verdict"]) for one in credit(facts=given)[line].evidence]


def test_nobody_brought_her():
    assert winners(facts()) == [(None, "none"), (None, "none")]
    assert verdicts(facts()) == []


def test_the_last_touch_of_a_store_link_wins():
    given = facts(touch(LIN, 1), touch(AHE, 2))
    assert winners(given) == [(LIN, "last_touch")] * 2
    assert verdicts(given) == [
        ("store_touch", "lin", "won"),
        ("store_touch", "ahe", "older"),
    ]


def test_the_order_the_touches_come_in_does_not_matter():
    given = facts(touch(AHE, 2), touch(LIN, 1))
    assert winners(given) == [(LIN, "last_touch")] * 2


def test_a_touch_outside_the_window_counts_no_more():
    assert winners(facts(touch(AHE, 29.99))) == [(AHE, "last_touch")] * 2
    given = facts(touch(AHE, 30))
    assert winners(given) == [(None, "none")] * 2
    assert verdicts(given) == [("store_touch", "ahe", "outside_window")]


def test_a_product_link_credits_its_product_and_nothing_else():
    given = facts(touch(LIN, 1, product=TEA))
    assert winners(given) == [(LIN, "product_touch"), (None, "none")]
    assert verdicts(given, 2) == [("product_touch", "lin", "another_product")]


def test_a_product_link_takes_its_line_and_the_bond_keeps_the_others():
    given = facts(touch(LIN, 1, product=TEA), bonded=bond(AHE, 3))
    assert winners(given) == [(LIN, "product_touch"), (AHE, "protected_bond")]


def test_a_protected_bond_beats_a_newer_touch_of_another_store():
    given = facts(touch(LIN, 1), bonded=bond(AHE, 3))
    assert winners(given) == [(AHE, "protected_bond")] * 2
    assert verdicts(given) == [
        ("store_touch", "lin", "bond_is_protected"),
        ("bond", "ahe", "won"),
    ]


def test_a_protected_store_that_showed_the_product_stands_above_a_newer_link_to_it():
    given = facts(touch(LIN, 1, product=TEA), touch(AHE, 3, product=TEA), bonded=bond(AHE, 3))
    assert winners(given) == [(AHE, "protected_bond"), (AHE, "protected_bond")]
    after = facts(touch(LIN, 1, product=TEA), touch(AHE, 16, product=TEA), bonded=bond(AHE, 16))
    assert winners(after) == [(LIN, "product_touch"), (AHE, "bond")]


def test_an_unprotected_bond_yields_to_a_touch_and_holds_without_one():
    assert winners(facts(touch(LIN, 1), bonded=bond(AHE, 16))) == [(LIN, "last_touch")] * 2
    assert winners(facts(bonded=bond(AHE, 16))) == [(AHE, "bond")] * 2
    assert verdicts(facts(touch(LIN, 1), bonded=bond(AHE, 16)))[1] == (
        "bond",
        "ahe",
        "later_touch_wins",
    )


def test_protection_and_validity_end_at_their_instant():
    assert winners(facts(touch(LIN, 1), bonded=bond(AHE, 15)))[0] == (LIN, "last_touch")
    assert winners(facts(bonded=bond(AHE, 364.9)))[0] == (AHE, "bond")
    expired = facts(bonded=bond(AHE, 365))
    assert winners(expired)[0] == (None, "none")
    assert verdicts(expired) == [("bond", "ahe", "expired")]


def test_a_store_that_is_not_active_at_this_moment_is_dropped():
    closed = STORES | {AHE: replace(STORES[AHE], is_active=False)}
    given = facts(touch(AHE, 1), touch(LIN, 2), stores=closed)
    assert winners(given) == [(LIN, "last_touch")] * 2
    assert verdicts(given)[0] == ("store_touch", "ahe", "store_not_active")
    assert winners(facts(bonded=bond(AHE, 1), stores=closed))[0] == (None, "none")
    assert winners(facts(touch(AHE, 1), stores={}))[0] == (None, "none")


def test_the_referrer_of_this_moment_earns_the_second_level():
    assert credit(facts=facts(touch(AHE, 1)))[1].referrer_store_id == LIN
    assert credit(facts=facts(touch(LIN, 1)))[1].referrer_store_id is None
    assert credit(facts=facts())[1].referrer_store_id is None


def test_ahe_buys_from_herself_and_it_is_a_price_cut():
    given = facts(buyer=AHE_USER)
    assert winners(given) == [(AHE, "own_store")] * 2
    found = credit(facts=given)[1]
    assert (found.is_self_purchase, found.referrer_store_id) == (True, LIN)
    assert verdicts(given) == [("own_store", "ahe", "won")]


def test_her_own_link_is_a_self_purchase_too():
    given = facts(touch(AHE, 1), buyer=AHE_USER)
    found = credit(facts=given)[1]
    assert (found.store_id, found.reason, found.is_self_purchase) == (AHE, "own_store", True)


def test_another_stores_newer_link_wins_over_her_own_store():
    given = facts(touch(LIN, 1), touch(AHE, 2), buyer=AHE_USER)
    assert winners(given) == [(LIN, "last_touch")] * 2
    assert credit(facts=given)[1].is_self_purchase is False


def test_whoever_has_a_store_is_nobodys_bonded_customer():
    given = facts(buyer=AHE_USER, bonded=bond(LIN, 1))
    assert winners(given) == [(AHE, "own_store")] * 2
    assert verdicts(given)[0] == ("bond", "lin", "buyer_has_own_store")


def test_with_self_purchase_off_her_own_store_brings_her_nothing():
    given = facts(touch(AHE, 1), buyer=AHE_USER, self_purchase="off")
    assert winners(given) == [(None, "none")] * 2
    assert verdicts(given) == [("store_touch", "ahe", "buyers_own_store")]
    other = facts(touch(AHE, 1), touch(LIN, 2), buyer=AHE_USER, self_purchase="off")
    assert winners(other) == [(LIN, "last_touch")] * 2


def test_a_store_of_the_buyers_other_account_earns_nothing_in_either_mode():
    kin = STORES | {AHE: replace(STORES[AHE], is_buyers=True)}
    for mode in ("discount", "off"):
        given = facts(touch(AHE, 1), bonded=bond(AHE, 1), stores=kin, self_purchase=mode)
        assert winners(given) == [(None, "none")] * 2
        assert [verdict for _what, _store, verdict in verdicts(given)] == ["buyers_own_store"] * 2


def test_a_suspended_owner_is_an_ordinary_customer():
    closed = STORES | {AHE: replace(STORES[AHE], is_active=False)}
    assert winners(facts(touch(LIN, 1), buyer=AHE_USER, stores=closed)) == [(LIN, "last_touch")] * 2
    assert winners(facts(buyer=AHE_USER, stores=closed)) == [(None, "none")] * 2


def test_touches_of_the_future_do_not_count():
    assert winners(facts(touch(AHE, -1)))[0] == (None, "none")


def test_the_winning_touch_is_named():
    assert credit(facts=facts(touch(AHE, 1, number="T1")))[1].touch_numbers == ("T1",)
    assert credit(facts=facts(bonded=bond(AHE, 1)))[1].touch_numbers == (f"B-{AHE}",)
    assert credit(facts=facts())[1].touch_numbers == ()
