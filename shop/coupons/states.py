"""The lives of a coupon and of a person's piece of it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from shop.states.machine import Table


class CouponState(models.TextChoices):
    DRAFT = "draft", _("draft")
    OPEN = "open", _("given out")
    PAUSED = "paused", _("paused")
    # No more pieces are given out; those in people's hands keep their word.
    CLOSED = "closed", _("not given out any more")


COUPON = Table(
    "coupon",
    {
        CouponState.DRAFT: (CouponState.OPEN, CouponState.CLOSED),
        CouponState.OPEN: (CouponState.PAUSED, CouponState.CLOSED),
        CouponState.PAUSED: (CouponState.OPEN, CouponState.CLOSED),
        CouponState.CLOSED: (),
    },
)


class ClaimState(models.TextChoices):
    CLAIMED = "claimed", _("usable")
    USED = "used", _("used")
    RETURNED = "returned", _("given back")
    EXPIRED = "expired", _("expired")


CLAIM = Table(
    "couponclaim",
    {
        ClaimState.CLAIMED: (ClaimState.USED, ClaimState.EXPIRED),
        ClaimState.USED: (ClaimState.RETURNED,),
        ClaimState.RETURNED: (ClaimState.USED, ClaimState.EXPIRED),
        ClaimState.EXPIRED: (),
    },
)

# A piece in one of these can be used.
USABLE = (ClaimState.CLAIMED, ClaimState.RETURNED)
