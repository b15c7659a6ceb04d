"""From rows of text to products, prices and stock to be. Touches no database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from django.utils.translation import gettext as _

from shop.base.errors import Invalid
from shop.base.sheets import RowProblem
from shop.catalogue.rules import IMAGES_MAX, KEYWORDS_LENGTH_MAX, ImageDraft, ProductDraft, SkuDraft, check_draft
from shop.imports.reading import Row, Sheet
from shop.imports.rules import COLUMNS, SHOPIFY_MARKS, fen_of, grams_of, image_address, pieces_of

T = TypeVar("T")

# A product without options, as Shopify writes it.
_NO_OPTION = ("title", "default title")
_NEEDED = ("handle", "title", "price")
# Which column a field of the catalogue comes from.
_FIELD_COLUMNS = {
    "description_html": "description",
    "keywords": "keywords",
    "option_names": "option1_name",
    "option_values": "option1_value",
    "code": "sku",
    "weight_g": "weight",
    "skus": "handle",
    "images": "image",
}


@dataclass(slots=True)
class SkuLine:
    """What one row says of a SKU. Prices in fen; None: the file does not say."""

    row: int
    draft: SkuDraft
    retail_fen: int
    supply_fen: int | None
    floor_fen: int | None
    ceiling_fen: int | None
    compare_at_fen: int | None
    stock: int | None


@dataclass(slots=True)
class Goods:
    """What the rows of one handle say."""

    row: int
    draft: ProductDraft
    lines: list[SkuLine]
    is_published: bool
    names_compare_at: bool


@dataclass
class Parsed:
    """What a file says, what is wrong with it, and what was left out of it on purpose."""

    goods: list[Goods] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    notes: list[RowProblem] = field(default_factory=list)
    headings: dict[str, str] = field(default_factory=dict)

    def heading(self, column: str) -> str:
        """Return what the file calls one of our columns; our own word where it has none."""
        return self.headings.get(column, column)


def parse(sheet: Sheet, *, categories: Mapping[str, str], rate: Decimal) -> Parsed:
    """Return what a sheet says. ``categories`` are codes by every name a shelf goes by, in lower case.

    Raises ``Invalid`` (field ``file``) when a column is missing that nothing works without.
    """
    return _Parser(sheet, categories, rate).run()


class _Parser:
    def __init__(self, sheet: Sheet, categories: Mapping[str, str], rate: Decimal) -> None:
        self.sheet, self.categories, self.rate = sheet, categories, rate
        self.is_shopify = not SHOPIFY_MARKS.isdisjoint(sheet.headings)
        self.columns = {
            column: next((name for name in names if name in sheet.headings), "") for column, names in COLUMNS.items()
        }
        headings = {column: sheet.headings[name] for column, name in self.columns.items() if name}
        self.out = Parsed(problems=list(sheet.problems), headings=headings)
        # One refusal per cell is enough.
        self.told = {(problem.row, problem.column) for problem in sheet.problems}
        self.codes: dict[str, int] = {}

    def run(self) -> Parsed:
        for column in _NEEDED:
            if not self.columns[column]:
                raise Invalid(
                    _("The column “%(name)s” is missing. See docs/catalogue-import.md.")
                    % {"name": COLUMNS[column][0] if self.is_shopify else COLUMNS[column][-2]},
                    field="file",
                )
        groups: dict[str, list[Row]] = {}
        for row in self.sheet.rows:
            handle = self.text(row, "handle")
            if handle:
                groups.setdefault(handle, []).append(row)
            else:
                self.wrong(row, "handle", _("The handle is missing: it tells which product the row is of."))
        if not groups and not self.out.problems:
            raise Invalid(_("The file names no product."), field="file")
        for handle, rows in groups.items():
            self.product(handle, rows)
        return self.out

    def product(self, handle: str, rows: list[Row]) -> None:
        first = rows[0]
        found_before = len(self.out.problems)
        title = self.text(first, "title")
        if not title:
            self.wrong(first, "title", _("The first row of a product needs its title."))
        for row in rows[1:]:
            if self.text(row, "title") not in ("", title):
                self.wrong(row, "title", _("Another title for the same handle. Give it its own handle."))
        if self.text(first, "gift_card").casefold() == "true":
            self.wrong(first, "gift_card", _("Gift cards are not sold here. Remove the product's rows."))
        names, axes = self.axes(first)
        sellable = [row for row in rows if row is first or self.is_sku(row)]
        lines = [line for row in sellable if (line := self.sku(row, axes)) is not None]
        images = self.images(rows)
        category = self.category(first)
        if len(self.out.problems) > found_before:
            return
        draft = ProductDraft(
            handle=handle,
            title=title,
            subtitle=self.known(first, "subtitle"),
            description_html=self.known(first, "description"),
            keywords=self.keywords(first),
            category_code=category,
            option_names=names,
            skus=tuple(line.draft for line in lines),
            images=images,
        )
        try:
            checked = check_draft(draft)
        except Invalid as error:
            column = _FIELD_COLUMNS.get(error.field or "", error.field or "handle")
            self.wrong(first, column, str(error))
            return
        for line, sku in zip(lines, checked.skus, strict=True):
            line.draft = sku
        self.out.goods.append(
            Goods(first.number, checked, lines, self.is_published(first), bool(self.columns["compare_at"]))
        )

    def axes(self, first: Row) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Return the names of the product's options and which of the three columns they stand in."""
        places = [n for n in (1, 2, 3) if self.text(first, f"option{n}_name")]
        names = tuple(self.text(first, f"option{n}_name") for n in places)
        value = self.text(first, "option1_value").casefold()
        if len(names) == 1 and (names[0].casefold(), value) == _NO_OPTION:
            return (), ()
        return names, tuple(places)

    def is_sku(self, row: Row) -> bool:
        """A later row without any of these only adds a picture."""
        return any(self.text(row, c) for c in ("option1_value", "option2_value", "option3_value", "price", "sku"))

    def sku(self, row: Row, axes: tuple[int, ...]) -> SkuLine | None:
        code = self.text(row, "sku")
        if code and code in self.codes:
            message = _("Row %(row)d has this SKU code already. Each SKU needs its own.")
            self.wrong(row, "sku", message % {"row": self.codes[code]})
        elif code:
            self.codes[code] = row.number
        values = tuple(self.text(row, f"option{n}_value") for n in axes)
        for n, value in zip(axes, values, strict=True):
            if not value:
                self.wrong(row, f"option{n}_value", _("The value of this option is missing."))
        price = self.text(row, "price")
        if not price:
            self.wrong(row, "price", _("The price is missing. Fill it in, or remove the row."))
        retail_fen = self.fen(row, "price")
        if retail_fen == 0:
            self.wrong(row, "price", _("The price must be above zero."))
        if retail_fen is None:
            return None
        return SkuLine(
            row=row.number,
            draft=SkuDraft(values, code, self.weight_g(row), self.known(row, "barcode")),
            retail_fen=retail_fen,
            supply_fen=self.fen(row, "supply"),
            floor_fen=self.fen(row, "floor"),
            ceiling_fen=self.fen(row, "ceiling"),
            # Shopify writes 0 where nothing is to be struck through.
            compare_at_fen=self.fen(row, "compare_at") or None,
            stock=self.stock(row),
        )

    def stock(self, row: Row) -> int | None:
        pieces = self.read(row, "stock", pieces_of)
        if pieces is not None and pieces < 0:
            self.note(row, "stock", _("Taken as 0: less than nothing cannot be on the shelf."))
            return 0
        return pieces

    def weight_g(self, row: Row) -> int | None:
        if self.text(row, "grams"):
            return self.read(row, "grams", lambda text: grams_of(text, "g"))
        return self.read(row, "weight", lambda text: grams_of(text, self.text(row, "weight_unit")))

    def images(self, rows: list[Row]) -> tuple[ImageDraft, ...]:
        found: list[tuple[int, int, ImageDraft]] = []
        for row in rows:
            position = self.read(row, "image_position", pieces_of)
            alt = " ".join(self.text(row, "image_alt").split())[:120]
            for address in self.text(row, "image").split():
                checked = self.value(row, "image", address, image_address)
                if checked is not None:
                    found.append((10**6 if position is None else position, len(found), ImageDraft(checked, alt)))
        ordered = {image.source_url: image for _position, _place, image in sorted(found, key=lambda one: one[:2])}
        if len(ordered) > IMAGES_MAX:
            self.note(rows[0], "image", _("Only the first %(max)d pictures are taken.") % {"max": IMAGES_MAX})
        return tuple(list(ordered.values())[:IMAGES_MAX])

    def category(self, first: Row) -> str | None:
        name = self.text(first, "category") or (self.text(first, "type") if self.is_shopify else "")
        code = self.categories.get(name.casefold())
        if name and code is None and not self.is_shopify:
            message = _("There is no category “%(name)s”. Write its code, or leave the cell empty.")
            self.wrong(first, "category", message % {"name": name[:40]})
        return code

    def keywords(self, first: Row) -> str | None:
        if not self.columns["keywords"] and not self.is_shopify:
            return None
        words = self.text(first, "keywords").replace("，", ",").split(",")
        if self.is_shopify:
            words += [self.text(first, "type"), self.text(first, "vendor")]
        kept: list[str] = []
        for word in dict.fromkeys(" ".join(word.split()) for word in words):
            if word and len(", ".join([*kept, word])) <= KEYWORDS_LENGTH_MAX:
                kept.append(word)
        return ", ".join(kept)

    def is_published(self, first: Row) -> bool:
        status = self.text(first, "status").casefold()
        return self.text(first, "published").casefold() != "false" and status in ("", "active")

    def text(self, row: Row, column: str) -> str:
        return row.cells.get(self.columns[column], "")

    def known(self, row: Row, column: str) -> str | None:
        """None where the file has no such column: what there is stays."""
        return self.text(row, column) if self.columns[column] else None

    def fen(self, row: Row, column: str) -> int | None:
        return self.read(row, column, lambda text: fen_of(text, rate=self.rate))

    def read(self, row: Row, column: str, reader: Callable[[str], T]) -> T | None:
        text = self.text(row, column)
        return self.value(row, column, text, reader) if text else None

    def value(self, row: Row, column: str, text: str, reader: Callable[[str], T]) -> T | None:
        try:
            return reader(text)
        except Invalid as error:
            self.wrong(row, column, str(error))
            return None

    def wrong(self, row: Row, column: str, message: str) -> None:
        cell = (row.number, self.out.heading(column))
        if cell not in self.told:
            self.told.add(cell)
            self.out.problems.append(RowProblem(*cell, message))

    def note(self, row: Row, column: str, message: str) -> None:
        self.out.notes.append(RowProblem(row.number, self.out.heading(column), message))
