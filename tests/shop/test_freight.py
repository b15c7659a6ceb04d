"""What delivery costs: the smallest place wins, nobody's place is nobody's parcel, and why."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from shop.base.errors import Conflict, Invalid, NotFound
from shop.freight import actions
from shop.freight.models import FreightTemplate
from shop.freight.queries import Parcel, ParcelItem, freight_for, suppliers_without_default, templates_of
from shop.freight.rules import FreightQuote, Rule, Template, match, quote
from shop.regions.actions import import_regions
from shop.suppliers.models import Supplier
from tests.shop.goods import orchard, pears

WEST_LAKE, HANGZHOU, ZHEJIANG = "330106", "330100", "330000"
LINEAGE = [ZHEJIANG, HANGZHOU, WEST_LAKE, "330106109", "330106109001"]


def test_the_smallest_place_around_an_address_wins() -> None:
    rules = [Rule(code, first_fen=fen) for fen, code in enumerate(["", *LINEAGE])]
    for depth in range(len(LINEAGE), -1, -1):
        found = match(rules[: depth + 1], LINEAGE)
        assert found is not None and found.first_fen == depth
    assert match([Rule("320000"), Rule("330200"), Rule("330106110")], LINEAGE) is None
    assert match([], LINEAGE) is None


@pytest.mark.parametrize(("pieces", "fen"), [(0, 800), (1, 800), (2, 800), (3, 1100), (5, 1100), (6, 1400)])
def test_begun_units_count_as_whole_ones(pieces: int, fen: int) -> None:
    rule = Rule(first_units=2, first_fen=800, continued_units=3, continued_fen=300)
    answer = quote(template=Template("全国", "piece", rule), units={"piece": pieces}, goods_fen=100)
    assert (answer.fen, answer.is_deliverable) == (fen, True)


def test_weight_is_counted_in_grams_and_the_page_can_say_why() -> None:
    rule = Rule(first_units=1000, first_fen=800, continued_units=500, continued_fen=250, free_above_fen=9900)
    template = Template("重货", "weight", rule)
    answer = quote(template=template, units={"piece": 99, "weight": 2100}, goods_fen=5000)
    assert answer.fen == 800 + 3 * 250
    assert len(answer.explanation) == 3
    assert "8.00" in answer.explanation[0] and "2.50" in answer.explanation[1] and "49.00" in answer.explanation[2]
    free = quote(template=template, units={"weight": 2100}, goods_fen=9900)
    assert (free.fen, free.is_deliverable) == (0, True)
    assert quote(template=template, units={"weight": 2100}, goods_fen=9899).fen == 1550


def test_no_rule_and_no_delivery_are_not_free() -> None:
    for rule in (None, Rule(is_deliverable=False, free_above_fen=0)):
        answer = quote(template=Template("x", "piece", rule), units={"piece": 1}, goods_fen=10**6)
        assert (answer.fen, answer.is_deliverable, len(answer.explanation)) == (0, False, 1)


def test_negative_input_is_a_mistake_of_the_caller() -> None:
    template = Template("x", "piece", Rule())
    for units, goods_fen in (({"piece": -1}, 0), ({"piece": 1}, -1)):
        with pytest.raises(ValueError, match="not negative"):
            quote(template=template, units=units, goods_fen=goods_fen)


@pytest.fixture
def places(db: None) -> None:
    import_regions()


@pytest.fixture
def supplier(places: None) -> Supplier:
    return orchard()


def parcel(supplier: Supplier, *items: ParcelItem) -> Parcel:
    return Parcel(supplier.pk, items)


def ask(place: str, *parcels: Parcel) -> list[tuple[int, bool]]:
    answers = freight_for(supplier_parcels=parcels, region_code=place)
    return [(answers[one.supplier_id].fen, answers[one.supplier_id].is_deliverable) for one in parcels]


def test_a_template_answers_by_place(supplier: Supplier) -> None:
    template = actions.create_template(supplier=supplier, name="全国", basis="piece")
    item = ParcelItem(pears(supplier).pk, 2, 5000, 6000)
    assert ask(WEST_LAKE, parcel(supplier, item)) == [(0, False)]
    actions.set_rule(template=template, first_fen=1000, continued_fen=200)
    actions.set_rule(template=template, region_code=ZHEJIANG, first_fen=500, free_above_fen=6000)
    actions.set_rule(template=template, region_code="330110", is_deliverable=False)
    assert ask(WEST_LAKE, parcel(supplier, item)) == [(0, True)]
    assert ask("330110", parcel(supplier, item)) == [(0, False)]
    assert ask("310104", parcel(supplier, item)) == [(1200, True)]
    assert ask("810000", parcel(supplier, item)) == [(1200, True)]
    actions.remove_rule(template=template)
    assert ask("310104", parcel(supplier, item)) == [(0, False)]
    with pytest.raises(NotFound):
        actions.remove_rule(template=template)


def test_goods_of_two_templates_are_priced_by_each(supplier: Supplier) -> None:
    light = actions.create_template(supplier=supplier, name="普通", basis="piece")
    heavy = actions.create_template(supplier=supplier, name="重货", basis="weight")
    actions.set_rule(template=light, first_fen=500, continued_fen=100, free_above_fen=10_000)
    actions.set_rule(template=heavy, first_units=1000, first_fen=900, continued_units=1000, continued_fen=400)
    fruit, stone = pears(supplier), pears(supplier, title="石磨")
    actions.use_template(template=heavy, products=[stone])
    both = parcel(supplier, ParcelItem(fruit.pk, 3, 3000, 9999), ParcelItem(stone.pk, 1, 2500, 90_000))
    assert ask(WEST_LAKE, both) == [(700 + 1700, True)]
    actions.set_rule(template=heavy, region_code=HANGZHOU, is_deliverable=False)
    assert ask(WEST_LAKE, both) == [(0, False)]
    actions.use_default(products=[stone])
    assert ask(WEST_LAKE, both) == [(0, True)]


def test_a_supplier_without_a_template_does_not_deliver(supplier: Supplier) -> None:
    other = orchard("红李果园")
    template = actions.create_template(supplier=other, name="全国", basis="piece")
    actions.set_rule(template=template, first_fen=300)
    mine, others = ParcelItem(pears(supplier).pk, 1, 0, 1), ParcelItem(pears(other).pk, 1, 0, 1)
    assert ask(WEST_LAKE, parcel(supplier, mine), parcel(other, others)) == [(0, False), (300, True)]
    assert suppliers_without_default([supplier.pk, other.pk]) == {supplier.pk}


@pytest.mark.parametrize("count", [1, 5])
def test_statements_do_not_grow_with_the_parcels(
    places: None, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    parcels = []
    for n in range(count):
        one = orchard(f"果园 {n}")
        template = actions.create_template(supplier=one, name="全国", basis="piece")
        actions.set_rule(template=template, first_fen=100 + n)
        parcels.append(parcel(one, *(ParcelItem(pears(one).pk, 1, 0, 1) for _m in range(3))))
    with django_assert_num_queries(1):
        assert ask(WEST_LAKE, *parcels) == [(100 + n, True) for n in range(count)]


def test_an_unknown_place_is_named(supplier: Supplier) -> None:
    for code in ("", "999999", "330106109"):
        with pytest.raises(NotFound) as refusal:
            freight_for(supplier_parcels=[], region_code=code)
        assert refusal.value.field == "region_code"


def test_one_template_is_the_default(supplier: Supplier) -> None:
    first = actions.create_template(supplier=supplier, name="甲", basis="piece")
    second = actions.create_template(supplier=supplier, name="乙", basis="weight")
    assert (first.is_default, second.is_default) == (True, False)
    actions.set_default(template=second)
    third = actions.create_template(supplier=supplier, name="丙", basis="piece", is_default=True)
    assert templates_of(supplier).first() == third
    assert FreightTemplate.objects.filter(is_default=True).count() == 1
    with pytest.raises(Conflict):
        actions.create_template(supplier=supplier, name="甲", basis="piece")
    with pytest.raises(NotFound):
        actions.use_template(template=first, products=[pears(orchard("红李果园"))])


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("first_units", {"first_units": 0}),
        ("continued_units", {"continued_units": 1.5}),
        ("first_fen", {"first_fen": -1}),
        ("continued_fen", {"continued_fen": float("nan")}),
        ("free_above_fen", {"free_above_fen": -1}),
        ("region_code", {"region_code": "999999"}),
    ],
)
def test_bad_rules_name_their_field(supplier: Supplier, field: str, given: dict[str, Any]) -> None:
    template = actions.create_template(supplier=supplier, name="全国", basis="piece")
    with pytest.raises((Invalid, NotFound)) as refusal:
        actions.set_rule(template=template, **given)
    assert refusal.value.field == field
    assert not template.rules.exists()


def test_names_and_counting_are_checked(supplier: Supplier) -> None:
    for given, field in (({"name": " ", "basis": "piece"}, "name"), ({"name": "x", "basis": "volume"}, "basis")):
        with pytest.raises(Invalid) as refusal:
            actions.create_template(supplier=supplier, **given)
        assert refusal.value.field == field
    assert FreightQuote(0, True).explanation == ()
