"""What delivery costs to a place, for several suppliers at once, in a fixed number of statements."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from shop.freight.models import FreightRule, FreightTemplate
from shop.freight.rules import FreightQuote, Rule, Template, join_quotes, match, quote
from shop.regions.queries import unknown_place
from shop.regions.rules import is_code, lineage
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


@dataclass(frozen=True, slots=True)
class PriceList:
    """A template that could count: the products that follow it by name, and its rules for the place."""

    supplier_id: int
    name: str
    basis: str
    is_default: bool
    product_ids: Sequence[int]
    rules: Sequence[Rule]


@dataclass(frozen=True, slots=True)
class PriceLists:
    """What delivery of some goods to a place could cost, before anything is chosen."""

    is_known_place: bool
    by_template: Mapping[int, PriceList]


def freight_for(*, supplier_parcels: Sequence[Parcel], region_code: str) -> dict[int, FreightQuote]:
    """Return what delivery costs by supplier id. One statement, whatever the parcels.

    Raises what :func:`freight_of` raises.
    """
    suppliers = [parcel.supplier_id for parcel in supplier_parcels]
    products = sorted({item.product_id for parcel in supplier_parcels for item in parcel.items})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT freight_price_lists(%s::bigint[], %s::bigint[], %s)::text", [suppliers, products, region_code]
        )
        (answer,) = cursor.fetchone()
    return freight_of(price_lists_from(orjson.loads(answer)), parcels=supplier_parcels, region_code=region_code)


def price_lists_from(answer: Sequence[Any]) -> PriceLists:
    """Return the price lists from what ``freight_price_lists`` answered."""
    is_known_place, templates = answer
    return PriceLists(
        is_known_place,
        {
            template_id: PriceList(supplier_id, name, basis, is_default, product_ids, [Rule(*facts) for facts in rules])
            for template_id, supplier_id, name, basis, is_default, product_ids, rules in templates
        },
    )


def freight_of(lists: PriceLists, *, parcels: Sequence[Parcel], region_code: str) -> dict[int, FreightQuote]:
    """Return what delivery costs by supplier id, by these price lists of the place.

    Goods that follow different templates are priced by each template for its own goods; the
    free-above amount compares with what is paid for those. A supplier without a template does not
    deliver. Raises ``NotFound`` (field ``region_code``) for an unknown place.
    """
    if not lists.is_known_place or not is_code(region_code):
        raise unknown_place()
    steps = lineage(region_code)
    chosen: dict[int, int] = {}
    defaults: dict[int, int] = {}
    facts: dict[int, Template] = {}
    for template_id, one in lists.by_template.items():
        chosen |= dict.fromkeys(one.product_ids, template_id)
        if one.is_default:
            defaults[one.supplier_id] = template_id
        facts[template_id] = Template(one.name, one.basis, match(one.rules, steps))
    return {parcel.supplier_id: _parcel_quote(parcel, chosen, defaults, facts) for parcel in parcels}


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
