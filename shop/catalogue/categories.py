"""The shelves: making, naming and ordering them."""

import re

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from shop.base.errors import Conflict, Invalid
from shop.catalogue.loading import search_text_of
from shop.catalogue.models import Category, Product
from shop.catalogue.rules import clean_line
from shop.pages import marks

LEVELS_MAX = 3
RETURN_DAYS_MAX = 90
_BATCH = 500
_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)


def create_category(
    *,
    code: str,
    name: str,
    name_en: str = "",
    parent: Category | None = None,
    icon: str = "",
    position: int = 0,
    return_days: int | None = None,
) -> Category:
    """Put up a shelf, under another one or at the top.

    ``return_days`` is the no-reason return window of its goods in days; None for the usual one, 0
    for goods that by law need not be taken back. Raises ``Invalid`` naming the field, ``Conflict``
    for a code that is taken.
    """
    if not _CODE.fullmatch(code) or len(code) > 40:
        raise Invalid(_("A code has small letters, digits and single hyphens."), field="code")
    if parent is not None and parent.level >= LEVELS_MAX:
        raise Invalid(_("Categories have three levels. Choose a parent further up."), field="parent")
    if Category.objects.filter(code=code).exists():
        raise Conflict(_("There is a category with this code already."), field="code")
    created = Category.objects.create(
        code=code,
        name=clean_line(name, field="name", longest=40, is_needed=True),
        name_en=clean_line(name_en, field="name_en", longest=40),
        parent=parent,
        level=parent.level + 1 if parent else 1,
        icon=clean_line(icon, field="icon", longest=40),
        position=position,
        return_days=_days(return_days),
    )
    marks.everything_changed()
    return created


def update_category(
    *,
    category: Category,
    name: str | None = None,
    name_en: str | None = None,
    icon: str | None = None,
    position: int | None = None,
) -> Category:
    """Rename a shelf or move it among its neighbours; its goods are found by the new name at once.

    Raises ``Invalid`` naming the field.
    """
    texts = {"name": name, "name_en": name_en, "icon": icon}
    for field, text in texts.items():
        if text is not None:
            setattr(category, field, clean_line(text, field=field, longest=40, is_needed=field == "name"))
    if position is not None:
        category.position = position
    with transaction.atomic():
        category.save(update_fields=["name", "name_en", "icon", "position"])
        marks.everything_changed()
        if name is not None or name_en is not None:
            reindex(category=category)
    return category


def set_return_days(*, category: Category, return_days: int | None) -> Category:
    """Set the no-reason return window of a shelf's goods, in days. Raises ``Invalid``."""
    category.return_days = _days(return_days)
    with transaction.atomic():
        category.save(update_fields=["return_days"])
        marks.everything_changed()
    return category


def reindex(*, category: Category) -> int:
    """Make the search words of a category's products anew, those of the levels below too."""
    below = Category.objects.filter(pk=category.pk).values_list("pk", flat=True)
    ids = list(below)
    for _level in range(LEVELS_MAX - 1):
        ids += Category.objects.filter(parent__in=ids).exclude(pk__in=ids).values_list("pk", flat=True)
    products = (
        Product.objects.filter(category__in=ids)
        .select_related("category__parent__parent", "supplier")
        .prefetch_related("skus")
    )
    changed: list[Product] = []
    for product in products.iterator(chunk_size=_BATCH):
        options = [value for sku in product.skus.all() for value in sku.option_values]
        text = search_text_of(product, product.category, options)
        if text != product.search_text:
            product.search_text = text
            changed.append(product)
    return Product.objects.bulk_update(changed, ["search_text"], batch_size=_BATCH)


def _days(return_days: int | None) -> int | None:
    if return_days is not None and not 0 <= return_days <= RETURN_DAYS_MAX:
        raise Invalid(_("A return window has 0 to 90 days."), field="return_days")
    return return_days
