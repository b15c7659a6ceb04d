"""The lives of a product."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from shop.states.machine import Table


class ProductState(models.TextChoices):
    DRAFT = "draft", _("draft")
    IN_REVIEW = "in_review", _("in review")
    ON_SALE = "on_sale", _("on sale")
    OFF_SALE = "off_sale", _("off sale")
    REJECTED = "rejected", _("rejected")


PRODUCT = Table(
    "product",
    {
        ProductState.DRAFT: (ProductState.IN_REVIEW,),
        ProductState.IN_REVIEW: (ProductState.ON_SALE, ProductState.REJECTED, ProductState.DRAFT),
        ProductState.ON_SALE: (ProductState.OFF_SALE,),
        ProductState.OFF_SALE: (ProductState.IN_REVIEW, ProductState.ON_SALE),
        ProductState.REJECTED: (ProductState.DRAFT, ProductState.IN_REVIEW),
    },
)
