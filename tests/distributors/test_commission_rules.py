"""Which rate applies, how a line is split, and which rules are refused."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from distributors.commissions import actions as commissions
from distributors.commissions.models import CommissionRule
from distributors.commissions.queries import rates_for
from distributors.commissions.rulebook import MarginTooSmall
from distributors.commissions.rules import (
    NO_RATES,
    Rates,
    RuleFact,
    RuleFacts,
    choose_rule,
    self_purchase_discount_fen,
    split_line,
)
from shop.base.errors import Conflict, Invalid
from shop.catalogue.categories import create_category
from tests.distributors.sellers import (
    moment,
    rule,
    tea,
)
from tests.world import STAFF, category, product, sku_of, yangshan, yunling

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


# --- which rule ---------------------------------------------------------------------------------------

FACTS = RuleFacts(
    line=1,
    sku_number="k1",
    product_number="p1",
    category_codes=("white-tea", "tea", "food"),
    supplier_code="yunling",
    grade="gold",
    campaign="c1",
)


def fact(scope: str, key: str, bp: int = 100, *, days: int = 1, until: int | None = None, **more) -> RuleFact:
    ends = NOW + until * DAY if until is not None else None
    return RuleFact(f"R-{scope}-{key}-{bp}", scope, key, bp, 0, NOW - days * DAY, ends, **more)


def test_the_most_specific_rule_wins_down_the_whole_list():
    ladder = [
        fact("campaign", "c1"),
        fact("sku", "k1"),
        fact("product", "p1"),
        fact("category", "white-tea"),
        fact("category", "tea"),
        fact("category", "food"),
        fact("supplier", "yunling"),
        fact("grade", "gold"),
        fact("global", ""),
    ]
    while ladder:
        assert choose_rule(reversed(ladder), FACTS, NOW) == ladder[0]
        ladder.pop(0)
    assert choose_rule([], FACTS, NOW) is None


def test_rules_of_other_things_do_not_apply():
    others = [fact("sku", "k2"), fact("category", "rice"), fact("grade", "silver"), fact("campaign", "")]
    assert choose_rule(others, FACTS, NOW) is None


def test_the_newest_start_wins_a_tie_and_the_future_and_the_past_do_not_count():
    old, new = fact("sku", "k1", 100, days=9), fact("sku", "k1", 200, days=3)
    future, ended = fact("sku", "k1", 300, days=-1), fact("sku", "k1", 400, days=2, until=0)
    assert choose_rule([new, future, ended, old], FACTS, NOW) == new
    starting = fact("sku", "k1", 500, days=0)
    assert choose_rule([new, starting], FACTS, NOW) == starting


# --- the split ----------------------------------------------------------------------------------------


def split(paid_fen, supplier_fen, level1_bp, level2_bp, *, has2=True, funding="margin"):
    found = split_line(
        paid_fen=paid_fen,
        supplier_fen=supplier_fen,
        rates=Rates(level1_bp, level2_bp, "R", funding),
        has_level1=True,
        has_level2=has2,
    )
    return found.level1_fen, found.level2_fen, found.pool_fen, found.capped


def test_both_levels_are_rounded_down():
    assert split(9_999, 5_000, 1_000, 333) == (999, 332, 4_999, False)
    assert split(9_999, 5_000, 1_000, 333, has2=False) == (999, 0, 4_999, False)


def test_the_margin_guard_serves_level_1_first_and_says_so():
    assert split(10_000, 9_000, 800, 300) == (800, 200, 1_000, True)
    assert split(10_000, 9_500, 800, 300) == (500, 0, 500, True)
    assert split(10_000, 10_000, 800, 300) == (0, 0, 0, True)
    assert split(10_000, 12_000, 800, 300) == (0, 0, 0, True)
    assert split(10_000, 8_900, 800, 300) == (800, 300, 1_100, False)


def test_a_supplier_that_funds_a_rule_gives_way():
    found = split_line(
        paid_fen=10_000,
        supplier_fen=9_500,
        rates=Rates(800, 300, "R", "supplier"),
        has_level1=True,
        has_level2=True,
    )
    assert (found.level1_fen, found.level2_fen, found.supplier_fen, found.capped) == (
        800,
        300,
        8_900,
        False,
    )


def test_buying_for_oneself_is_a_price_cut_within_the_margin():
    rates = Rates(1_000, 300, "R")
    assert self_purchase_discount_fen(paid_fen=9_800, supplier_fen=6_000, rates=rates) == 980
    assert self_purchase_discount_fen(paid_fen=9_800, supplier_fen=9_500, rates=rates) == 300


# --- rules in the database ------------------------------------------------------------------------------


def facts_of(goods, *, line: int = 1, grade: str = "standard") -> RuleFacts:
    sku = sku_of(goods)
    return RuleFacts(
        line=line,
        sku_number=sku.number,
        product_number=goods.number,
        category_codes=(goods.category.code,),
        supplier_code=goods.supplier.code,
        grade=grade,
    )


@pytest.mark.django_db
def test_rates_of_many_lines_cost_one_statement():
    white, green, rice = tea(), tea("绿茶"), product(yangshan(), "大米", on=category("rice", "米"))
    rule(level1_bp=500, level2_bp=100)
    of_tea = rule("category", "tea", 1_000, 200)
    of_white = rule("sku", sku_of(white).number, 1_500, 300)
    facts = [facts_of(white, line=1), facts_of(green, line=2), facts_of(rice, line=3)]
    with CaptureQueriesContext(connection) as queries:
        found = rates_for(facts, moment())
    assert len(queries) == 1
    assert [(found[line].level1_bp, found[line].level2_bp) for line in (1, 2, 3)] == [
        (1_500, 300),
        (1_000, 200),
        (500, 100),
    ]
    assert (found[1].rule_number, found[2].rule_number) == (of_white.number, of_tea.number)


@pytest.mark.django_db
def test_without_a_rule_nobody_earns():
    assert rates_for([facts_of(tea())], moment()) == {1: NO_RATES}
    assert rates_for([], moment()) == {}


@pytest.mark.django_db
def test_a_rule_is_superseded_never_edited():
    white, first = tea(), rule(level1_bp=500, level2_bp=0)
    later = moment() + DAY
    second = commissions.supersede_rule(
        rule=first, level1_bp=700, level2_bp=0, effective_from=later, actor=STAFF, now=moment()
    )
    assert (second.version, second.supersedes) == (2, first)
    assert rates_for([facts_of(white)], moment())[1].level1_bp == 500
    assert rates_for([facts_of(white)], later)[1].level1_bp == 700
    assert rates_for([facts_of(white)], later - timedelta(microseconds=1))[1].level1_bp == 500
    with pytest.raises(Conflict):
        commissions.supersede_rule(
            rule=first, level1_bp=900, level2_bp=0, effective_from=moment(), actor=STAFF, now=moment()
        )
    for attack in (
        lambda: CommissionRule.objects.filter(pk=first.pk).update(level1_bp=9_000),
        lambda: CommissionRule.objects.filter(pk=first.pk).update(effective_until=None),
        lambda: CommissionRule.objects.filter(pk=second.pk).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            attack()


@pytest.mark.django_db
def test_a_rule_can_end_but_not_in_the_past():
    white, only = tea(), rule(level1_bp=500, level2_bp=0)
    with pytest.raises(Invalid):
        commissions.end_rule(rule=only, effective_until=moment() - DAY, now=moment())
    commissions.end_rule(rule=only, effective_until=moment() + DAY, now=moment())
    assert rates_for([facts_of(white)], moment())[1].level1_bp == 500
    assert rates_for([facts_of(white)], moment() + 2 * DAY)[1] == NO_RATES


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"scope": "planet"}, "scope"),
        ({"scope": "sku", "key": "k-unknown"}, "scope_key"),
        ({"scope": "global", "key": "x"}, "scope_key"),
        ({"level1_bp": -1}, "level1_bp"),
        ({"level2_bp": 10_001}, "level2_bp"),
        ({"level1_bp": 10.5}, "level1_bp"),
        ({"level1_bp": 4_000, "level2_bp": 1_001}, "level1_bp"),
        ({"funding": "lottery"}, "funding"),
    ],
)
def test_a_rule_names_what_is_wrong_with_it(wrong, field):
    with pytest.raises(Invalid) as refusal:
        rule(**wrong)
    assert refusal.value.field == field
    assert CommissionRule.objects.count() == 0


@pytest.mark.django_db
def test_a_rule_cannot_begin_in_the_past():
    with pytest.raises(Invalid) as refusal:
        commissions.create_rule(
            scope="global",
            level1_bp=100,
            effective_from=moment() - DAY,
            actor=STAFF,
            now=moment(),
        )
    assert refusal.value.field == "effective_from"


@pytest.mark.django_db
def test_a_rule_that_a_margin_cannot_pay_is_refused_with_a_report():
    tea(supply_fen=6_000, retail_fen=9_800)
    thin = tea("薄利茶", supply_fen=9_500, retail_fen=9_800)
    with pytest.raises(MarginTooSmall) as refusal:
        rule(level1_bp=1_000, level2_bp=300)
    assert refusal.value.extra == {
        "count": 1,
        "skus": [
            {
                "sku": sku_of(thin).number,
                "title": "薄利茶",
                "retail_fen": 9_800,
                "pool_fen": 300,
                "wanted_fen": 980 + 294,
            }
        ],
    }
    # Three ways out: lower rates, a rule of its own for those goods, somebody who pays.
    rule(level1_bp=300, level2_bp=0)
    rule(level1_bp=1_000, level2_bp=300, funding="platform")
    rule("product", thin.number, 100, 100)
    rule(level1_bp=1_000, level2_bp=300)


@pytest.mark.django_db
def test_the_margin_guard_climbs_the_shelves_and_knows_the_other_contract():
    food = create_category(code="food", name="食品")
    tea_shelf = create_category(code="teas", name="茶", parent=food)
    product(yunling(), "薄利茶", supply_fen=9_500, retail_fen=9_800, on=tea_shelf)
    with pytest.raises(MarginTooSmall):
        rule("category", "food", 1_000, 0)
    rule("category", "teas", 100, 0)
    rule("category", "food", 1_000, 0, funding="supplier")
    # By commission the supply price does not bind: the fee of 5 % and the levels must fit.
    product(yangshan(), "脐橙", supply_fen=9_700, retail_fen=9_800, on=category("fruit", "水果"))
    rule("supplier", "yangshan", 3_000, 1_000)
