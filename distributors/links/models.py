"""Share links, touches, visitors and bonds."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from distributors.stores.models import Store
from shop.base.numbers import new_token
from shop.catalogue.models import Product


class ShareLink(models.Model):
    """An opaque token that stands for a store, what it shows, and where it was shared."""

    class Target(models.TextChoices):
        STORE = "store", _("store")
        PRODUCT = "product", _("product")

    class Channel(models.TextChoices):
        LINK = "link", _("link")
        POSTER = "poster", _("poster")
        GROUP = "group", _("WeChat group")
        MOMENTS = "moments", _("Moments")
        LIVE = "live", _("live room")

    token = models.CharField(_("token"), max_length=16, unique=True, default=new_token)
    store = models.ForeignKey(Store, models.PROTECT, related_name="share_links", verbose_name=_("store"))
    target = models.CharField(_("target"), max_length=8, choices=Target)
    product = models.ForeignKey(
        Product, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("product")
    )
    channel = models.CharField(_("channel"), max_length=8, choices=Channel, default=Channel.LINK)
    label = models.CharField(_("label"), max_length=40, blank=True)
    created_at = models.DateTimeField(_("created at"))
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("share link")
        verbose_name_plural = _("share links")
        indexes = [models.Index(fields=["store", "-id"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(target="store", product=None) | Q(target="product", product__isnull=False),
                name="links_target_has_its_product",
            )
        ]

    def __str__(self) -> str:
        return self.token


class Visitor(models.Model):
    """A browser or device, known by a random key kept in its cookie (stored as a hash)."""

    key_hash = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="visitors")
    created_at = models.DateTimeField()
    merged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("visitor")
        verbose_name_plural = _("visitors")

    def __str__(self) -> str:
        return self.key_hash[:8]


class Touch(models.Model):
    """One opening of a share link. Append-only, partitioned by month (``0002_touches`` makes the table).

    ``number`` is made when the link is opened, so a touch flushed twice is stored once. Plain
    values, no keys: rows arrive in bulk and leave by partition.
    """

    pk = models.CompositePrimaryKey("at", "number")
    number = models.CharField(max_length=20)
    at = models.DateTimeField()
    token = models.CharField(max_length=16)
    store_id = models.BigIntegerField()
    product_id = models.BigIntegerField(null=True)
    channel = models.CharField(max_length=8)
    visitor_hash = models.CharField(max_length=64)
    user_id = models.BigIntegerField(null=True)

    class Meta:
        verbose_name = _("touch")
        verbose_name_plural = _("touches")
        db_table = "links_touch"

    def __str__(self) -> str:
        return self.number


class Bond(models.Model):
    """A customer belongs to a store for a while: by account, or by visitor until she signs in."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="bonds", verbose_name=_("person")
    )
    visitor = models.ForeignKey(
        Visitor, models.CASCADE, null=True, blank=True, related_name="bonds", verbose_name=_("visitor")
    )
    store = models.ForeignKey(Store, models.PROTECT, related_name="bonds", verbose_name=_("store"))
    started_at = models.DateTimeField(_("started at"))
    # Until then another store's link does not move the customer.
    protected_until = models.DateTimeField(_("protected until"))
    valid_until = models.DateTimeField(_("valid until"))
    reason = models.CharField(_("reason"), max_length=24)
    touch_number = models.CharField(_("touch"), max_length=20, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("bond")
        verbose_name_plural = _("bonds")
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(ended_at=None), name="links_one_bond_per_user"),
            models.UniqueConstraint(
                fields=["visitor"],
                condition=Q(ended_at=None, user=None),
                name="links_one_bond_per_visitor",
            ),
            models.CheckConstraint(
                condition=Q(user__isnull=False) | Q(visitor__isnull=False),
                name="links_bond_has_someone",
            ),
            models.CheckConstraint(
                condition=Q(protected_until__lte=F("valid_until"), started_at__lte=F("protected_until")),
                name="links_bond_times",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id or self.visitor_id} → {self.store_id}"
