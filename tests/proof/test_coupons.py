"""What a privileged hand does to coupons turns red. Bugs of our own functions are planted in ``plants.py``."""

import pytest
from django.db import transaction

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
