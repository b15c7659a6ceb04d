"""Every check of coupons can fail: a bug is planted in one of our functions or by a privileged hand, and it turns red."""

from typing import Any

import pytest
from django.db import transaction

from orders.flow import paid, refunding, reversal
from orders.flow.verification import verify_all
from orders.lifecycle.models import Order
from shop.coupons.actions import claim
from tests import world
from tests.orders import trade
from tests.proof.test_plants import by_a_privileged_hand
from tests.shop.coupons import coupon

pytestmark = pytest.mark.django_db

SQL = {
    "UPDATE coupons_coupon SET spent_fen = spent_fen - 1": {"coupon_budget"},
    "UPDATE coupons_coupon SET claimed = claimed + 1": {"coupon_budget"},
    "UPDATE coupons_couponclaim SET order_number = 'O0' WHERE state = 'used'": {"coupon_piece"},
    "UPDATE coupons_couponshare SET discount_fen = discount_fen + 1, platform_fen = platform_fen + 1": {"coupon_split"},
    "UPDATE lifecycle_orderline SET subsidy_fen = subsidy_fen - 1, pool_fen = pool_fen - 1": {
        "coupon_split",
        "coupon_booked",
    },
    "UPDATE coupons_couponuse SET returned_at = at": {"coupon_back", "coupon_budget", "coupon_piece"},
}


def sold() -> Order:
    tea = world.product(world.yunling(), "云岭白茶", supply_fen=6_000, retail_fen=9_800)
    su = world.customer("苏 Su")
    claim(coupon=coupon(), user=su, now=world.now())
    return world.place(su, [(tea, 2)])


def red() -> set[str]:
    return {finding.check for finding in verify_all(now=world.now())}


def test_what_a_privileged_hand_did_turns_red() -> None:
    order = sold()
    trade.pay(order)
    assert red() == set()
    for sql, expected in SQL.items():
        with transaction.atomic():
            by_a_privileged_hand(sql)
            assert expected <= red(), sql
            transaction.set_rollback(True)
    assert red() == set()


def test_a_bug_in_the_code_turns_red() -> None:
    order = sold()

    def forgets(module: Any, name: str, after: Any) -> set[str]:
        """Return what turns red when something is forgotten; a refusal turns red by its name."""
        with transaction.atomic(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, name, lambda *_args, **_facts: [] if name.startswith("_c") else 0)
            try:
                after()
                found = red()
            except Exception as error:  # noqa: BLE001 - whatever refuses is what is asked for
                found = {type(error).__name__}
            transaction.set_rollback(True)
        return found

    assert "coupon_back" in forgets(reversal.coupons, "give_back", lambda: cancel(order))
    # Unfunded, the order cannot pay what it promised: the books refuse it.
    assert forgets(paid, "_coupons_funded", lambda: trade.pay(order)) & {
        "InsufficientFunds",
        "coupon_booked",
        "ValueError",
    }
    trade.pay(order)
    assert "coupon_booked" in forgets(refunding, "_subsidy_returned", lambda: cancel(order))
    cancel(order)
    assert red() == set()


def cancel(order: Order) -> None:
    reversal.cancel_order(order=order, actor="system", reason="changed her mind", now=world.now())
