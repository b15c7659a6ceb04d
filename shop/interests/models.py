"""Searches, footprints and favourites of one person."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from shop.catalogue.models import Product


class PastSearch(models.Model):
    """Words a person searched for, when last."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="past_searches")
    words = models.CharField(_("words"), max_length=60)
    searched_at = models.DateTimeField(_("searched at"))

    class Meta:
        verbose_name = _("past search")
        verbose_name_plural = _("past searches")
        constraints = [models.UniqueConstraint(fields=["user", "words"], name="past_search_once")]
        indexes = [models.Index(fields=["user", "-searched_at"], name="past_search_newest")]

    def __str__(self) -> str:
        return self.words


class Footprint(models.Model):
    """A product a person looked at, when last. Kept for ``rules.FOOTPRINT_DAYS``."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="footprints")
    product = models.ForeignKey(Product, models.CASCADE, related_name="+")
    seen_at = models.DateTimeField(_("seen at"))

    class Meta:
        verbose_name = _("footprint")
        verbose_name_plural = _("footprints")
        constraints = [models.UniqueConstraint(fields=["user", "product"], name="footprint_once")]
        indexes = [
            models.Index(fields=["user", "-seen_at", "-id"], name="footprint_newest"),
            models.Index(fields=["seen_at"], name="footprint_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.product_id}"


class Favourite(models.Model):
    """A product or a store a person keeps. By number: what it names may stand on a floor above."""

    class Kind(models.TextChoices):
        PRODUCT = "product", _("product")
        STORE = "store", _("store")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="favourites")
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    number = models.CharField(_("number"), max_length=40)
    kept_at = models.DateTimeField(_("kept at"))
    # She wants to be told when it is back or cheaper. What was last known of it, and when she was last told.
    is_watched = models.BooleanField(_("told about"), default=False)
    was_available = models.BooleanField(default=True)
    seen_fen = models.BigIntegerField(_("price then (fen)"), default=0)
    told_back_at = models.DateTimeField(null=True, blank=True)
    told_cheaper_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("favourite")
        verbose_name_plural = _("favourites")
        constraints = [models.UniqueConstraint(fields=["user", "kind", "number"], name="favourite_once")]
        indexes = [
            models.Index(fields=["user", "kind", "-id"], name="favourite_newest"),
            models.Index(fields=["id"], condition=Q(is_watched=True), name="favourite_watched"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


class Discretion(models.Model):
    """A person who wants no footprints kept; no row: they are."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="discretion", primary_key=True)
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("discretion")
        verbose_name_plural = _("discretions")

    def __str__(self) -> str:
        return str(self.user_id)


class Curiosity(models.Model):
    """A person who wants to be told about everything she keeps, also what she keeps later; no row: only where she says so."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="curiosity", primary_key=True)
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("curiosity")
        verbose_name_plural = _("curiosities")

    def __str__(self) -> str:
        return str(self.user_id)
