"""Attribution is total, explained, and blind to the order its facts come in."""

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from distributors.links.attribution import (
    BondFact,
    CreditFacts,
    StoreFact,
    TouchFact,
    credit,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
REASONS = {"product_touch", "protected_bond", "last_touch", "own_store", "bond", "none"}

days = st.integers(min_value=-2, max_value=400).map(lambda count: timedelta(days=count))
ids = st.integers(min_value=1, max_value=4)


@st.composite
def all_facts(draw: st.DrawFn) -> CreditFacts:
    stores = {
        store_id: StoreFact(
            code=f"s{store_id}",
            is_active=draw(st.booleans()),
            owner_user_id=store_id * 10,
            is_buyers=draw(st.sampled_from([False, False, True])),
            referrer_store_id=draw(st.none() | st.integers(5, 6)),
        )
        for store_id in draw(st.sets(ids))
    }
    touches = [
        TouchFact(
            number=f"T{place}",
            at=NOW - draw(days),
            token="t",
            store_id=store_id,
            store_code=f"s{store_id}",
            product_id=draw(st.none() | ids),
            channel="link",
        )
        for place, store_id in enumerate(draw(st.lists(ids, max_size=8)))
    ]
    start = NOW - draw(days)
    bond = BondFact(
        store_id=draw(ids),
        started_at=start,
        protected_until=start + timedelta(days=15),
        valid_until=start + timedelta(days=365),
        reason="first_touch",
        touch_number="B",
    )
    return CreditFacts(
        now=NOW,
        buyer_user_id=draw(st.none() | st.sampled_from([10, 20, 99])),
        lines=[(line, product) for line, product in enumerate(draw(st.lists(ids, max_size=4)), 1)],
        touches=touches,
        bond=draw(st.none() | st.just(bond)),
        stores=stores,
        touch_window=timedelta(days=30),
        self_purchase=draw(st.sampled_from(["discount", "off"])),
    )


@given(all_facts())
def test_every_line_gets_an_answer_with_all_its_candidates(facts):
    found_by_line = credit(facts=facts)
    assert set(found_by_line) == {line for line, _product in facts.lines}
    for found in found_by_line.values():
        assert found.reason in REASONS
        assert (found.store_id is None) == (found.reason == "none")
        candidates = len(facts.touches) + (facts.bond is not None)
        own = [one for one in found.evidence if one["what"] == "own_store"]
        assert len(found.evidence) == candidates + len(own)
        assert all(one["verdict"] for one in found.evidence)
        won = [one for one in found.evidence if one["verdict"] == "won"]
        if found.store_id is None:
            assert won == []
        else:
            assert facts.stores[found.store_id].code in {one["store"] for one in won}


@given(all_facts())
def test_whoever_earns_is_active_and_not_the_buyer(facts):
    for found in credit(facts=facts).values():
        if found.store_id is None:
            continue
        store = facts.stores[found.store_id]
        assert store.is_active
        is_own = store.owner_user_id == facts.buyer_user_id
        assert found.is_self_purchase == is_own
        assert is_own or not store.is_buyers
        if is_own:
            assert facts.self_purchase == "discount"
        assert found.referrer_store_id == store.referrer_store_id


@given(all_facts(), st.randoms(use_true_random=False))
def test_the_order_of_the_facts_changes_nothing(facts, chance: random.Random):
    shuffled = list(facts.touches)
    chance.shuffle(shuffled)
    again = CreditFacts(
        **{name: getattr(facts, name) for name in CreditFacts.__dataclass_fields__ if name != "touches"},
        touches=shuffled,
    )
    assert credit(facts=again) == credit(facts=facts)


@given(all_facts())
def test_lines_are_judged_each_for_itself(facts):
    whole = credit(facts=facts)
    for line, product in facts.lines:
        alone = CreditFacts(
            **{name: getattr(facts, name) for name in CreditFacts.__dataclass_fields__ if name != "lines"},
            lines=[(line, product)],
        )
        assert credit(facts=alone)[line] == whole[line]
