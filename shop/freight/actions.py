"""What a supplier can say about delivery."""

from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext as _

from shop.base.errors import Conflict, Invalid, NotFound
from shop.base.locks import lock_rows
from shop.catalogue.models import Product
from shop.freight.models import FreightRule, FreightTemplate, ProductFreight
from shop.freight.rules import PRICE_MAX_FEN, UNITS_MAX
from shop.pages import marks
from shop.regions.queries import region
from shop.suppliers.models import Supplier


def create_template(*, supplier: Supplier, name: str, basis: str, is_default: bool = False) -> FreightTemplate:
    """Begin a price list of delivery; the first one is the default.

    It delivers nowhere until it has a rule. Raises ``Invalid`` naming the field, ``Conflict`` for a
    name already used.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= 40:
        raise Invalid(_("A name has 1 to 40 characters."), field="name")
    if basis not in FreightTemplate.Basis.values:
        raise Invalid(_("Count by piece or by weight."), field="basis")
    with transaction.atomic():
        lock_rows(Supplier.objects.filter(pk=supplier.pk))
        own = FreightTemplate.objects.filter(supplier=supplier)
        if own.filter(name=name).exists():
            raise Conflict(_("You have a template of this name already."), field="name")
        is_default = is_default or not own.filter(is_default=True).exists()
        if is_default:
            own.filter(is_default=True).update(is_default=False)
        marks.everything_changed()
        return FreightTemplate.objects.create(supplier=supplier, name=name, basis=basis, is_default=is_default)


def set_default(*, template: FreightTemplate) -> None:
    """Let a template count for every product that has none of its own."""
    with transaction.atomic():
        lock_rows(Supplier.objects.filter(pk=template.supplier_id))
        own = FreightTemplate.objects.filter(supplier_id=template.supplier_id)
        own.filter(is_default=True).update(is_default=False)
        own.filter(pk=template.pk).update(is_default=True)
        marks.everything_changed()
    template.is_default = True


def set_rule(
    *,
    template: FreightTemplate,
    region_code: str = "",
    is_deliverable: bool = True,
    first_units: int = 1,
    first_fen: int = 0,
    continued_units: int = 1,
    continued_fen: int = 0,
    free_above_fen: int | None = None,
) -> FreightRule:
    """Say what delivery to a place costs; an empty ``region_code`` is the whole country.

    Units are pieces or grams, money is fen. A smaller place's rule goes before a larger one's.
    Raises ``Invalid`` naming the field; ``NotFound`` for an unknown place.
    """
    if region_code:
        region(region_code)
    for field, units in {"first_units": first_units, "continued_units": continued_units}.items():
        if type(units) is not int or not 1 <= units <= UNITS_MAX:
            raise Invalid(_("Give a whole number of units, 1 or more."), field=field)
    prices = {"first_fen": first_fen, "continued_fen": continued_fen, "free_above_fen": free_above_fen}
    for field, fen in prices.items():
        if fen is None and field == "free_above_fen":
            continue
        if type(fen) is not int or not 0 <= fen <= PRICE_MAX_FEN:
            raise Invalid(_("A price is a whole number of fen, 0 or more."), field=field)
    facts = {**prices, "first_units": first_units, "continued_units": continued_units, "is_deliverable": is_deliverable}
    with transaction.atomic():
        rule, _is_new = FreightRule.objects.update_or_create(template=template, region_code=region_code, defaults=facts)
        marks.everything_changed()
    return rule


def remove_rule(*, template: FreightTemplate, region_code: str = "") -> None:
    """Take a place's rule back; the next larger place's counts again. Raises ``NotFound``."""
    with transaction.atomic():
        deleted, _by_model = FreightRule.objects.filter(template=template, region_code=region_code).delete()
        marks.everything_changed()
    if not deleted:
        raise NotFound(_("There is no rule for this place."), field="region_code")


def use_template(*, template: FreightTemplate, products: Iterable[Product]) -> None:
    """Let these products follow a template of their own. Raises ``NotFound`` for another supplier's."""
    chosen = list(products)
    if any(product.supplier_id != template.supplier_id for product in chosen):
        raise NotFound(_("There is no such product."), field="products")
    ProductFreight.objects.bulk_create(
        [ProductFreight(product=product, template=template) for product in chosen],
        update_conflicts=True,
        update_fields=["template"],
        unique_fields=["product"],
    )


def use_default(*, products: Iterable[Product]) -> None:
    """Let these products follow their supplier's default template again."""
    ProductFreight.objects.filter(product__in=list(products)).delete()
