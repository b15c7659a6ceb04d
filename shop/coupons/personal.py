"""Which coupons a person claimed and used."""

from shop.coupons.models import CouponClaim, CouponUse
from shop.privacy.parts import Part, Row, rows


def _tell(user_id: int) -> dict[str, list[Row]]:
    return {
        "coupons": rows(
            CouponClaim.objects.filter(user_id=user_id),
            *("number", "coupon__name", "code", "state", "claimed_at", "use_from", "use_until"),
        ),
        "coupon_uses": rows(
            CouponUse.objects.filter(claim__user_id=user_id), "claim__number", "order_number", "discount_fen", "at"
        ),
    }


# Claims stay: they are what a funder's money was spent for, and name nobody once the account is empty.
PART = Part(name="coupons", tables=frozenset({"coupons.couponclaim", "coupons.couponuse"}), tell=_tell)
