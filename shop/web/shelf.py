"""What product lists and product pages show: plain facts for templates, put together in a fixed number of statements.

A store's page (one floor up) shows the same goods with its own words and prices; it passes them in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.core.files.storage import default_storage
from django.db.models import Model, QuerySet
from django.urls import reverse
from django.utils.translation import get_language

from shop.catalogue import queries as catalogue
from shop.catalogue.listing import Listed
from shop.catalogue.models import Category, Product, ProductImage, Sku
from shop.catalogue.queries import CategoryNode
from shop.catalogue.rules import picture_of_options
from shop.media.rules import Photo, small_name

M = TypeVar("M", bound=Model)

PAGE_SIZE = 24
NO_PICTURE = Photo("", "", 800, 800)

# Icons of categories that name none, and the only icons a category may name (see frontend/icons.txt).
DEFAULT_CATEGORY_ICON = "shopping-basket"


@dataclass(frozen=True)
class Card:
    """A product in a list. Prices in fen; ``picture`` may be empty."""

    number: str
    title: str
    subtitle: str
    picture: str
    picture_large: str
    price_fen: int
    was_fen: int | None
    sold: int
    url: str
    reason: str = ""
    chips: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pick:
    """One value of one option: where choosing it leads. ``is_gone``: the SKU there is sold out.

    ``instead`` are the other options that choosing it changes, because there is no SKU with what is chosen now.
    """

    label: str
    url: str
    is_chosen: bool
    is_gone: bool
    instead: str = ""


@dataclass(frozen=True)
class Axis:
    """One option of a product and its values."""

    name: str
    picks: tuple[Pick, ...]


@dataclass(frozen=True)
class Choice:
    """The SKU a product page stands at. ``available`` pieces; prices in fen."""

    sku: Sku | None
    price_fen: int
    was_fen: int | None
    available: int
    axes: tuple[Axis, ...] = field(default=())

    @property
    def saved_fen(self) -> int:
        """What is saved against the struck-through price; 0 without one."""
        return max(0, (self.was_fen or 0) - self.price_fen)


@dataclass(frozen=True)
class Shelf:
    """A category as pages show it."""

    code: str
    label: str
    icon_name: str
    below: tuple["Shelf", ...] = ()
    pk: int = 0


def picture_of(image: ProductImage | None) -> Photo:
    """Return a product's picture; one without addresses when there is none."""
    if image is None or not image.file:
        return NO_PICTURE
    return Photo(image.file.url, stored_picture(image.file.name), image.width, image.height, image.alt)


def photo_of(facts: Mapping[str, Any] | None) -> Photo:
    """Return a picture by the facts of ``Product.cover``."""
    if not facts:
        return NO_PICTURE
    url, small = default_storage.url(facts["file"]), stored_picture(facts["file"])
    return Photo(url, small, facts["width"], facts["height"], facts["alt"])


def stored_picture(name: str | None) -> str:
    """Return the address of the small rendition of a stored picture, "" for none."""
    return default_storage.url(small_name(name)) if name else ""


def first_pictures(product_ids: Sequence[int]) -> dict[int, Photo]:
    """Return each product's first picture, in one statement."""
    rows = (
        ProductImage.objects.filter(product_id__in=product_ids)
        .exclude(file="")
        .order_by("product_id", "position", "pk")
        .distinct("product_id")
    )
    return {image.product_id: picture_of(image) for image in rows}


def cards(
    products: Sequence[Product | Listed],
    *,
    urls: Mapping[int, str] | None = None,
    titles: Mapping[int, str] | None = None,
    reasons: Mapping[int, str] | None = None,
    prices_fen: Mapping[int, int] | None = None,
) -> list[Card]:
    """Return the cards of these products in their order; everything on them stands in the products' rows.

    The mappings are by product id: addresses, titles, reasons and prices that a store sets itself.
    """
    return [
        Card(
            number=product.number,
            title=(titles or {}).get(product.pk) or product.title,
            subtitle=product.subtitle,
            picture=photo_of(product.cover).small,
            picture_large=photo_of(product.cover).url,
            price_fen=(prices_fen or {}).get(product.pk, product.min_retail_fen),
            was_fen=product.compare_at_fen,
            sold=product.sold_count,
            url=(urls or {}).get(product.pk) or reverse("product", args=[product.number]),
            reason=(reasons or {}).get(product.pk, ""),
        )
        for product in products
    ]


def stretch(rows: QuerySet[M], after: str, size: int = PAGE_SIZE) -> tuple[list[M], str]:
    """Return one stretch of rows, newest first, and the position of the next one ("" at the end).

    ``after`` is a position an earlier call returned; nonsense starts at the beginning. Keyset
    paging: the last page costs what the first one does.
    """
    if after.isdigit() and len(after) < 19:
        rows = rows.filter(pk__lt=int(after))
    found = list(rows.order_by("-pk")[: size + 1])
    position = str(found[size - 1].pk) if len(found) > size else ""
    return found[:size], position


