"""Posters: a picture to keep, print or send, with a code that leads to a link or a page.

Drawn by the worker, kept in the storage under a name made from everything that stands on it: whatever
changes (a price, a title, a picture, the look) gives another name, so an old poster is never handed out.
"""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import F, Min
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from distributors.links.models import ShareLink
from distributors.links.poster_facts import LOOK, PosterFacts
from distributors.links.queries import link_by_token
from distributors.stores import queries as stores
from distributors.stores.models import Store
from shop.base.errors import NotFound
from shop.base.late import Late
from shop.base.money import format_yuan
from shop.catalogue import queries as catalogue
from shop.catalogue.models import Product, ProductImage, Sku
from shop.work.actions import remember

if TYPE_CHECKING:
    from distributors.links import drawing
else:
    drawing = Late("distributors.links.drawing")

WORK = "poster.draw"
_LANGUAGES = frozenset(code for code, _name in settings.LANGUAGES)
_PICTURES_OF_STORE = 4


@dataclass(frozen=True, slots=True)
class Spot:
    """What a poster leads to: a share link, or a page that anybody may send on (of a product, a store, the shop)."""

    token: str = ""
    product: str = ""
    store: str = ""

    def subject(self, language: str) -> str:
        """Return how due work names it."""
        return f"{language}|{self.token}|{self.product}|{self.store}"


def link_spot(link: ShareLink) -> Spot:
    """Return the spot of a share link."""
    return Spot(token=link.token)


def page_spot(*, product: str = "", store: str = "") -> Spot:
    """Return the spot of a product's page (in a store, if one is named) or of a store's page."""
    return Spot(product=product, store=store)


@dataclass(frozen=True, slots=True)
class _Content:
    """What stands on a poster, pictures by the names of their files; and where it is kept."""

    facts: PosterFacts
    portrait: str
    pictures: tuple[str, ...]
    folder: str

    @property
    def name(self) -> str:
        text = "\x1f".join((LOOK, repr(self.facts), self.portrait, *self.pictures))
        return f"{self.folder}/{hashlib.sha256(text.encode()).hexdigest()[:24]}.jpg"


def poster_url(spot: Spot, *, language: str) -> str:
    """Return the address of the present poster, "" while it is not drawn. Raises ``NotFound`` for a spot
    that leads nowhere (any more).
    """
    name = _content(spot, language).name
    return default_storage.url(name) if default_storage.exists(name) else ""


def ask_for_poster(spot: Spot, *, language: str, now: datetime) -> str:
    """Return the poster's address, or have it drawn and return "". Asking twice is asking once."""
    found = poster_url(spot, language=language)
    if not found:
        remember(what=WORK, subject=spot.subject(language), due_at=now)
    return found


def draw_poster(*, subject: str) -> str:
    """Draw what was asked for and keep it, in place of earlier ones; return its name.

    Twice is once. A spot that leads nowhere by now gives nothing.
    """
    language, token, product, store = subject.split("|")
    try:
        content = _content(Spot(token=token, product=product, store=store), language)
    except NotFound:
        return ""
    name = content.name
    if default_storage.exists(name):
        return name
    pictures = [data for one in content.pictures if (data := _read(one))]
    facts = replace(content.facts, portrait=_read(content.portrait), pictures=pictures)
    stored = default_storage.save(name, ContentFile(drawing.draw(facts)))
    _remove_others(content.folder, keep=stored)
    return stored


def _remove_others(folder: str, *, keep: str) -> None:
    with suppress(FileNotFoundError):
        _folders, files = default_storage.listdir(folder)
        for one in files:
            if f"{folder}/{one}" != keep:
                default_storage.delete(f"{folder}/{one}")


def _read(name: str) -> bytes:
    if not name:
        return b""
    try:
        with default_storage.open(name) as file:
            return bytes(file.read())
    except OSError:
        # A picture that is gone must not keep the poster from being drawn.
        return b""


# --- what stands on it ---------------------------------------------------------------------------------------------


def _content(spot: Spot, language: str) -> _Content:
    if language not in _LANGUAGES:
        raise NotFound(_("There is no poster in this language."), field="language")
    product, store, path = _place(spot)
    folder = f"posters/{language}/{spot.token or '-'.join(filter(None, (spot.store, spot.product))) or 'shop'}"
    with translation.override(language):
        if product is not None:
            return _of_product(product, store, path, folder)
        return _of_store(store, path, folder) if store is not None else _of_shop(path, folder)


