"""What delivery costs, by supplier and region."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from shop.catalogue.models import Product
from shop.suppliers.models import Supplier


class FreightTemplate(models.Model):
    """A supplier's price list of delivery."""

    class Basis(models.TextChoices):
        PIECE = "piece", _("by piece")
        WEIGHT = "weight", _("by weight")

    supplier = models.ForeignKey(Supplier, models.CASCADE, related_name="freight_templates", verbose_name=_("supplier"))
    name = models.CharField(_("name"), max_length=40)
    basis = models.CharField(_("basis"), max_length=8, choices=Basis, default=Basis.PIECE)
    is_default = models.BooleanField(_("default"), default=False)

    class Meta:
        verbose_name = _("freight template")
        verbose_name_plural = _("freight templates")
        constraints = [
            models.UniqueConstraint(fields=["supplier", "name"], name="freight_name_once"),
            models.UniqueConstraint(fields=["supplier"], condition=Q(is_default=True), name="freight_one_default"),
        ]

    def __str__(self) -> str:
        return self.name


class FreightRule(models.Model):
    """The price for one region of a template; an empty region code is the whole country."""

    template = models.ForeignKey(FreightTemplate, models.CASCADE, related_name="rules")
    region_code = models.CharField(_("region"), max_length=16, blank=True)
    is_deliverable = models.BooleanField(_("deliverable"), default=True)
    # Units are pieces, or grams for a template by weight.
    first_units = models.PositiveIntegerField(_("first units"), default=1)
    first_fen = models.BigIntegerField(_("first price (fen)"), default=0)
    continued_units = models.PositiveIntegerField(_("continued units"), default=1)
    continued_fen = models.BigIntegerField(_("continued price (fen)"), default=0)
    free_above_fen = models.BigIntegerField(_("free above (fen)"), null=True, blank=True)

    class Meta:
        verbose_name = _("freight rule")
        verbose_name_plural = _("freight rules")
        constraints = [
            models.UniqueConstraint(fields=["template", "region_code"], name="freight_region_once"),
            models.CheckConstraint(
                condition=Q(first_units__gte=1, continued_units__gte=1) & Q(first_fen__gte=0, continued_fen__gte=0),
                name="freight_units_and_prices",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template_id} {self.region_code or '*'}"


class ProductFreight(models.Model):
    """The template of a product; without one the supplier's default template counts."""

    product = models.OneToOneField(Product, models.CASCADE, related_name="freight", primary_key=True)
    template = models.ForeignKey(FreightTemplate, models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("product's freight")
        verbose_name_plural = _("products' freight")

    def __str__(self) -> str:
        return f"{self.product_id} → {self.template_id}"
