"""A distributor's code: whose it is, and which coupon it gives."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from distributors.stores.models import Store
from shop.coupons.models import Coupon


class CouponCode(models.Model):
    """A word a distributor tells people. Its store and coupon never change; ended, it gives nothing more."""

    code = models.CharField(_("code"), max_length=16, unique=True)
    store = models.ForeignKey(Store, models.PROTECT, related_name="coupon_codes", verbose_name=_("store"))
    coupon = models.ForeignKey(Coupon, models.PROTECT, related_name="codes", verbose_name=_("coupon"))
    created_at = models.DateTimeField(_("created at"))
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("coupon code")
        verbose_name_plural = _("coupon codes")
        constraints = [
            models.UniqueConstraint(
                fields=["store", "coupon"], condition=Q(ended_at=None), name="codes_one_of_a_coupon"
            ),
            models.CheckConstraint(condition=Q(code__regex="^[0-9A-Z]{4,16}$"), name="codes_readable"),
        ]

    def __str__(self) -> str:
        return self.code
