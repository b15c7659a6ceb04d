"""What delivery costs to a place, for several suppliers at once, in a fixed number of statements."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from shop.freight.models import FreightRule, FreightTemplate, ProductFreight
from shop.freight.rules import FreightQuote, Rule, Template, join_quotes, match, quote
from shop.regions.queries import with_ancestors
from shop.suppliers.models import Supplier


@dataclass(frozen=True, slots=True)
class ParcelItem:
    """Goods of one product in a parcel: pieces, grams of all of them, fen paid for all of them."""

    product_id: int
    quantity: int
    weight_g: int
    goods_fen: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one supplier would send."""

    supplier_id: int
    items: Sequence[ParcelItem]


def freight_for(*, supplier_parcels: Sequence[Parcel], region_code: str) -> dict[int, FreightQuote]:
    """Return what delivery costs by supplier id. Four statements, whatever the parcels.

    Goods that follow different templates are priced by each template for its own goods; the
    free-above amount compares with what is paid for those. A supplier without a template does not
    deliver. Raises ``NotFound`` (field ``region_code``) for an unknown place.
    """
    lineage = [place.code for place in with_ancestors(region_code)]
    product_ids = {item.product_id for parcel in supplier_parcels for item in parcel.items}
    chosen = dict(ProductFreight.objects.filter(product_id__in=product_ids).values_list("product_id", "template_id"))
    suppliers = [parcel.supplier_id for parcel in supplier_parcels]
    templates = FreightTemplate.objects.filter(
        Q(pk__in=chosen.values()) | Q(supplier_id__in=suppliers, is_default=True)
    )
    rows = {template.pk: template for template in templates}
    defaults = {template.supplier_id: template.pk for template in rows.values() if template.is_default}
    rules: dict[int, list[Rule]] = {pk: [] for pk in rows}
    for row in FreightRule.objects.filter(template_id__in=rows, region_code__in=["", *lineage]):
        rules[row.template_id].append(rule_of(row))
    facts = {pk: Template(template.name, template.basis, match(rules[pk], lineage)) for pk, template in rows.items()}
    return {parcel.supplier_id: _parcel_quote(parcel, chosen, defaults, facts) for parcel in supplier_parcels}


def rule_of(row: FreightRule) -> Rule:
    """Return a stored rule as the pure one."""
    return Rule(
        region_code=row.region_code,
        is_deliverable=row.is_deliverable,
        first_units=row.first_units,
        first_fen=row.first_fen,
        continued_units=row.continued_units,
        continued_fen=row.continued_fen,
        free_above_fen=row.free_above_fen,
    )


def templates_of(supplier: Supplier) -> QuerySet[FreightTemplate]:
    """Return a supplier's templates, the default one first."""
    return supplier.freight_templates.prefetch_related("rules").order_by("-is_default", "pk")


def suppliers_without_default(supplier_ids: Iterable[int]) -> set[int]:
    """Return which of these suppliers have no default template: they deliver only what has its own."""
    ids = set(supplier_ids)
    having = FreightTemplate.objects.filter(supplier_id__in=ids, is_default=True)
    return ids - set(having.values_list("supplier_id", flat=True))


def _parcel_quote(
    parcel: Parcel, chosen: dict[int, int], defaults: dict[int, int], facts: dict[int, Template]
) -> FreightQuote:
    groups: dict[int | None, list[ParcelItem]] = {}
    for item in parcel.items:
        template_id = chosen.get(item.product_id, defaults.get(parcel.supplier_id))
        groups.setdefault(template_id, []).append(item)
    quotes: list[FreightQuote] = []
    for template_id, items in groups.items():
        if template_id is None:
            quotes.append(FreightQuote(0, False, (_("The supplier has not said what delivery costs."),)))
            continue
        units = {
            "piece": sum(item.quantity for item in items),
            "weight": sum(item.weight_g for item in items),
        }
        goods_fen = sum(item.goods_fen for item in items)
        quotes.append(quote(template=facts[template_id], units=units, goods_fen=goods_fen))
    return join_quotes(quotes)
