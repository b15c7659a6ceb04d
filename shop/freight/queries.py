"""What delivery costs to a place, for several suppliers at once, in a fixed number of statements."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from shop.freight.models import FreightRule, FreightTemplate
from shop.freight.rules import FreightQuote, Rule, Template, join_quotes, match, quote
from shop.regions.queries import unknown_place
from shop.regions.rules import is_code, lineage
from shop.suppliers.models import Supplier

# Every template that could count, with the products that follow it by name and its rules for the place
# and what lies around it; whether the place is known stands in every row, so there is always one.
_PRICE_LISTS = """
SELECT EXISTS (SELECT FROM regions_region WHERE code = %(place)s),
    t.id, t.supplier_id, t.name, t.basis, t.is_default,
    ARRAY(SELECT f.product_id FROM freight_productfreight f
          WHERE f.template_id = t.id AND f.product_id = ANY(%(products)s::bigint[])),
    r.region_code, r.is_deliverable, r.first_units, r.first_fen, r.continued_units, r.continued_fen,
    r.free_above_fen
FROM (VALUES (1)) AS always(one)
LEFT JOIN freight_freighttemplate t
    ON (t.is_default AND t.supplier_id = ANY(%(suppliers)s::bigint[]))
    OR t.id IN (SELECT f.template_id FROM freight_productfreight f
                WHERE f.product_id = ANY(%(products)s::bigint[]))
LEFT JOIN freight_freightrule r ON r.template_id = t.id AND r.region_code = ANY(%(places)s)
ORDER BY t.id, r.id
"""


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
    """Return what delivery costs by supplier id. One statement, whatever the parcels.

    Goods that follow different templates are priced by each template for its own goods; the
    free-above amount compares with what is paid for those. A supplier without a template does not
    deliver. Raises ``NotFound`` (field ``region_code``) for an unknown place.
    """
    steps = lineage(region_code) if is_code(region_code) else []
    wanted: dict[str, Any] = {
        "suppliers": [parcel.supplier_id for parcel in supplier_parcels],
        "products": sorted({item.product_id for parcel in supplier_parcels for item in parcel.items}),
        "place": region_code,
        "places": ["", *steps],
    }
    with connection.cursor() as cursor:
        cursor.execute(_PRICE_LISTS, wanted)
        rows = cursor.fetchall()
    if not steps or not rows[0][0]:
        raise unknown_place()
    chosen: dict[int, int] = {}
    defaults: dict[int, int] = {}
    rules: dict[int, list[Rule]] = {}
    heads: dict[int, tuple[str, str]] = {}
    for _known, template_id, supplier_id, name, basis, is_default, own, *rule in rows:
        if template_id is None:
            continue
        heads[template_id] = (name, basis)
        chosen |= dict.fromkeys(own, template_id)
        if is_default:
            defaults[supplier_id] = template_id
        if rule[0] is not None:
            rules.setdefault(template_id, []).append(Rule(*rule))
    facts = {
        template_id: Template(name, basis, match(rules.get(template_id, []), steps))
        for template_id, (name, basis) in heads.items()
    }
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