def _place(spot: Spot) -> tuple[Product | None, Store | None, str]:
    if spot.token:
        link = link_by_token(spot.token)
        if link is None:
            raise NotFound(_("This link leads nowhere any more."), field="token")
        product = catalogue.product_for_sale(link.product.number) if link.product else None
        return product, link.store, reverse("share", args=[link.token])
    store = stores.store_by_code(spot.store) if spot.store else None
    if spot.product:
        product = catalogue.product_for_sale(spot.product)
        path = (
            reverse("store-product", args=[store.code, product.number])
            if store
            else reverse("product", args=[product.number])
        )
        return product, store, path
    return None, store, reverse("store", args=[store.code]) if store else reverse("home")


def _of_product(product: Product, store: Store | None, path: str, folder: str) -> _Content:
    listing = stores.listings_of(store).filter(product=product).first() if store else None
    price_fen, was_fen = _prices(product, store)
    line = (listing.reason if listing else "") or (store.announcement if store else "")
    return _Content(
        facts=_facts(
            path,
            store,
            title=(listing.title if listing else "") or product.title,
            subtitle=product.subtitle,
            price=format_yuan(price_fen),
            was=f"¥{format_yuan(was_fen)}" if was_fen and was_fen > price_fen else "",
            store_line=line or product.supplier.name,
        ),
        portrait=_portrait(store),
        pictures=_files([product.pk], 1),
        folder=folder,
    )


def _of_store(store: Store, path: str, folder: str) -> _Content:
    picks = list(stores.listings_of(store).values_list("product_id", flat=True)[:_PICTURES_OF_STORE])
    return _Content(
        facts=_facts(
            path,
            store,
            title=store.announcement or _("Good things I chose for my neighbours"),
            subtitle=_("Sent straight from those who make them"),
        ),
        portrait=_portrait(store),
        pictures=_files(picks, _PICTURES_OF_STORE),
        folder=folder,
    )


def _of_shop(path: str, folder: str) -> _Content:
    newest = catalogue.on_sale_products().order_by("-pk").values_list("pk", flat=True)[:_PICTURES_OF_STORE]
    return _Content(
        facts=_facts(
            path,
            None,
            title=_("Good things your neighbours chose, sent straight from those who make them."),
        ),
        portrait="",
        pictures=_files(newest, _PICTURES_OF_STORE),
        folder=folder,
    )


def _facts(
    path: str,
    store: Store | None,
    *,
    title: str,
    subtitle: str = "",
    price: str = "",
    was: str = "",
    store_line: str = "",
) -> PosterFacts:
    return PosterFacts(
        url=settings.LINJIA_PUBLIC_URL.rstrip("/") + path,
        title=title,
        subtitle=subtitle,
        price=price,
        was=was,
        store_name=store.name if store else "",
        store_line=store_line,
        scan=_("Scan to see it"),
        shop=_("Linjia"),
    )


def _portrait(store: Store | None) -> str:
    return store.portrait.name or "" if store and store.portrait else ""


def _files(product_ids: Iterable[int], most: int) -> tuple[str, ...]:
    """Return the first pictures of these products, in their order."""
    ids = list(product_ids)
    rows = (
        ProductImage.objects.filter(product_id__in=ids)
        .exclude(file="")
        .order_by("product_id", "position", "pk")
        .distinct("product_id")
    )
    names = {row.product_id: row.file.name or "" for row in rows}
    return tuple(names[one] for one in ids if one in names)[:most]


def _prices(product: Product, store: Store | None) -> tuple[int, int | None]:
    """Return the lowest price here and what the cheapest article was sold for before, in fen."""
    skus = Sku.objects.filter(product=product, is_active=True, price__isnull=False)
    rows = list(skus.values_list("pk", "price__retail_fen"))
    own = stores.own_prices(store.pk, [pk for pk, _fen in rows]) if store else {}
    lowest = min((own.get(pk, fen) for pk, fen in rows), default=product.min_retail_fen)
    was = skus.filter(price__compare_at_fen__gt=F("price__retail_fen")).aggregate(was=Min("price__compare_at_fen"))
    return lowest, was["was"]
