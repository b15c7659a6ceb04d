"""Money of a checkout, with random goods: every sum is the sum of its parts, to the fen."""

from hypothesis import given
from hypothesis import strategies as st

from distributors.commissions.rules import Rates
from distributors.links.attribution import Credit
from orders.checkout.items import Item, pieces_by_sku
from orders.checkout.place import _draft, _line
from orders.checkout.rules import Goods, LineMoney, line_money
from orders.checkout.split import QuoteLine, split
from orders.lifecycle.rules import adds_up
from shop.accounts.models import Address, User
from shop.freight.rules import FreightQuote
from tests import world

PRICES = st.integers(min_value=1, max_value=10**8)
RATES = st.tuples(st.integers(0, 6_000), st.integers(0, 4_000)).map(lambda pair: Rates(*pair, "R1"))


@st.composite
def priced(draw: st.DrawFn) -> dict[str, object]:
    """A line's facts: a price at or above what it is supplied for, rates, who is credited."""
    unit_fen = draw(PRICES)
    has_level1 = draw(st.booleans())
    return {
        "unit_fen": unit_fen,
        "quantity": draw(st.integers(1, 999)),
        "supply_unit_fen": draw(st.integers(0, unit_fen)),
        "is_commission_contract": draw(st.booleans()),
        "fee_bp": draw(st.integers(0, 10_000)),
        "rates": draw(RATES),
        "has_level1": has_level1,
        "has_level2": has_level1 and draw(st.booleans()),
        "is_self_purchase": has_level1 and draw(st.booleans()),
    }


@given(priced())
def test_money_of_a_line_adds_up(facts):
    money = line_money(**facts)

    goods_fen = facts["unit_fen"] * facts["quantity"]
    rest_fen = money.paid_fen - money.supplier_fen - money.level1_fen - money.level2_fen
    assert money.goods_fen == goods_fen
    assert money.paid_fen == goods_fen - money.discount_fen
    assert money.pool_fen == money.paid_fen - money.supplier_fen
    assert min(money.discount_fen, money.paid_fen, money.supplier_fen, rest_fen) >= 0
    assert min(money.level1_fen, money.level2_fen, money.pool_fen) >= 0
    if facts["is_commission_contract"]:
        # The platform keeps its fee to the fen; nobody's share is cut out of it.
        assert rest_fen == money.paid_fen * facts["fee_bp"] // 10_000
    else:
        assert money.supplier_fen == facts["supply_unit_fen"] * facts["quantity"]


@given(priced())
def test_buying_from_oneself_earns_nothing_and_costs_the_level_1_share_less(facts):
    mine = line_money(**{**facts, "has_level1": True, "is_self_purchase": True})
    hers = line_money(**{**facts, "has_level1": True, "is_self_purchase": False})

    assert mine.level1_fen == 0
    assert hers.discount_fen == 0
    assert mine.discount_fen == hers.level1_fen


def _goods(sku_id: int, supplier_id: int) -> Goods:
    return Goods(
        sku_id=sku_id,
        sku_number=f"k{sku_id}",
        option_values=[],
        weight_g=100,
        is_on_sale=True,
        product_id=sku_id,
        product_number=f"p{sku_id}",
        title=f"茶 {sku_id}",
        category_codes=("tea",),
        return_days=None,
        supplier_id=supplier_id,
        supplier_code=f"s{supplier_id}",
        supplier_name=f"供应商 {supplier_id}",
        contract="supply_price",
        fee_bp=0,
        supply_fen=1,
        retail_fen=1,
        floor_fen=1,
        ceiling_fen=1,
        available=10**6,
        image="",
        own_fen={},
    )


def _money(goods_fen: int, discount_fen: int) -> LineMoney:
    paid_fen = goods_fen - discount_fen
    return LineMoney(goods_fen, discount_fen, paid_fen, paid_fen, 0, 0, 0)


LINES = st.lists(
    st.tuples(st.integers(1, 5), st.integers(1, 99), st.integers(1, 10**7), st.integers(0, 100)),
    min_size=1,
    max_size=40,
)


@given(LINES, st.lists(st.integers(0, 50_000), min_size=5, max_size=5))
def test_a_split_is_the_sum_of_its_parts(wishes, delivery):
    lines = [
        QuoteLine(
            line=number,
            item=Item(f"k{number}", quantity),
            goods=_goods(number, supplier_id),
            unit_fen=unit_fen,
            money=_money(unit_fen * quantity, unit_fen * quantity * percent // 100),
            credit=Credit(None, "none"),
        )
        for number, (supplier_id, quantity, unit_fen, percent) in enumerate(wishes, start=1)
    ]
    freight = {place: FreightQuote(fen, True) for place, fen in enumerate(delivery, start=1)}

    found = split(lines, freight=freight)

    suppliers = list(dict.fromkeys(wish[0] for wish in wishes))
    assert [group.supplier_id for group in found.groups] == suppliers
    assert sorted(line.line for line in found.lines) == list(range(1, len(wishes) + 1))
    assert found.freight_fen == sum(freight[place].fen for place in suppliers)
    for group in found.groups:
        assert group.goods_fen - group.discount_fen == sum(line.paid_fen for line in group.lines)
        assert group.payable_fen == group.goods_fen - group.discount_fen + group.freight_fen
    for name in ("goods_fen", "discount_fen", "freight_fen", "payable_fen"):
        assert getattr(found, name) == sum(getattr(group, name) for group in found.groups)
    draft = _draft(User(pk=1), Address(), "", found, world.now())
    assert adds_up(draft)
    assert [_line(line) for line in found.lines] == [row for part in draft.parts for row in part.lines]


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 999)), max_size=30))
def test_two_lines_of_one_sku_need_its_pieces_together(wishes):
    wanted = pieces_by_sku(wishes)

    assert sum(wanted.values()) == sum(quantity for _sku_id, quantity in wishes)
    for sku_id, quantity in wanted.items():
        assert quantity == sum(pieces for one, pieces in wishes if one == sku_id)