def shelf(category: Category, below: Sequence[CategoryNode] = ()) -> Shelf:
    """Return a category under its name in the reader's language, with the shelves below it."""
    english = (get_language() or "").startswith("en")
    return Shelf(
        code=category.code,
        label=(category.name_en or category.name) if english else category.name,
        icon_name=category.icon or DEFAULT_CATEGORY_ICON,
        below=tuple(shelf(node.category, node.below) for node in below),
        pk=category.pk,
    )


def top_shelves() -> list[Shelf]:
    """Return all categories as a tree under their names. One statement."""
    return [shelf(node.category, node.below) for node in catalogue.category_tree()]


def way_to(code: str) -> tuple[Category, list[Shelf]]:
    """Return a category and the way down to it; the last step has the shelves below it.

    One statement. Raises ``NotFound``.
    """
    todo: list[tuple[CategoryNode, list[Shelf]]] = [(node, []) for node in catalogue.category_tree()]
    while todo:
        node, above = todo.pop()
        way = [*above, shelf(node.category, node.below)]
        if node.category.code == code:
            return node.category, way
        todo += [(below, way) for below in node.below]
    return catalogue.category_by_code(code), []


def trail_of(category: Category) -> list[Shelf]:
    """Return the way from the top shelf down to this one."""
    trail = [category]
    while trail[0].parent is not None and len(trail) < 3:
        trail.insert(0, trail[0].parent)
    return [shelf(one) for one in trail]


def pictures_of(product: Product) -> list[Photo]:
    """Return the pictures of a product of ``product_for_sale``, in their order."""
    facts: list[dict[str, Any]] = product.shown_pictures  # type: ignore[attr-defined]
    return [photo_of(one) for one in facts]


def picture_of_choice(pictures: Sequence[Photo], choice: Choice) -> Photo | None:
    """Return the picture whose description names what is chosen; None when none does."""
    if choice.sku is None:
        return None
    axes = [[pick.label for pick in axis.picks] for axis in choice.axes]
    at = picture_of_options([picture.alt for picture in pictures], axes, choice.sku.option_values)
    return None if at is None else pictures[at]


def choose(product: Product, *, wanted: str, page_url: str, own_prices_fen: Mapping[int, int] | None = None) -> Choice:
    """Return the SKU a product page stands at, and where each option leads.

    ``wanted`` is a SKU number from the address; an unknown or empty one gives the first SKU with
    stock. ``own_prices_fen`` are a store's own prices by SKU id. One statement.
    """
    skus = list(product.skus.filter(is_active=True, price__isnull=False).select_related("price", "stock"))
    if not skus:
        return Choice(None, product.min_retail_fen, None, 0)
    left = {sku.pk: sku.stock.on_hand if hasattr(sku, "stock") else 0 for sku in skus}
    asked = next((sku for sku in skus if sku.number == wanted), None)
    chosen = asked or next((sku for sku in skus if left.get(sku.pk, 0) > 0), skus[0])
    prices = {sku.pk: (own_prices_fen or {}).get(sku.pk, sku.price.retail_fen) for sku in skus}
    compare = chosen.price.compare_at_fen
    return Choice(
        sku=chosen,
        price_fen=prices[chosen.pk],
        was_fen=compare if compare and compare > prices[chosen.pk] else None,
        available=left.get(chosen.pk, 0),
        axes=tuple(_axis(name, index, skus, chosen, left, page_url) for index, name in enumerate(product.option_names)),
    )


def _axis(name: str, index: int, skus: Sequence[Sku], chosen: Sku, left: Mapping[int, int], page_url: str) -> Axis:
    values = list(dict.fromkeys(sku.option_values[index] for sku in skus if index < len(sku.option_values)))
    return Axis(name, tuple(_pick(value, index, skus, chosen, left, page_url) for value in values))


def _pick(value: str, index: int, skus: Sequence[Sku], chosen: Sku, left: Mapping[int, int], page_url: str) -> Pick:
    """Choosing a value keeps as many of the other options as there is a SKU for, one in stock first."""

    def closeness(sku: Sku) -> tuple[int, bool]:
        same = sum(
            mine == hers
            for place, (mine, hers) in enumerate(zip(sku.option_values, chosen.option_values, strict=False))
            if place != index
        )
        return same, left.get(sku.pk, 0) > 0

    having = [sku for sku in skus if index < len(sku.option_values) and sku.option_values[index] == value]
    best = max(having, key=closeness)
    instead = [
        hers
        for place, (mine, hers) in enumerate(zip(chosen.option_values, best.option_values, strict=False))
        if place != index and mine != hers
    ]
    joint = "&" if "?" in page_url else "?"
    return Pick(
        label=value,
        url=f"{page_url}{joint}sku={best.number}",
        is_chosen=index < len(chosen.option_values) and chosen.option_values[index] == value,
        is_gone=left.get(best.pk, 0) <= 0,
        instead=" / ".join(instead),
    )
