"""The demo's coupons: of the platform, of a supplier, and a word that 林素 tells people."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from distributors.codes.actions import enter_code, make_code
from distributors.codes.models import CouponCode
from distributors.stores.models import Store
from orders.demo.goods import STAFF
from shop.accounts.models import User
from shop.base.errors import DomainError
from shop.coupons.actions import claim, create_coupon, open_coupon
from shop.coupons.models import Coupon
from shop.suppliers.models import Supplier

LINSU = "LINSU10"
# How many days before now they were opened, taken by the first customers, and end.
OPENED_DAYS, TAKEN_DAYS, OPEN_DAYS = 40, 21, 45
TAKERS = 10


def make_coupons(stores: Sequence[Store], now: datetime) -> None:
    """Four open coupons, and 林素's code for one of them; what exists already stays."""
    opened = now - timedelta(days=OPENED_DAYS)
    common = {"claim_from": opened, "claim_until": now + timedelta(days=OPEN_DAYS), "use_days": 30}
    tea = Supplier.objects.filter(code="yunling-tea").first()
    terms: list[dict[str, Any]] = [
        {"code": "SPRING25", "name": "春日满减", "amount_fen": 2_500, "min_fen": 19_900, "budget_fen": 500_000},
        {
            "code": "WELCOME",
            "name": "新邻居见面礼",
            "kind": Coupon.Kind.NEW_CUSTOMER,
            "amount_fen": 1_500,
            "min_fen": 6_000,
            "budget_fen": 300_000,
            "stacking_group": "welcome",
        },
        {
            "code": "TEA90",
            "name": "云岭茶九折",
            "supplier": tea,
            "kind": Coupon.Kind.PERCENT,
            "percent_bp": 1_000,
            "ceiling_fen": 3_000,
            "min_fen": 9_900,
            "budget_fen": 200_000,
            "stacking_group": "supplier",
            "platform_bp": 0,
            "supplier_bp": 10_000,
            "for_distributors": True,
        },
        {
            "code": "LINJU10",
            "name": "邻居口令减",
            "amount_fen": 1_000,
            "min_fen": 6_800,
            "budget_fen": 200_000,
            "platform_bp": 8_000,
            "store_bp": 2_000,
            "by_code_only": True,
            "for_distributors": True,
        },
    ]
    for one in terms:
        if not Coupon.objects.filter(code=one["code"]).exists():
            made = create_coupon(coupon=Coupon(**common | {"pieces_max": 2_000} | one), now=opened)
            open_coupon(coupon=made, actor=STAFF, now=opened)
    if stores and not CouponCode.objects.filter(code=LINSU).exists():
        make_code(store=stores[0], coupon=Coupon.objects.get(code="LINJU10"), code=LINSU, now=opened)


def taking(customers: Sequence[User]) -> Callable[[datetime], None]:
    """Return what happens when the first customers hear of the coupons: some take them, some were told a word."""

    def act(at: datetime) -> None:
        for place, user in enumerate(customers[:TAKERS]):
            _take(user, "SPRING25" if place % 2 else "TEA90", at)
            if place % 3 == 0:
                _tell(user, at)

    return act


def hand_out(customers: Sequence[User], now: datetime) -> None:
    """Let the customer whose phone is on the screen hold a few pieces she can use today."""
    for user in customers[:1]:
        for code in ("SPRING25", "WELCOME", "TEA90"):
            _take(user, code, now)


def _take(user: User, code: str, at: datetime) -> None:
    try:
        claim(coupon=Coupon.objects.get(code=code), user=user, now=at)
    except DomainError:
        # She has it already.
        return


def _tell(user: User, at: datetime) -> None:
    enter_code(code=CouponCode.objects.select_related("store", "coupon").get(code=LINSU), user=user, now=at)
