"""Su buys three boxes of tea through Ahe's store. One arrives broken, later the other two come back.

Whenever it happens – before settlement, after it, after Ahe has taken her money out – everybody gives
back exactly her part, and the order's clearing account ends at zero.
"""

from collections.abc import Callable

import pytest

from distributors.payouts.models import Withdrawal
from orders.lifecycle.models import Order
from tests import world
from tests.stories.town import Phone, Town, audit, balances, books_hold

PAID = 3 * 9_999
LEVEL1, LEVEL2 = 2_999, 899  # 10 % and 3 % of ¥299.97, rounded down
# What is kept for two boxes of three: the same rates on what stays paid.
LEVEL1_KEPT, LEVEL2_KEPT = 1_999, 599
FREIGHT = 0  # ¥299.97 is above the free-delivery threshold


@pytest.fixture
def su(town: Town) -> Phone:
    return town.phone(world.customer("苏 Su"))


@pytest.fixture
def number(town: Town, su: Phone) -> str:
    """Three boxes, paid and delivered."""
    world.rule(1_000, 300)
    ahe = town.with_wechat(world.ahe())
    tea = world.product(world.yunling(), "云岭白茶", retail_fen=9_999, supply_fen=6_000)
    su.open(town.owner(ahe).post("me/store/links/", {"target": "store"}, expect=201)["token"])
    order = su.order((tea, 3), address=su.get("me/addresses/")[0]["number"])
    assert order["payable_fen"] == PAID + FREIGHT
    town.pay(su, order["number"])
    town.deliver_all(su, order["number"])
    found: str = order["number"]
    return found


def nothing_yet(town: Town) -> None:
    """The return window is still open."""


def settled(town: Town) -> None:
    """A late claim: the window is over, the money is available."""
    town.days_pass(8)


def taken_out(town: Town) -> None:
    """Ahe has withdrawn everything."""
    town.days_pass(8)
    ahe = world.ahe()
    phone = town.owner(ahe)
    available = phone.get("me/store/earnings/")["available_fen"]
    asked = phone.post("me/store/withdrawals/", {"amount_fen": available}, expect=201)
    town.staff(Withdrawal.objects.get(number=asked["number"]), "approve")
    town.work()
    town.sandbox.confirm_transfer(asked["number"])
    assert town.deliver("transfer") == [200]


@pytest.mark.parametrize("moment", [nothing_yet, settled, taken_out], ids=lambda act: act.__name__)
def test_one_of_three_then_the_rest(town: Town, su: Phone, number: str, moment: Callable[[Town], None]) -> None:
    ahe, lin = world.ahe(), world.lin()
    moment(town)
    had = balances(*_accounts(ahe.code))

    _give_back(town, su, number, 1)
    after_one = audit(
        "SELECT level, amount_fen, clawed_back_fen FROM audit.commissions WHERE order_number = %s ORDER BY level",
        number,
    )
    assert after_one == [(1, LEVEL1, LEVEL1 - LEVEL1_KEPT), (2, LEVEL2, LEVEL2 - LEVEL2_KEPT)]
    assert _net(ahe.code) == _net_of(had) - (LEVEL1 - LEVEL1_KEPT)

    _give_back(town, su, number, 2)
    assert audit(
        "SELECT level, clawed_back_fen, state FROM audit.commissions WHERE order_number = %s ORDER BY level",
        number,
    ) == [(1, LEVEL1, "clawed_back"), (2, LEVEL2, "clawed_back")]
    assert _net(ahe.code) == _net_of(had) - LEVEL1
    assert _net(lin.code) == 0

    # Su has everything back, the supplier and the platform keep nothing, nobody lost a fen.
    assert audit("SELECT paid_fen, refunded_fen FROM audit.orders WHERE number = %s", number) == [(PAID, PAID)]
    assert balances("platform/fee") == {"platform/fee": 0}
    supplier = balances("supplier/yunling/frozen", "supplier/yunling/available", "supplier/yunling/debt")
    assert set(supplier.values()) == {0}
    books_hold(number)


def test_a_debt_is_repaid_by_the_next_earnings_first(town: Town, su: Phone, number: str) -> None:
    taken_out(town)
    ahe = world.ahe()
    _give_back(town, su, number, 3)
    debt, available = f"store/{ahe.code}/debt", f"store/{ahe.code}/available"
    assert balances(debt, available) == {debt: LEVEL1, available: 0}
    refused = town.owner(ahe).post("me/store/withdrawals/", {"amount_fen": 100}, expect=409)
    assert refused["debt_fen"] == LEVEL1

    honey = world.product(world.yunling(), "大理百花蜜", retail_fen=40_000, supply_fen=20_000)
    order = su.order((honey, 1), address=su.get("me/addresses/")[0]["number"])
    town.pay(su, order["number"])
    town.deliver_all(su, order["number"])
    town.days_pass(8)
    assert balances(debt, available) == {debt: 0, available: 4_000 - LEVEL1}
    books_hold(number, order["number"])


def _give_back(town: Town, su: Phone, number: str, pieces: int) -> None:
    """Through the after-sale desk while the window is open, by staff's word afterwards."""
    order = Order.objects.get(number=number)
    if order.state == "paid":
        town.give_back(su, number, 1, pieces)
        return
    town.staff(order, "refund", line="1", pieces=str(pieces), reason="迟到的质量问题")
    town.work()
    assert set(town.deliver("refund")) <= {200}


def _accounts(code: str) -> list[str]:
    return [f"store/{code}/{kind}" for kind in ("frozen", "available", "debt")]


def _net_of(known: dict[str, int]) -> int:
    return sum(-fen if path.endswith("debt") else fen for path, fen in known.items())


def _net(code: str) -> int:
    return _net_of(balances(*_accounts(code)))
