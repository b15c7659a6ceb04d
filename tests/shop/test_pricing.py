"""What it costs: the four prices, a store's own price, the price of a line, the lowest price of a product."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries

from shop.base.errors import Invalid
from shop.catalogue.actions import set_sku_active
from shop.catalogue.models import Product
from shop.pricing.actions import set_price, set_prices
from shop.pricing.models import SkuPrice
from shop.pricing.queries import offers
from shop.pricing.rules import (
    LinePrice,
    Offer,
    PriceOutOfBand,
    Prices,
    band,
    check_quantity,
    line_price,
    unit_price_fen,
    with_own_prices,
)
from tests.shop.goods import only_sku, orchard, pears

PEAR = Offer(sku_id=1, supply_fen=2500, retail_fen=3990, floor_fen=3500, ceiling_fen=4990)


def test_a_line_costs_its_pieces() -> None:
    assert line_price(PEAR, 3) == LinePrice(unit_fen=3990, supply_unit_fen=2500, goods_fen=11970)
    own = with_own_prices({1: PEAR}, {1: 3500, 2: 1})[1]
    assert line_price(own, 2) == LinePrice(unit_fen=3500, supply_unit_fen=2500, goods_fen=7000)
    assert with_own_prices({1: PEAR}, {})[1].own_fen is None


@pytest.mark.parametrize("own_fen", [3499, 4991, 0, -1])
def test_an_own_price_outside_the_band_is_refused_not_bent(own_fen: int) -> None:
    with pytest.raises(PriceOutOfBand) as refusal:
        unit_price_fen(with_own_prices({1: PEAR}, {1: own_fen})[1])
    assert refusal.value.extra == {"floor_fen": 3500, "ceiling_fen": 4990}
    assert "35.00" in str(refusal.value) and "49.90" in str(refusal.value)


@pytest.mark.parametrize("quantity", [0, -1, 1.5, 10_000, 10**9, float("nan"), "3", None, True, 2.0])
def test_only_whole_pieces_can_be_bought(quantity: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        check_quantity(quantity)
    assert refusal.value.field == "quantity"


def test_the_usual_band_lies_around_the_retail_price() -> None:
    assert band(supply_fen=700, retail_fen=1000) == (900, 1300)
    assert band(supply_fen=950, retail_fen=1000) == (950, 1300)
    assert band(supply_fen=1, retail_fen=1) == (1, 1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("retail_fen", {"retail_fen": 0}),
        ("retail_fen", {"retail_fen": -1}),
        ("supply_fen", {"supply_fen": 3991}),
        ("supply_fen", {"supply_fen": -1}),
        ("floor_fen", {"floor_fen": 2499}),
        ("floor_fen", {"floor_fen": 3991}),
        ("ceiling_fen", {"ceiling_fen": 3989}),
        ("compare_at_fen", {"compare_at_fen": -1}),
        ("retail_fen", {"retail_fen": 10**12}),
        ("retail_fen", {"retail_fen": 39.9}),
    ],
)
def test_prices_that_cross_are_refused_by_field(field: str, given: dict[str, Any]) -> None:
    sku = only_sku(pears(orchard()))
    before = SkuPrice.objects.values().get()
    with pytest.raises(Invalid) as refusal:
        set_price(sku=sku, **{"supply_fen": 2500, "retail_fen": 3990, **given})
    assert refusal.value.field == field
    assert SkuPrice.objects.values().get() == before


@pytest.mark.django_db
def test_the_database_refuses_prices_that_cross() -> None:
    pears(orchard())
    for crossing in ({"supply_fen": 10**6}, {"floor_fen": 0}, {"ceiling_fen": 0}, {"retail_fen": 0}):
        with pytest.raises(IntegrityError), transaction.atomic():
            SkuPrice.objects.update(**crossing)


@pytest.mark.django_db
def test_the_lowest_price_follows_whoever_changes_what() -> None:
    product = pears(orchard(), sizes=("小", "大"), retail_fen=2000)
    small, large = product.skus.all()

    def lowest() -> int:
        return Product.objects.get(pk=product.pk).min_retail_fen

    set_price(sku=small, supply_fen=700, retail_fen=1000)
    assert lowest() == 1000
    set_sku_active(sku=small, is_active=False)
    assert lowest() == 2000
    SkuPrice.objects.filter(sku=large).update(retail_fen=1900)
    assert lowest() == 1900
    set_sku_active(sku=small, is_active=True)
    SkuPrice.objects.filter(sku=small).delete()
    assert lowest() == 1900
    SkuPrice.objects.all().delete()
    assert lowest() == 0


@pytest.mark.django_db
def test_offers_take_one_statement_and_leave_out_what_has_no_price(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    product = pears(orchard(), sizes=("小", "中", "大"), retail_fen=1000)
    ids = [sku.pk for sku in product.skus.all()]
    SkuPrice.objects.filter(sku=ids[2]).delete()
    with django_assert_num_queries(1):
        found = offers(ids)
    assert found == {pk: Offer(pk, 700, 1000, 900, 1300) for pk in ids[:2]}


@pytest.mark.django_db
def test_setting_the_same_prices_again_is_no_change() -> None:
    sku = only_sku(pears(orchard()))
    prices = {sku.pk: Prices(700, 1000, 900, 1300, 1200)}
    assert set_prices(prices=prices) == {sku.pk}
    assert set_prices(prices=prices) == set()
