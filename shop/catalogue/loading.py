"""Writing many products at once: new ones are made, known ones are changed where they differ."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from shop.base.locks import lock_rows
from shop.catalogue.models import Category, Product, ProductImage, Sku
from shop.catalogue.rules import IMAGES_MAX, ProductDraft, SkuDraft, index_text
from shop.catalogue.states import ProductState
from shop.pages import marks
from shop.states.machine import move
from shop.suppliers.models import Supplier

CREATED, UPDATED, UNCHANGED = "created", "updated", "unchanged"

_BATCH = 500
# What customers read: a change of it is reviewed.
_CONTENTS = ("category_id", "title", "subtitle", "description_html", "option_names")
_PRODUCT_FIELDS = (*_CONTENTS, "keywords", "search_text")
_SKU_FIELDS = ("code", "option_values", "weight_g", "barcode", "position")


@dataclass(frozen=True, slots=True)
class DraftProblem:
    """What stands against a draft: which one, which of its SKUs (None: itself), which field, why."""

    draft: int
    sku: int | None
    field: str
    message: str


@dataclass(slots=True)
class Loaded:
    """What became of one draft. ``skus`` stand in the draft's order, ``missing`` are not in it."""

    product: Product
    outcome: str = UNCHANGED
    skus: list[Sku] = field(default_factory=list)
    missing: list[Sku] = field(default_factory=list)
    images: list[ProductImage] = field(default_factory=list)
    is_rewritten: bool = False
    changed_skus: list[Sku] = field(default_factory=list)


def load_products(
    *,
    supplier: Supplier,
    drafts: Sequence[ProductDraft],
    default_category: Category,
    actor: str,
    at: datetime,
) -> tuple[list[Loaded], list[DraftProblem]]:
    """Make and change a supplier's products as the drafts say; all of them or, with a problem, none.

    The drafts have passed ``rules.check_draft`` and name each handle and each SKU code once. A
    product is found by its handle, a SKU by its code, else by its options. SKUs a draft does not
    name stay as they are. Statements do not grow with the drafts, except in batches of 500 and for
    products on sale that a supplier rewrites: each of those goes back to review.
    """
    with transaction.atomic():
        # One load at a time per supplier: two of the same file make its products once.
        lock_rows(Supplier.objects.filter(pk=supplier.pk))
        known = _Known(supplier, drafts, default_category)
        loaded: list[Loaded] = []
        problems: list[DraftProblem] = []
        for index, draft in enumerate(drafts):
            one = Loaded(known.products.get(draft.handle) or Product(supplier=supplier, handle=draft.handle))
            loaded.append(one)
            problems += known.apply(one, index, draft)
        if not problems:
            _write(loaded, actor=actor, at=at)
    return loaded, problems


def count_change(product: Product, *, actor: str, at: datetime) -> None:
    """Note that what customers read of a product changed; a supplier's change goes back to review."""
    Product.objects.filter(pk=product.pk).update(version=F("version") + 1, updated_at=at)
    product.version += 1
    if actor.startswith("supplier:") and product.state == ProductState.ON_SALE:
        reason = "its contents changed"
        move(product, ProductState.OFF_SALE, actor=actor, at=at, reason=reason)
        move(product, ProductState.IN_REVIEW, actor=actor, at=at, reason=reason)


def search_text_of(product: Product, category: Category, option_values: Iterable[str]) -> str:
    """Return what a product is found by: its words, its options, its shelves, its supplier."""
    shelves: list[str] = []
    step: Category | None = category
    while step is not None and len(shelves) < 6:
        shelves += [step.name, step.name_en]
        step = step.parent
    words = [product.title, product.subtitle, product.keywords, *shelves, product.supplier.name]
    return index_text([*words, *option_values], spelled=[product.title, product.keywords, *shelves])


