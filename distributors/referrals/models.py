"""Who recruited whom."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from distributors.stores.models import Distributor


class Referral(models.Model):
    """A distributor's one referrer. Bound once; the database refuses self and loops.

    Recruiting earns nothing. The referrer's level 2 share comes from a real sale only.
    """

    distributor = models.OneToOneField(
        Distributor, models.PROTECT, related_name="referral", primary_key=True, verbose_name=_("distributor")
    )
    referrer = models.ForeignKey(Distributor, models.PROTECT, related_name="recruits", verbose_name=_("referrer"))
    bound_at = models.DateTimeField(_("bound at"))
    reason = models.CharField(_("reason"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("referral")
        verbose_name_plural = _("referrals")
        constraints = [models.CheckConstraint(condition=~Q(distributor=F("referrer")), name="referrals_not_oneself")]

    def __str__(self) -> str:
        return f"{self.referrer_id} → {self.distributor_id}"
