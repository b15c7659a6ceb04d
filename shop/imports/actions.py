"""Bringing a supplier's catalogue in: products, SKUs, prices, stock – all rows of a file or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import BinaryIO

from django.db import transaction
from django.utils.translation import gettext as _

from shop.base.errors import Invalid
from shop.base.money import share_bp
from shop.base.sheets import RowProblem
from shop.catalogue.actions import approve_product, submit_for_review
from shop.catalogue.loading import CREATED, UNCHANGED, UPDATED, DraftProblem, Loaded, load_products
from shop.catalogue.models import Category, Product
from shop.catalogue.queries import category_by_code
from shop.catalogue.states import ProductState
from shop.freight.queries import suppliers_without_default
from shop.imports.parsing import Goods, Parsed, SkuLine, parse
from shop.imports.reading import read_sheet
from shop.imports.rules import SUPPLY_RATE_BP, check_rate
from shop.pricing.actions import set_prices
from shop.pricing.models import SkuPrice
from shop.pricing.queries import prices_of
from shop.pricing.rules import Prices, band, check_prices
from shop.stock.actions import take_count
from shop.suppliers.models import Supplier

PROBLEMS_MAX = 500
UNSORTED = "unsorted"
STOCK_SOURCE = "import"

_DRAFT_COLUMNS = {
    "category": "category",
    "code": "sku",
    "option_names": "option1_name",
    "option_values": "option1_value",
}
_PRICE_COLUMNS = {
    "supply_fen": "supply",
    "retail_fen": "price",
    "floor_fen": "floor",
    "ceiling_fen": "ceiling",
    "compare_at_fen": "compare_at",
}


@dataclass(frozen=True)
class ImportReport:
    """What an import did, or (a dry run) would do. Counts are products; with problems nothing was written.

    ``notes`` are things it went on without; ``skus`` and ``pictures`` are how many the file names,
    ``published`` how many products came on sale.
    """

    rows: int
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    problems: tuple[RowProblem, ...] = ()
    notes: tuple[RowProblem, ...] = ()
    skus: int = 0
    pictures: int = 0
    published: int = 0


def import_catalogue(
    *,
    supplier: Supplier,
    source: BinaryIO,
    filename: str = "",
    currency_rate: Decimal | None = None,
    supply_rate_bp: int = SUPPLY_RATE_BP,
    category_code: str = "",
    publish: bool = False,
    dry_run: bool = False,
    actor: str = "system",
    now: datetime,
) -> ImportReport:
    """Bring in a Shopify product CSV or our own form as CSV or XLSX (docs/catalogue-import.md).

    All rows or, when one is wrong, none; the same file again changes nothing. ``currency_rate`` is
    how many yuan one unit of the file's currency is worth. Where the file names no supply price a
    new SKU gets ``supply_rate_bp`` basis points of its retail price. Products without a known
    category go to ``category_code``, else to a shelf for other goods. ``publish`` puts what the
    file calls published on sale at once, without a review: only the platform may ask for it.
    Raises ``Invalid`` when the file or an option cannot be used at all, ``NotFound`` for the category.
    """
    rate = check_rate(Decimal(1) if currency_rate is None else currency_rate)
    if not 0 <= supply_rate_bp <= 10_000:
        raise Invalid(_("A share is between 0 and 10000 basis points."), field="supply_rate_bp")
    sheet = read_sheet(source)
    parsed = parse(sheet, categories=_category_names(), rate=rate)
    if publish and suppliers_without_default([supplier.pk]):
        raise Invalid(_("Give the supplier a freight template first: nothing could be delivered."), field="publish")
    report = ImportReport(rows=len(sheet.rows), problems=_first(parsed.problems), notes=tuple(parsed.notes))
    if parsed.problems:
        return report
    with transaction.atomic():
        default = category_by_code(category_code) if category_code else _unsorted()
        loaded, wrong = load_products(
            supplier=supplier,
            drafts=[goods.draft for goods in parsed.goods],
            default_category=default,
            actor=actor,
            at=now,
        )
        problems = [_row_problem(one, parsed) for one in wrong]
        if not problems:
            problems = _price_and_count(parsed, loaded, supply_rate_bp=supply_rate_bp, at=now)
        published = 0
        if publish and not problems:
            published = _publish(parsed.goods, loaded, actor=actor, at=now)
        if problems or dry_run:
            transaction.set_rollback(True)
    return _report(report, parsed, loaded, problems, published)


def _report(
    report: ImportReport,
    parsed: Parsed,
    loaded: Sequence[Loaded],
    problems: Sequence[RowProblem],
    published: int,
) -> ImportReport:
    if problems:
        return ImportReport(rows=report.rows, problems=_first(problems), notes=report.notes)
    outcomes = [one.outcome for one in loaded]
    return ImportReport(
        rows=report.rows,
        created=outcomes.count(CREATED),
        updated=outcomes.count(UPDATED),
        unchanged=outcomes.count(UNCHANGED),
        notes=(*report.notes, *_missing(parsed.goods, loaded)),
        skus=sum(len(goods.lines) for goods in parsed.goods),
        pictures=sum(len(goods.draft.images) for goods in parsed.goods),
        published=published,
    )


def _price_and_count(
    parsed: Parsed, loaded: Sequence[Loaded], *, supply_rate_bp: int, at: datetime
) -> list[RowProblem]:
    """Set prices and stock of all SKUs; a product they change counts as updated."""
    pairs = [
        (one, sku, line, what.names_compare_at)
        for what, one in zip(parsed.goods, loaded, strict=True)
        for sku, line in zip(one.skus, what.lines, strict=True)
    ]
    known = prices_of(sku.pk for _one, sku, _line, _names in pairs)
    prices: dict[int, Prices] = {}
    problems: list[RowProblem] = []
    for _one, sku, line, names_compare_at in pairs:
        wanted = _prices(line, known.get(sku.pk), supply_rate_bp, names_compare_at)
        try:
            prices[sku.pk] = check_prices(wanted)
        except Invalid as error:
            column = parsed.heading(_PRICE_COLUMNS[error.field or "retail_fen"])
            problems.append(RowProblem(line.row, column, str(error)))
    if problems:
        return problems
    changed = set_prices(prices=prices)
    counts = {sku.pk: line.stock for _one, sku, line, _names in pairs if line.stock is not None}
    changed |= take_count(counts=counts, source=STOCK_SOURCE, at=at)
    for one in loaded:
        if one.outcome == UNCHANGED and any(sku.pk in changed for sku in one.skus):
            one.outcome = UPDATED
    return []


def _prices(line: SkuLine, known: SkuPrice | None, supply_rate_bp: int, names_compare_at: bool) -> Prices:
    """What the file does not name stays as it is where it still fits, else it is the usual share and band."""
    retail_fen = line.retail_fen
    supply_fen = line.supply_fen
    if supply_fen is None and known is not None and known.supply_fen <= retail_fen:
        supply_fen = known.supply_fen
    if supply_fen is None:
        supply_fen = share_bp(retail_fen, supply_rate_bp)
    floor_fen, ceiling_fen = band(supply_fen=supply_fen, retail_fen=retail_fen)
    if known is not None and supply_fen <= known.floor_fen <= retail_fen <= known.ceiling_fen:
        floor_fen, ceiling_fen = known.floor_fen, known.ceiling_fen
    compare_at_fen = line.compare_at_fen
    if not names_compare_at and known is not None:
        compare_at_fen = known.compare_at_fen
    return Prices(
        supply_fen=supply_fen,
        retail_fen=retail_fen,
        floor_fen=floor_fen if line.floor_fen is None else line.floor_fen,
        ceiling_fen=ceiling_fen if line.ceiling_fen is None else line.ceiling_fen,
        compare_at_fen=compare_at_fen,
    )


def _publish(goods: Sequence[Goods], loaded: Sequence[Loaded], *, actor: str, at: datetime) -> int:
    """Put on sale what the file calls published and what is not on sale yet; what was taken off stays off."""
    fresh = {ProductState.DRAFT, ProductState.IN_REVIEW}
    wanted = [one.product.pk for what, one in zip(goods, loaded, strict=True) if what.is_published]
    products = Product.objects.filter(pk__in=wanted, state__in=fresh).select_related("supplier").order_by("pk")
    count = 0
    for product in products:
        if product.state == ProductState.DRAFT:
            submit_for_review(product=product, actor=actor, at=at)
        approve_product(product=product, actor=actor, at=at)
        count += 1
    return count


def _missing(goods: Sequence[Goods], loaded: Sequence[Loaded]) -> list[RowProblem]:
    notes: list[RowProblem] = []
    for what, one in zip(goods, loaded, strict=True):
        for sku in one.missing:
            if sku.is_active:
                message = _("“%(sku)s” is not in the file and stays as it is. Take it off sale yourself if it is gone.")
                notes.append(RowProblem(what.row, "", message % {"sku": str(sku)}))
    return notes


def _category_names() -> dict[str, str]:
    """Return the code of each category by every name it goes by; a code goes before a name."""
    codes: dict[str, str] = {}
    rows = list(Category.objects.order_by("level", "position", "pk").values_list("code", "name", "name_en"))
    for code, *names in rows:
        for name in names:
            if name:
                codes.setdefault(name.casefold(), code)
    return codes | {code: code for code, _name, _english in rows}


def _unsorted() -> Category:
    category, _is_new = Category.objects.get_or_create(
        code=UNSORTED, defaults={"name": "其他商品", "name_en": "Other goods", "position": 999}
    )
    return category


def _row_problem(problem: DraftProblem, parsed: Parsed) -> RowProblem:
    goods = parsed.goods[problem.draft]
    row = goods.row if problem.sku is None else goods.lines[problem.sku].row
    column = _DRAFT_COLUMNS.get(problem.field, problem.field)
    return RowProblem(row, parsed.heading(column), problem.message)


def _first(problems: Sequence[RowProblem]) -> tuple[RowProblem, ...]:
    return tuple(sorted(problems, key=lambda problem: problem.row)[:PROBLEMS_MAX])