class _Known:
    """What a supplier has already, as far as the drafts touch it: four statements."""

    def __init__(self, supplier: Supplier, drafts: Sequence[ProductDraft], default: Category) -> None:
        products = Product.objects.filter(supplier=supplier, handle__in=[draft.handle for draft in drafts])
        self.products = {product.handle: product for product in products}
        for product in self.products.values():
            product.supplier = supplier
        self.categories = {one.code: one for one in Category.objects.select_related("parent__parent")}
        self.by_id = {one.pk: one for one in self.categories.values()}
        self.default_id = default.pk
        ids = [product.pk for product in self.products.values()]
        codes = [sku.code for draft in drafts for sku in draft.skus if sku.code]
        self.skus: dict[int, list[Sku]] = {}
        self.by_code: dict[str, Sku] = {}
        for sku in Sku.objects.filter(Q(product__in=ids) | Q(supplier=supplier, code__in=codes)):
            self.skus.setdefault(sku.product_id, []).append(sku)
            if sku.code:
                self.by_code[sku.code] = sku
        self.images: dict[int, list[ProductImage]] = {}
        for image in ProductImage.objects.filter(product__in=ids):
            self.images.setdefault(image.product_id, []).append(image)

    def apply(self, one: Loaded, index: int, draft: ProductDraft) -> list[DraftProblem]:
        """Put the draft's values on the rows in memory; return what stands against it."""
        code = draft.category_code
        if code is not None and code not in self.categories:
            message = _("There is no category with the code “%(code)s”.") % {"code": code}
            return [DraftProblem(index, None, "category", message)]
        product, is_new = one.product, one.product.pk is None
        problems = self._apply_skus(one, index, draft)
        if code is not None:
            category = self.categories[code]
        else:
            category = self.by_id[self.default_id if is_new else product.category_id]
        values: dict[str, Any] = {"category_id": category.pk, "title": draft.title}
        values["option_names"] = list(draft.option_names)
        for name in ("subtitle", "description_html", "keywords"):
            if getattr(draft, name) is not None:
                values[name] = getattr(draft, name)
        changed = _assign(product, values)
        options = [value for sku in [*one.skus, *one.missing] for value in sku.option_values]
        changed |= _assign(product, {"search_text": search_text_of(product, category, options)})
        one.is_rewritten = not is_new and not changed.isdisjoint(_CONTENTS)
        self._apply_images(one, draft)
        if is_new:
            one.outcome = CREATED
        elif changed or one.changed_skus or one.images or any(sku.pk is None for sku in one.skus):
            one.outcome = UPDATED
        return problems

    def _apply_skus(self, one: Loaded, index: int, draft: ProductDraft) -> list[DraftProblem]:
        own = list(self.skus.get(one.product.pk, ())) if one.product.pk else []
        problems: list[DraftProblem] = []
        left = {sku.pk: sku for sku in own}
        for place, wanted in enumerate(draft.skus):
            holder = self.by_code.get(wanted.code) if wanted.code else None
            if holder is not None and holder.pk not in left:
                message = _("The SKU code “%(code)s” belongs to another product of yours.")
                problems.append(DraftProblem(index, place, "code", message % {"code": wanted.code}))
                continue
            sku = holder or _by_options(left.values(), wanted)
            if sku is None:
                sku = Sku(product=one.product, supplier=one.product.supplier)
            else:
                del left[sku.pk]
            if _assign(sku, _sku_values(wanted, place)) and sku.pk is not None:
                one.changed_skus.append(sku)
            one.skus.append(sku)
        one.missing = list(left.values())
        if left and any(len(sku.option_values) != len(draft.option_names) for sku in one.missing):
            message = _("The options changed: name every SKU of the product, or keep the options.")
            problems.append(DraftProblem(index, None, "option_names", message))
        taken = {tuple(sku.option_values) for sku in one.missing}
        for place, sku in enumerate(one.skus):
            if tuple(sku.option_values) in taken:
                message = _("Another SKU of the product has these options. Name that one too.")
                problems.append(DraftProblem(index, place, "option_values", message))
        return problems

    def _apply_images(self, one: Loaded, draft: ProductDraft) -> None:
        own = self.images.get(one.product.pk, []) if one.product.pk else []
        known = {image.source_url for image in own}
        fresh = [image for image in draft.images if image.source_url not in known]
        position = max((image.position for image in own), default=-1) + 1
        for offset, image in enumerate(fresh[: max(0, IMAGES_MAX - len(own))]):
            one.images.append(
                ProductImage(
                    product=one.product,
                    position=position + offset,
                    alt=image.alt,
                    source_url=image.source_url,
                )
            )


def _sku_values(wanted: SkuDraft, place: int) -> dict[str, Any]:
    values: dict[str, Any] = {"option_values": list(wanted.option_values), "position": place}
    if wanted.code:
        values["code"] = wanted.code
    if wanted.weight_g is not None:
        values["weight_g"] = wanted.weight_g
    if wanted.barcode is not None:
        values["barcode"] = wanted.barcode
    return values


def _by_options(skus: Iterable[Sku], wanted: SkuDraft) -> Sku | None:
    """A SKU that has another code is another SKU, whatever its options."""
    for sku in skus:
        if sku.option_values == list(wanted.option_values) and (not wanted.code or not sku.code):
            return sku
    return None


def _assign(row: models.Model, values: dict[str, Any]) -> set[str]:
    changed = {name for name, value in values.items() if getattr(row, name) != value}
    for name in changed:
        setattr(row, name, values[name])
    return changed


def _write(loaded: Sequence[Loaded], *, actor: str, at: datetime) -> None:
    fresh = [one.product for one in loaded if one.outcome == CREATED]
    Product.objects.bulk_create(fresh, batch_size=_BATCH)
    changed = [one.product for one in loaded if one.outcome == UPDATED]
    for product in changed:
        product.updated_at = at
    Product.objects.bulk_update(changed, [*_PRODUCT_FIELDS, "updated_at"], batch_size=_BATCH)
    Sku.objects.bulk_update([sku for one in loaded for sku in one.changed_skus], _SKU_FIELDS, batch_size=_BATCH)
    new_skus = [sku for one in loaded for sku in one.skus if sku.pk is None]
    for sku in new_skus:
        sku.product = sku.product  # takes over the key the product got by now
    Sku.objects.bulk_create(new_skus, batch_size=_BATCH)
    images = [image for one in loaded for image in one.images]
    for image in images:
        image.product = image.product
    ProductImage.objects.bulk_create(images, batch_size=_BATCH)
    for one in loaded:
        if one.is_rewritten:
            count_change(one.product, actor=actor, at=at)
    marks.products_changed([product.number for product in changed])
