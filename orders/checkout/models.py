"""The cart."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from distributors.stores.models import Store
from shop.catalogue.models import Sku


class Cart(models.Model):
    """A customer's cart, or a visitor's until she signs in."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="cart")
    # The hash of the visitor key in the cookie.
    visitor_hash = models.CharField(max_length=64, null=True, blank=True, unique=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("cart")
        verbose_name_plural = _("carts")
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, visitor_hash=None) | Q(user=None, visitor_hash__isnull=False),
                name="cart_has_one_owner",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id or self.visitor_hash}"


class CartLine(models.Model):
    """One SKU in a cart. ``store`` is where it was put in, ``seen_fen`` the price seen then."""

    cart = models.ForeignKey(Cart, models.CASCADE, related_name="lines")
    sku = models.ForeignKey(Sku, models.CASCADE, related_name="+")
    store = models.ForeignKey(Store, models.SET_NULL, null=True, blank=True, related_name="+")
    quantity = models.PositiveIntegerField(_("quantity"))
    is_selected = models.BooleanField(_("selected"), default=True)
    seen_fen = models.BigIntegerField(_("price seen (fen)"))
    added_at = models.DateTimeField(_("added at"))

    class Meta:
        verbose_name = _("cart line")
        verbose_name_plural = _("cart lines")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["cart", "sku"], name="cart_sku_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1, quantity__lte=999), name="cart_quantity"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.sku_id}"
