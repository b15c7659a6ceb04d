"""Distributors, their stores, and what they picked."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from distributors.stores.states import DISTRIBUTOR, DistributorState
from shop.base.numbers import new_number, new_token
from shop.catalogue.models import Product, Sku
from shop.media.models import Picture
from shop.privacy.fields import LookupField, SealedField


def new_distributor_number() -> str:
    return new_number("D")


def new_store_code() -> str:
    return "b" + new_token(11)


class Distributor(models.Model):
    """A person who sells to people she knows. Joining costs nothing: there is no field for a fee."""

    lifecycle = DISTRIBUTOR

    number = models.CharField(_("number"), max_length=20, unique=True, default=new_distributor_number)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="distributor", verbose_name=_("person")
    )
    state = models.CharField(_("state"), max_length=12, choices=DistributorState, default=DistributorState.APPLIED)
    # Grade depends on one's own settled sales only, never on recruits or their sales.
    grade = models.CharField(_("grade"), max_length=16, default="standard")
    real_name = SealedField(_("real name"), max_length=40, blank=True)
    # Of her identity card: one person is one distributor. Asked for when she says where she is paid.
    identity_number = SealedField(_("identity card number"), max_length=18, lookup="identity_key", blank=True)
    identity_key = LookupField(of="identity_number", unique=True)
    introduction = models.CharField(_("introduction"), max_length=300, blank=True)
    # The code of the store that invited her; the referral itself is bound from it once.
    referrer_code = models.CharField(_("invited by"), max_length=24, blank=True)
    applied_at = models.DateTimeField(_("applied at"))
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("distributor")
        verbose_name_plural = _("distributors")
        # Every page of the staff counts them.
        indexes = [models.Index(fields=["-id"], condition=Q(state="applied"), name="distributor_applied")]

    def __str__(self) -> str:
        return str(self.user)


class Store(models.Model):
    """The place a distributor's customers come to."""

    code = models.CharField(_("code"), max_length=24, unique=True, default=new_store_code)
    distributor = models.OneToOneField(Distributor, models.PROTECT, related_name="store", verbose_name=_("distributor"))
    name = models.CharField(_("name"), max_length=40)
    announcement = models.CharField(_("announcement"), max_length=200, blank=True)
    # The large rendition's storage name; the small one has the suffix "-400".
    portrait = models.FileField(_("portrait"), upload_to="stores/", blank=True)
    # Behind the portrait; ahead of it while a new one is being drawn.
    picture = models.OneToOneField(
        Picture, models.PROTECT, null=True, blank=True, related_name="store", verbose_name=_("picture")
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("store")
        verbose_name_plural = _("stores")

    def __str__(self) -> str:
        return self.name


class Listing(models.Model):
    """A product a store picked, with the store's own words."""

    store = models.ForeignKey(Store, models.CASCADE, related_name="listings")
    product = models.ForeignKey(Product, models.CASCADE, related_name="listings", verbose_name=_("product"))
    title = models.CharField(_("own title"), max_length=120, blank=True)
    reason = models.CharField(_("why I picked it"), max_length=200, blank=True)
    position = models.PositiveIntegerField(_("position"), default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("listing")
        verbose_name_plural = _("listings")
        ordering = ["position", "-pk"]
        constraints = [models.UniqueConstraint(fields=["store", "product"], name="stores_listed_once")]

    def __str__(self) -> str:
        return self.title or str(self.product)


class ListingPrice(models.Model):
    """A store's own price of one SKU, in fen, inside the supplier's floor and ceiling."""

    listing = models.ForeignKey(Listing, models.CASCADE, related_name="prices", verbose_name=_("pick"))
    sku = models.ForeignKey(Sku, models.CASCADE, related_name="+", verbose_name=_("SKU"))
    retail_fen = models.BigIntegerField(_("retail price (fen)"))

    class Meta:
        verbose_name = _("listing price")
        verbose_name_plural = _("listing prices")
        constraints = [
            models.UniqueConstraint(fields=["listing", "sku"], name="stores_priced_once"),
            models.CheckConstraint(condition=Q(retail_fen__gt=0), name="stores_price_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.sku_id}: {self.retail_fen}"
