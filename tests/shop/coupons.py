"""Coupons for tests, made through the product's own actions. Amounts in fen."""

from datetime import timedelta
from typing import Any

from shop.coupons.actions import create_coupon, open_coupon
from shop.coupons.models import Coupon
from tests import world


def coupon(code: str = "SPRING", **terms: Any) -> Coupon:
    """Return an open coupon: ¥20 off goods from ¥100, borne by the platform, unless said otherwise."""
    at = world.now()
    defaults: dict[str, Any] = {
        "name": "春日满减",
        "amount_fen": 2_000,
        "min_fen": 10_000,
        "claim_from": at - timedelta(days=1),
        "claim_until": at + timedelta(days=30),
        "use_days": 10,
        "pieces_max": 100,
        "budget_fen": 100_000,
    }
    made = create_coupon(coupon=Coupon(code=code, **defaults | terms), now=at)
    open_coupon(coupon=made, actor=world.STAFF, now=at)
    return made
