"""Ahe shares a link. Su buys tea and peaches through it. Everybody is paid, to the fen.

Ahe was invited by Lin. Tea is 云岭's at ¥98 (supply price ¥60), peaches 阳山's at ¥50 (contract: 5 % fee).
The rule of the day: 10 % for the store, 3 % for who invited it.
"""

import pytest

from distributors.payouts.models import Withdrawal
from distributors.stores.models import Store
from orders.settlements.models import Statement
from shop.catalogue.models import Product
from tests import world
from tests.stories.town import Phone, Town, audit, balances, books_hold

TEA_PAID, TEA_SUPPLIER = 2 * 9_800, 2 * 6_000
TEA_LEVEL1, TEA_LEVEL2 = 1_960, 588
PEACH_PAID, PEACH_FEE = 5_000, 250
PEACH_LEVEL1, PEACH_LEVEL2 = 500, 150
AHE_EARNS = TEA_LEVEL1 + PEACH_LEVEL1
PEACH_SUPPLIER = PEACH_PAID - PEACH_FEE - PEACH_LEVEL1 - PEACH_LEVEL2
# ¥8 for the first piece and ¥2 for the second of the tea; ¥8 for the peaches.
TEA_FREIGHT, PEACH_FREIGHT = 1_000, 800
TOTAL = TEA_PAID + TEA_FREIGHT + PEACH_PAID + PEACH_FREIGHT


@pytest.fixture
def ahe(town: Town) -> Store:
    return town.with_wechat(world.ahe())


@pytest.fixture
def tea(ahe: Store) -> Product:
    world.rule(1_000, 300)
    return world.product(world.yunling(), "云岭白茶", retail_fen=9_800, supply_fen=6_000)


@pytest.fixture
def peaches(tea: Product) -> Product:
    fruit = world.category("fruit", "鲜果")
    return world.product(world.yangshan(), "阳山水蜜桃", retail_fen=5_000, supply_fen=0, on=fruit)


@pytest.fixture
def su(town: Town) -> Phone:
    return town.phone(world.customer("苏 Su"))


def buy(town: Town, su: Phone, ahe: Store, tea: Product, peaches: Product) -> str:
    """Ahe shares her store, Su opens it and orders two teas and one box of peaches."""
    link = town.owner(ahe).post("me/store/links/", {"target": "store"}, expect=201)
    su.open(link["token"])
    address = su.get("me/addresses/")[0]["number"]
    order = su.order((tea, 2), (peaches, 1), address=address, store=ahe)
    number: str = order["number"]
    assert order["payable_fen"] == TOTAL
    return number


def test_a_share_becomes_a_payout(town, su, ahe, tea, peaches):
    number = buy(town, su, ahe, tea, peaches)
    town.pay(su, number)
    everybody_is_owed(number, ahe)

    # Parcels arrive; a week later the return window closes and Celery settles.
    town.deliver_all(su, number)
    town.days_pass(6)
    available = f"store/{ahe.code}/available"
    assert su.get(f"orders/{number}/")["state"] == "paid"
    assert balances(available) == {available: 0}
    town.days_pass(2)
    assert su.get(f"orders/{number}/")["state"] == "completed"
    assert balances(available) == {available: AHE_EARNS}

    withdrawal = take_out(town, ahe)
    finance_sees(number, ahe, withdrawal)
    books_hold(number)


def everybody_is_owed(number: str, ahe: Store) -> None:
    """Paid: everybody is owed, nothing can be taken out yet."""
    expected = {
        f"store/{ahe.code}/frozen": AHE_EARNS,
        f"store/{world.lin().code}/frozen": TEA_LEVEL2 + PEACH_LEVEL2,
        "supplier/yunling/frozen": TEA_SUPPLIER + TEA_FREIGHT,
        "supplier/yangshan/frozen": PEACH_SUPPLIER + PEACH_FREIGHT,
        "platform/fee": TEA_PAID - TEA_SUPPLIER - TEA_LEVEL1 - TEA_LEVEL2 + PEACH_FEE,
        f"order/{number}/clearing": 0,
    }
    assert balances(*expected) == expected


