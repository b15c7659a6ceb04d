"""What a SKU costs."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from shop.catalogue.models import Sku


class SkuPrice(models.Model):
    """The four prices of a SKU in fen: supply ≤ floor ≤ retail ≤ ceiling."""

    sku = models.OneToOneField(Sku, models.CASCADE, related_name="price", primary_key=True, verbose_name=_("SKU"))
    supply_fen = models.BigIntegerField(_("supply price (fen)"))
    retail_fen = models.BigIntegerField(_("retail price (fen)"))
    floor_fen = models.BigIntegerField(_("floor price (fen)"))
    ceiling_fen = models.BigIntegerField(_("ceiling price (fen)"))
    # Struck through beside the retail price; null when there is none.
    compare_at_fen = models.BigIntegerField(_("compare-at price (fen)"), null=True, blank=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        constraints = [
            models.CheckConstraint(
                condition=Q(supply_fen__gte=0)
                & Q(floor_fen__gte=F("supply_fen"))
                & Q(retail_fen__gte=F("floor_fen"))
                & Q(ceiling_fen__gte=F("retail_fen"))
                & Q(retail_fen__gt=0),
                name="pricing_supply_floor_retail_ceiling",
            ),
        ]

    def __str__(self) -> str:
        return str(self.sku)
