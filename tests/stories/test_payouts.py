"""Paying Ahe: when WeChat does not answer, when she does not confirm, when she leaves."""

from datetime import timedelta

import pytest
from django.utils import timezone

from distributors.payouts.models import Withdrawal
from distributors.stores.actions import leave
from distributors.stores.models import Store
from shop.work.models import Due
from tests import world
from tests.stories.town import Phone, Town, audit, balances, books_hold

EARNED = 1_960


@pytest.fixture
def ahe(town: Town) -> Store:
    return town.with_wechat(world.ahe())


@pytest.fixture
def earned(town: Town, ahe: Store) -> str:
    """Ahe sold two boxes of tea; the money is hers."""
    world.rule(1_000, 300)
    tea = world.product(world.yunling(), "云岭白茶", retail_fen=9_800, supply_fen=6_000)
    su = town.phone(world.customer("苏 Su"))
    su.open(town.owner(ahe).post("me/store/links/", {"target": "store"}, expect=201)["token"])
    order = su.order((tea, 2), address=su.get("me/addresses/")[0]["number"])
    town.pay(su, order["number"])
    town.deliver_all(su, order["number"])
    town.days_pass(8)
    number: str = order["number"]
    return number


def ask(phone: Phone, amount_fen: int = EARNED) -> Withdrawal:
    asked = phone.post("me/store/withdrawals/", {"amount_fen": amount_fen}, expect=201)
    return Withdrawal.objects.get(number=asked["number"])


def money(ahe: Store) -> tuple[int, int]:
    available, paying = f"store/{ahe.code}/available", f"store/{ahe.code}/paying"
    known = balances(available, paying)
    return known[available], known[paying]


def transfers_in_wechat(town: Town) -> list[tuple[str, str]]:
    return [(line.number, line.state) for line in town.sandbox.book() if line.kind == "transfer"]


def test_an_unknown_transfer_is_asked_about_and_never_sent_twice(town, ahe, earned):
    row = ask(town.owner(ahe))
    town.sandbox.fail("transfer", "drop_answer")
    town.staff(row, "approve")
    town.work()
    row.refresh_from_db()
    assert row.state in ("unknown", "waiting_user")
    assert money(ahe) == (0, EARNED)

    town.sandbox.heal()
    ask_wechat(town)
    town.sandbox.confirm_transfer(row.number)
    town.deliver("transfer")
    row.refresh_from_db()
    assert row.state == "paid"
    assert [number for number, _state in transfers_in_wechat(town)] == [row.number]
    assert money(ahe) == (0, 0)
    books_hold(earned)


def ask_wechat(town: Town) -> None:
    """The next look is due; the answer comes under the same number."""
    Due.objects.filter(what="withdrawal.query").update(due_at=timezone.now() - timedelta(seconds=1))
    town.work()


def test_what_nobody_confirms_comes_back(town, ahe, earned):
    row = ask(town.owner(ahe))
    town.staff(row, "approve")
    town.work()
    assert town.owner(ahe).get(f"me/store/withdrawals/{row.number}/")["state"] == "waiting_user"

    town.sandbox.expire_transfers()
    town.days_pass(2)
    town.deliver("transfer")
    found = town.owner(ahe).get(f"me/store/withdrawals/{row.number}/")
    assert (found["state"], bool(found["fail_reason"])) == ("failed", True)
    assert money(ahe) == (EARNED, 0)
    assert audit(
        "SELECT journal_kind, sum(amount_fen) FROM audit.transfers WHERE reference = %s "
        "GROUP BY journal_kind ORDER BY journal_kind",
        row.number,
    ) == [("withdrawal_failed", EARNED), ("withdrawal_started", EARNED)]
    books_hold(earned)


def test_a_distributor_who_leaves_keeps_what_she_earned_and_earns_no_more(town, ahe, earned):
    leave(distributor=ahe.distributor, now=world.now(), reason="回老家了")
    phone = town.owner(ahe)
    row = ask(phone)
    town.staff(row, "approve")
    town.work()
    town.sandbox.confirm_transfer(row.number)
    town.deliver("transfer")
    assert phone.get(f"me/store/withdrawals/{row.number}/")["state"] == "paid"

    su = town.phone(world.customer("苏 Su"))
    tea = world.product(world.yunling(), "云岭白茶")
    order = su.order((tea, 1), address=su.get("me/addresses/")[0]["number"], store=None)
    town.pay(su, order["number"])
    assert audit("SELECT level, store FROM audit.commissions WHERE order_number = %s", order["number"]) == []
    books_hold(earned, order["number"])