def take_out(town: Town, ahe: Store) -> str:
    """Ahe withdraws, staff approves, WeChat asks her to confirm, she does."""
    phone = town.owner(ahe)
    asked = phone.post("me/store/withdrawals/", {"amount_fen": AHE_EARNS}, expect=201)
    row = Withdrawal.objects.get(number=asked["number"])
    town.staff(row, "approve")
    town.work()
    waiting = phone.get(f"me/store/withdrawals/{row.number}/")
    assert (waiting["state"], bool(waiting["package_info"])) == ("waiting_user", True)
    town.sandbox.confirm_transfer(row.number)
    assert town.deliver("transfer") == [200]
    assert phone.get(f"me/store/withdrawals/{row.number}/")["state"] == "paid"
    assert phone.get("me/store/earnings/")["available_fen"] == 0
    return row.number


def finance_sees(number: str, ahe: Store, withdrawal: str) -> None:
    """The audit views tell the same story."""
    assert audit("SELECT state, paid_fen, refunded_fen FROM audit.orders WHERE number = %s", number) == [
        ("completed", TOTAL, 0)
    ]
    assert audit(
        "SELECT line, level, store, amount_fen, clawed_back_fen, state FROM audit.commissions "
        "WHERE order_number = %s ORDER BY line, level",
        number,
    ) == [
        (1, 1, ahe.code, TEA_LEVEL1, 0, "settled"),
        (1, 2, world.lin().code, TEA_LEVEL2, 0, "settled"),
        (2, 1, ahe.code, PEACH_LEVEL1, 0, "settled"),
        (2, 2, world.lin().code, PEACH_LEVEL2, 0, "settled"),
    ]
    kinds = audit("SELECT DISTINCT kind FROM audit.notices WHERE number = %s", withdrawal)
    assert kinds == [("transfer",)]
    expected = {
        f"store/{ahe.code}/available": 0,
        f"store/{ahe.code}/paying": 0,
        "gateway/sandbox": TOTAL - AHE_EARNS,
    }
    assert balances(*expected) == expected


def test_two_suppliers_share_one_payment_and_are_settled_on_their_own(town, su, ahe, tea, peaches):
    number = buy(town, su, ahe, tea, peaches)
    town.pay(su, number)
    order = su.get(f"orders/{number}/")
    assert [(part["supplier"], part["payable_fen"]) for part in order["supplier_orders"]] == [
        ("yunling", TEA_PAID + TEA_FREIGHT),
        ("yangshan", PEACH_PAID + PEACH_FREIGHT),
    ]

    # Only the tea arrives: only its supplier's window runs.
    tea_part = order["supplier_orders"][0]["number"]
    town.ship_all(number)
    su.post(f"orders/{number}/parts/{tea_part}/receive/")
    town.days_pass(8)
    assert balances("supplier/yunling/available", "supplier/yangshan/available") == {
        "supplier/yunling/available": TEA_SUPPLIER + TEA_FREIGHT,
        "supplier/yangshan/available": 0,
    }

    # The silent customer is taken to have received the peaches; then their window closes too.
    town.days_pass(3)
    town.days_pass(8)
    assert balances("supplier/yangshan/available") == {"supplier/yangshan/available": PEACH_SUPPLIER + PEACH_FREIGHT}
    transfers = audit(
        "SELECT journal_kind, sum(amount_fen) FROM audit.transfers WHERE reference = %s "
        "AND journal_kind IN ('payment_received', 'supplier_accrued') GROUP BY 1 ORDER BY 1",
        number,
    )
    assert transfers == [
        ("payment_received", TOTAL),
        ("supplier_accrued", TEA_SUPPLIER + TEA_FREIGHT + PEACH_SUPPLIER + PEACH_FREIGHT),
    ]
    assert Statement.objects.count() == 0
    books_hold(number)


def test_a_chain_of_three_pays_two(town, su, tea):
    """Mo was invited by Ahe, who was invited by Lin. Mo sells: Mo and Ahe earn, Lin does not."""
    mo = world.store("陌 Mo", called="陌上", referrer=world.ahe())
    link = town.owner(mo).post("me/store/links/", {"target": "store"}, expect=201)
    su.open(link["token"])
    order = su.order((tea, 2), address=su.get("me/addresses/")[0]["number"])
    town.pay(su, order["number"])

    assert audit(
        "SELECT level, store, amount_fen FROM audit.commissions WHERE order_number = %s ORDER BY level",
        order["number"],
    ) == [(1, mo.code, TEA_LEVEL1), (2, world.ahe().code, TEA_LEVEL2)]
    lin = f"store/{world.lin().code}/frozen"
    assert balances(lin) == {lin: 0}
    books_hold(order["number"])
