"""Reviews of received goods, what is added later, their photos, and counters of stars."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from orders.lifecycle.models import Order, OrderLine
from orders.reviews.states import FOLLOW_UP, REVIEW, ReviewState, Verdict
from shop.base.numbers import new_number
from shop.catalogue.models import Product
from shop.media.models import Picture
from shop.suppliers.models import Supplier


def new_review_number() -> str:
    return new_number("V")


class Review(models.Model):
    """What a customer says about one order line: the goods, and apart from them the supplier's service."""

    lifecycle = REVIEW

    number = models.CharField(_("number"), max_length=20, unique=True, default=new_review_number, editable=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="reviews", verbose_name=_("order"))
    # One review per line: the database says so.
    order_line = models.OneToOneField(OrderLine, models.PROTECT, related_name="review", verbose_name=_("order line"))
    product = models.ForeignKey(Product, models.PROTECT, related_name="reviews", verbose_name=_("product"))
    supplier = models.ForeignKey(Supplier, models.PROTECT, related_name="reviews", verbose_name=_("supplier"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="reviews", verbose_name=_("customer")
    )
    stars = models.PositiveSmallIntegerField(_("stars for the goods"))
    service_stars = models.PositiveSmallIntegerField(_("stars for the service"))
    text = models.CharField(_("text"), max_length=500, blank=True)
    photo_count = models.PositiveSmallIntegerField(_("photos"), default=0)
    written_at = models.DateTimeField(_("written at"))
    state = models.CharField(_("state"), max_length=8, choices=ReviewState, default=ReviewState.SHOWN)
    hidden_reason = models.CharField(_("why it is hidden"), max_length=200, blank=True)
    verdict = models.CharField(_("content check"), max_length=8, choices=Verdict, blank=True)
    answer = models.CharField(_("supplier's answer"), max_length=500, blank=True)
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)
    # When something shown was added; none while nothing is.
    followed_up_at = models.DateTimeField(_("added to at"), null=True, blank=True)

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        indexes = [
            models.Index(fields=["product", "-id"], condition=Q(state="shown"), name="review_of_product"),
            models.Index(fields=["product", "stars", "-id"], condition=Q(state="shown"), name="review_by_stars"),
            models.Index(
                fields=["product", "-id"], condition=Q(state="shown", photo_count__gt=0), name="review_with_photos"
            ),
            models.Index(
                fields=["product", "-id"],
                condition=Q(state="shown", followed_up_at__isnull=False),
                name="review_followed_up",
            ),
            models.Index(fields=["user", "-id"]),
            models.Index(fields=["supplier", "-id"]),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(stars__gte=1, stars__lte=5, service_stars__gte=1, service_stars__lte=5),
                name="review_one_to_five_stars",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class FollowUp(models.Model):
    """What the same customer adds after some weeks of use; once."""

    lifecycle = FOLLOW_UP

    review = models.OneToOneField(Review, models.PROTECT, related_name="follow_up", verbose_name=_("review"))
    text = models.CharField(_("text"), max_length=500)
    written_at = models.DateTimeField(_("written at"))
    state = models.CharField(_("state"), max_length=8, choices=ReviewState, default=ReviewState.SHOWN)
    verdict = models.CharField(_("content check"), max_length=8, choices=Verdict, blank=True)

    class Meta:
        verbose_name = _("addition to a review")
        verbose_name_plural = _("additions to reviews")

    def __str__(self) -> str:
        return f"{self.review_id}+"


class ReviewPhoto(models.Model):
    """A photo of a review, or of what was added to it."""

    review = models.ForeignKey(Review, models.PROTECT, related_name="photos")
    follow_up = models.ForeignKey(FollowUp, models.PROTECT, null=True, blank=True, related_name="photos")
    picture = models.OneToOneField(Picture, models.PROTECT, related_name="review_photo", verbose_name=_("picture"))
    position = models.PositiveSmallIntegerField(_("position"))

    class Meta:
        verbose_name = _("photo of a review")
        verbose_name_plural = _("photos of reviews")
        ordering = ["review", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["review", "follow_up", "position"], nulls_distinct=False, name="review_photo_place_once"
            ),
            models.CheckConstraint(condition=Q(position__lt=6), name="review_six_photos"),
        ]

    def __str__(self) -> str:
        return f"{self.review_id}/{self.position}"


class _Stars(models.Model):
    """How many gave how many stars, of the reviews that are shown. Kept by the actions, one row's worth each."""

    stars1 = models.PositiveIntegerField(default=0)
    stars2 = models.PositiveIntegerField(default=0)
    stars3 = models.PositiveIntegerField(default=0)
    stars4 = models.PositiveIntegerField(default=0)
    stars5 = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True


class ProductRating(_Stars):
    """A product's stars, and how many of its reviews have photos or an addition."""

    product = models.OneToOneField(Product, models.CASCADE, primary_key=True, related_name="rating")
    photos = models.PositiveIntegerField(default=0)
    follow_ups = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("stars of a product")
        verbose_name_plural = _("stars of products")

    def __str__(self) -> str:
        return str(self.product_id)


class SupplierRating(_Stars):
    """The stars of a supplier's service."""

    supplier = models.OneToOneField(Supplier, models.CASCADE, primary_key=True, related_name="rating")

    class Meta:
        verbose_name = _("stars of a supplier")
        verbose_name_plural = _("stars of suppliers")

    def __str__(self) -> str:
        return str(self.supplier_id)
