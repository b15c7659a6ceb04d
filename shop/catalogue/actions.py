"""What can happen to a product: it is made, changed, reviewed, put on sale and taken off."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from shop.base.errors import Conflict, Invalid
from shop.base.locks import lock_rows
from shop.catalogue.loading import count_change, load_products, search_text_of
from shop.catalogue.models import Category, Product, Sku, new_product_number
from shop.catalogue.rules import ProductDraft, SkuDraft, check_draft, check_sku, clean_line
from shop.catalogue.states import ProductState
from shop.notifications.actions import Notice, notify_all
from shop.pages import marks
from shop.states.machine import move
from shop.suppliers.models import Supplier
from shop.suppliers.states import SupplierState


def create_product(
    *,
    supplier: Supplier,
    category: Category,
    title: str,
    skus: Sequence[SkuDraft] = (SkuDraft(),),
    option_names: Sequence[str] = (),
    subtitle: str = "",
    description_html: str = "",
    keywords: str = "",
    handle: str = "",
    actor: str,
    at: datetime,
) -> Product:
    """Note a product as a draft. ``handle`` is the supplier's own key, made up when empty.

    Raises ``Invalid`` naming the field, ``Conflict`` for a handle or SKU code already used.
    """
    draft = check_draft(
        ProductDraft(
            handle=handle or new_product_number(),
            title=title,
            subtitle=subtitle,
            description_html=description_html,
            keywords=keywords,
            category_code=category.code,
            option_names=tuple(option_names),
            skus=tuple(skus),
        )
    )
    codes = [sku.code for sku in draft.skus if sku.code]
    if len(set(codes)) != len(codes):
        raise Invalid(_("Two SKUs have the same code. Each needs its own."), field="code")
    with transaction.atomic():
        lock_rows(Supplier.objects.filter(pk=supplier.pk))
        if Product.objects.filter(supplier=supplier, handle=draft.handle).exists():
            raise Conflict(_("You have a product with this handle already."), field="handle")
        loaded, problems = load_products(
            supplier=supplier, drafts=[draft], default_category=category, actor=actor, at=at
        )
        if problems:
            raise Conflict(problems[0].message, field=problems[0].field)
        return loaded[0].product


def update_product(
    *,
    product: Product,
    actor: str,
    at: datetime,
    category: Category | None = None,
    title: str | None = None,
    subtitle: str | None = None,
    description_html: str | None = None,
    keywords: str | None = None,
) -> Product:
    """Change a product's words. What a supplier rewrites while on sale goes back to review.

    Raises ``Invalid`` naming the field.
    """
    with transaction.atomic():
        own = lock_rows(Product.objects.filter(pk=product.pk))[0]
        draft = ProductDraft(
            handle=own.handle,
            title=own.title if title is None else title,
            subtitle=subtitle,
            description_html=description_html,
            keywords=keywords,
            category_code=category.code if category else None,
            option_names=tuple(own.option_names),
            skus=tuple(SkuDraft(tuple(sku.option_values), sku.code) for sku in own.skus.all()),
        )
        loaded, problems = load_products(
            supplier=own.supplier,
            drafts=[check_draft(draft)],
            default_category=own.category,
            actor=actor,
            at=at,
        )
        if problems:
            raise Conflict(problems[0].message, field=problems[0].field)
        return loaded[0].product


def add_sku(*, product: Product, sku: SkuDraft, actor: str, at: datetime) -> Sku:
    """Add a combination of options. It can be bought once it has a price and stock.

    Raises ``Invalid`` naming the field, ``Conflict`` when options or code are taken.
    """
    draft = check_sku(sku, axes=len(product.option_names))
    with transaction.atomic():
        lock_rows(Product.objects.filter(pk=product.pk))
        own = list(product.skus.all())
        if any(tuple(other.option_values) == draft.option_values for other in own):
            raise Conflict(_("There is a SKU with these options already."), field="option_values")
        _refuse_code(product.supplier_id, draft.code)
        created = Sku.objects.create(
            product=product,
            supplier_id=product.supplier_id,
            code=draft.code,
            option_values=list(draft.option_values),
            weight_g=draft.weight_g or 0,
            barcode=draft.barcode or "",
            position=max((other.position for other in own), default=-1) + 1,
        )
        options = [value for other in [*own, created] for value in other.option_values]
        product.search_text = search_text_of(product, product.category, options)
        product.save(update_fields=["search_text", "updated_at"])
        if draft.option_values:
            count_change(product, actor=actor, at=at)
        marks.products_changed([product.number])
        return created


def update_sku(*, sku: Sku, code: str | None = None, weight_g: int | None = None, barcode: str | None = None) -> Sku:
    """Change what customers do not read of a SKU. Raises ``Invalid`` naming the field, ``Conflict``."""
    values = tuple(sku.option_values)
    draft = check_sku(SkuDraft(values, code or "", weight_g, barcode), axes=len(values))
    if code is not None:
        _refuse_code(sku.supplier_id, draft.code, but=sku.pk)
        sku.code = draft.code
    sku.weight_g = sku.weight_g if draft.weight_g is None else draft.weight_g
    sku.barcode = sku.barcode if draft.barcode is None else draft.barcode
    sku.save(update_fields=["code", "weight_g", "barcode"])
    return sku


def set_sku_active(*, sku: Sku, is_active: bool) -> Sku:
    """Offer a SKU or stop offering it; running orders keep theirs."""
    sku.is_active = is_active
    with transaction.atomic():
        sku.save(update_fields=["is_active"])
        marks.products_changed([sku.product.number])
    return sku


def submit_for_review(*, product: Product, actor: str, at: datetime) -> None:
    """Ask the platform to look at a product before it goes on sale.

    Raises ``Invalid`` when something is missing for sale, ``Conflict`` in a state that forbids it.
    """
    _check_ready(product)
    move(product, ProductState.IN_REVIEW, actor=actor, at=at)


def withdraw_from_review(*, product: Product, actor: str, at: datetime) -> None:
    """Take a product back from review to work on it. Raises ``Conflict`` when it is not in review."""
    move(product, ProductState.DRAFT, actor=actor, at=at)


def approve_product(*, product: Product, actor: str, at: datetime) -> None:
    """Put a reviewed product on sale.

    ``product`` is what the reviewer saw: raises ``Conflict`` when its contents changed since, or
    when it is not in review; ``Invalid`` when something is missing for sale.
    """
    with transaction.atomic():
        _check_same_contents(product)
        _check_ready(product)
        changes = {"reviewed_version": product.version, "on_sale_at": product.on_sale_at or at}
        move(product, ProductState.ON_SALE, actor=actor, at=at, changes=changes)
        marks.products_changed([product.number])
        _tell_members(product, str(ProductState.ON_SALE.label), at)


def reject_product(*, product: Product, actor: str, reason: str, at: datetime) -> None:
    """Send a product back to its supplier with a reason. Raises ``Invalid`` without, ``Conflict``."""
    reason = clean_line(reason, field="reason", longest=300, is_needed=True)
    with transaction.atomic():
        move(product, ProductState.REJECTED, actor=actor, at=at, reason=reason)
        _tell_members(product, reason, at)


def take_off_sale(*, product: Product, actor: str, at: datetime, reason: str = "") -> None:
    """Stop selling a product; running orders go on. Raises ``Conflict`` when it is not on sale."""
    with transaction.atomic():
        move(product, ProductState.OFF_SALE, actor=actor, at=at, reason=reason)
        marks.products_changed([product.number])


def put_on_sale(*, product: Product, actor: str, at: datetime) -> None:
    """Sell a product again that was taken off, as it was reviewed.

    Raises ``Conflict`` when it changed since its review or is in another state, ``Invalid`` when
    something is missing for sale.
    """
    if product.state != ProductState.OFF_SALE:
        raise Conflict(_("Only a product that was taken off sale comes back this way."))
    with transaction.atomic():
        _check_same_contents(product)
        _check_ready(product)
        if product.reviewed_version != product.version:
            raise Conflict(_("It changed since its review. Submit it for review first."))
        move(product, ProductState.ON_SALE, actor=actor, at=at)
        marks.products_changed([product.number])


def _check_same_contents(product: Product) -> None:
    """Lock the product; what was looked at must be what there is."""
    if lock_rows(Product.objects.filter(pk=product.pk))[0].version != product.version:
        raise Conflict(_("The product changed meanwhile. Look at it again."))


def _check_ready(product: Product) -> None:
    fresh = Product.objects.select_related("supplier").get(pk=product.pk)
    if fresh.supplier.state != SupplierState.ACTIVE:
        raise Conflict(_("The supplier is not active, so nothing of it can go on sale."))
    if not fresh.skus.filter(is_active=True).exists():
        raise Invalid(_("Add at least one active SKU."), field="skus")
    if fresh.min_retail_fen <= 0:
        raise Invalid(_("Set a price for at least one active SKU."), field="price")


def _refuse_code(supplier_id: int, code: str, but: int | None = None) -> None:
    others = Sku.objects.filter(~Q(pk=but), supplier=supplier_id, code=code)
    if code and others.exists():
        raise Conflict(_("You have a SKU with this code already."), field="code")


def _tell_members(product: Product, result: str, at: datetime) -> None:
    facts = {"product": product.title, "result": result}
    members = product.supplier.members.values_list("user_id", flat=True)
    notify_all(notices=[Notice(user_id, "product_reviewed", facts) for user_id in members], at=at)
