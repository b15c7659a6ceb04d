"""Categories, products (SPU), SKUs and pictures."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from shop.base.numbers import new_token
from shop.catalogue.states import PRODUCT, ProductState
from shop.media.models import Picture
from shop.suppliers.models import Supplier


def new_product_number() -> str:
    return "p" + new_token(11)


def new_sku_number() -> str:
    return "k" + new_token(11)


class SearchTokens(Func):
    """What a product is found by, as an array: what the search index holds and a search asks for.

    The words of ``search_text``, its shelf as ``@17``, and each of them with the stretch of keys it stands in: ``茶#3``
    (see ``catalogue.finding``).
    """

    function = "catalogue_found_by"
    output_field = ArrayField(models.TextField())

    def __init__(self) -> None:
        super().__init__(F("search_text"), F("id"), F("category_id"))


class Category(models.Model):
    """A shelf. Three levels at most."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("parent")
    )
    name = models.CharField(_("name"), max_length=40)
    name_en = models.CharField(_("English name"), max_length=40, blank=True)
    icon = models.CharField(_("icon"), max_length=40, blank=True)
    position = models.PositiveIntegerField(_("position"), default=0)
    level = models.PositiveSmallIntegerField(_("level"), default=1)
    # Goods of this category may carry a longer (or, by law, no) no-reason return window; days.
    return_days = models.PositiveSmallIntegerField(_("return days"), null=True, blank=True)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ["position", "pk"]
        constraints = [models.CheckConstraint(condition=Q(level__gte=1, level__lte=3), name="category_levels")]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """What a customer looks at (SPU). What she buys is one of its SKUs."""

    lifecycle = PRODUCT

    number = models.CharField(_("number"), max_length=16, unique=True, default=new_product_number, editable=False)
    supplier = models.ForeignKey(Supplier, models.PROTECT, related_name="products", verbose_name=_("supplier"))
    category = models.ForeignKey(Category, models.PROTECT, related_name="products", verbose_name=_("category"))
    # The supplier's own key for the product; a repeated import finds the product by it.
    handle = models.CharField(_("handle"), max_length=120)
    title = models.CharField(_("title"), max_length=120)
    subtitle = models.CharField(_("subtitle"), max_length=160, blank=True)
    description_html = models.TextField(_("description"), blank=True)
    # Further words a customer may search by; not shown.
    keywords = models.CharField(_("search words"), max_length=300, blank=True)
    # Up to three axes: ["颜色", "尺码"].
    option_names = models.JSONField(_("option names"), default=list, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=ProductState, default=ProductState.DRAFT)
    # The lowest retail price of the active SKUs; a trigger beside the prices keeps it. 0: no price.
    min_retail_fen = models.BigIntegerField(_("lowest price (fen)"), default=0, editable=False)
    # The struck-through price of the cheapest SKU that has one; the same trigger keeps it.
    compare_at_fen = models.BigIntegerField(null=True, blank=True, editable=False)
    # The first picture that is drawn: file, width, height, alt; a trigger beside the pictures keeps it.
    cover = models.JSONField(null=True, blank=True, editable=False)
    # Pieces sold and not returned; counted by stock.tasks, so it may be a minute late.
    sold_count = models.PositiveIntegerField(_("sold"), default=0, editable=False)
    # Words and pairs of characters, separated by spaces; see catalogue.rules.index_text.
    search_text = models.TextField(blank=True, editable=False)
    # When it first came on sale.
    on_sale_at = models.DateTimeField(_("on sale at"), null=True, blank=True, editable=False)
    # Counts the changes of what customers read; goes on sale only as somebody has reviewed it.
    version = models.PositiveIntegerField(default=1, editable=False)
    reviewed_version = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints = [
            models.UniqueConstraint(fields=["supplier", "handle"], name="catalogue_handle_once"),
        ]
        indexes = [
            models.Index(fields=["-id"], condition=Q(state="on_sale"), name="product_on_sale"),
            models.Index(fields=["category", "-id"], condition=Q(state="on_sale"), name="product_in_category"),
            # One for each order of a list (see catalogue.listing).
            models.Index(fields=["-sold_count", "-id"], condition=Q(state="on_sale"), name="product_by_sold"),
            models.Index(fields=["min_retail_fen", "id"], condition=Q(state="on_sale"), name="product_by_price"),
            models.Index(
                fields=["category", "-sold_count", "-id"],
                condition=Q(state="on_sale"),
                name="product_in_category_by_sold",
            ),
            models.Index(
                fields=["category", "min_retail_fen", "id"],
                condition=Q(state="on_sale"),
                name="product_in_category_by_price",
            ),
            models.Index(fields=["supplier", "-id"], name="product_of_supplier"),
            # Every page of the staff counts them.
            models.Index(fields=["-id"], condition=Q(state="in_review"), name="product_in_review"),
            # Products are searched far more often than written: no list of pending entries.
            GinIndex(SearchTokens(), name="product_found_by", condition=Q(state="on_sale"), fastupdate=False),
        ]

    def __str__(self) -> str:
        return self.title


class Sku(models.Model):
    """One buyable combination of a product's options."""

    number = models.CharField(_("number"), max_length=16, unique=True, default=new_sku_number, editable=False)
    product = models.ForeignKey(Product, models.CASCADE, related_name="skus", verbose_name=_("product"))
    # Copied from the product so that the database can keep a supplier's own codes unique.
    supplier = models.ForeignKey(Supplier, models.PROTECT, related_name="+", verbose_name=_("supplier"))
    code = models.CharField(_("supplier's SKU code"), max_length=80, blank=True)
    option_values = models.JSONField(_("option values"), default=list, blank=True)
    weight_g = models.PositiveIntegerField(_("weight (g)"), default=0)
    barcode = models.CharField(_("barcode"), max_length=40, blank=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("SKU")
        verbose_name_plural = _("SKUs")
        ordering = ["product", "position", "pk"]
        constraints = [
            # Checked at the end of a statement, so that two SKUs can swap their options.
            models.UniqueConstraint(
                fields=["product", "option_values"],
                name="sku_options_once",
                deferrable=models.Deferrable.IMMEDIATE,
            ),
            models.UniqueConstraint(fields=["supplier", "code"], condition=~Q(code=""), name="sku_code_once"),
        ]

    def __str__(self) -> str:
        return " / ".join(self.option_values) or self.code or self.number

    @property
    def option_text(self) -> str:
        """The options as a customer reads them: ``红色 / L``; empty for a product without options."""
        return " / ".join(self.option_values)


class ProductImage(models.Model):
    """A picture of a product. ``source_url`` remembers where an import said it was."""

    product = models.ForeignKey(Product, models.CASCADE, related_name="images")
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    # What was uploaded; none while only its address is known.
    picture = models.OneToOneField(
        Picture, models.PROTECT, null=True, blank=True, related_name="product_image", verbose_name=_("picture")
    )
    # The large rendition, once it is drawn; the small one lies beside it with the suffix "-400". File and size
    # are copies, so that a list of products reads one table.
    file = models.FileField(_("file"), upload_to="products/", blank=True)
    width = models.PositiveSmallIntegerField(_("width"), default=800)
    height = models.PositiveSmallIntegerField(_("height"), default=800)
    alt = models.CharField(_("description"), max_length=120, blank=True)
    source_url = models.CharField(_("source"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("product picture")
        verbose_name_plural = _("product pictures")
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["product", "source_url"],
                condition=~Q(source_url=""),
                name="image_source_once",
            )
        ]

    def __str__(self) -> str:
        return self.alt or self.file.name or self.source_url
