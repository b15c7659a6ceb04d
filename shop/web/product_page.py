"""The contexts of product lists and product pages, shared with the stores' pages one floor up."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from shop.accounts.queries import addresses_of
from shop.base.errors import NotFound
from shop.base.money import format_yuan
from shop.catalogue.listing import ORDERS, Wish, products_on_sale
from shop.catalogue.models import Product
from shop.freight import queries as freight
from shop.freight.queries import Parcel, ParcelItem
from shop.regions import queries as regions
from shop.regions.rules import is_code
from shop.web import shelf
from shop.web.access import is_part
from shop.web.structured import data_block, product_facts, trail_facts

OTHERS = 4
PLACE_COOKIE = "linjia_place"
RETURN_DAYS_USUAL = 7


@dataclass(frozen=True)
class Hint:
    """One line of a product page and a smaller one below it."""

    text: str
    note: str = ""
    is_refused: bool = False


@dataclass(frozen=True)
class Place:
    """Where a reader wants goods to go: its code and its names, the province first."""

    code: str
    names: str


def place_of_reader(request: HttpRequest) -> Place | None:
    """Return the place a reader chose, else that of her first address; None where nothing is known."""
    code = request.COOKIES.get(PLACE_COOKIE, "")
    if code and is_code(code):
        with suppress(NotFound):
            return Place(code, regions.names(code))
    address = addresses_of(request.user).first() if request.user.is_authenticated else None
    return Place(address.region_code, address.region_names) if address else None


def more_url(request: HttpRequest, position: str) -> str:
    """Return the address of a list's next stretch, or "" at its end."""
    if not position:
        return ""
    query = request.GET.copy()
    query["after"] = position
    return f"{request.path}?{query.urlencode()}"


def list_context(request: HttpRequest, wish: Wish, order: Sequence[str] = ORDERS["newest"]) -> dict[str, Any]:
    """Return the cards of one stretch of products in this order, and where the next one is. One statement."""
    place = place_of(request.GET.get("after", ""), len(order))
    found = products_on_sale(wish, order=order, place=place, limit=shelf.PAGE_SIZE + 1)
    last = found[shelf.PAGE_SIZE - 1] if len(found) > shelf.PAGE_SIZE else None
    position = ".".join(str(getattr(last, name.lstrip("-"))) for name in order) if last else ""
    found = found[: shelf.PAGE_SIZE]
    return {
        "items": shelf.cards(found),
        "more_url": more_url(request, position),
        "end_text": _("That is all for now.") if request.GET.get("after") else "",
    }


def place_of(after: str, fields: int) -> list[int] | None:
    """Return the place in a list that an address names; None for the beginning, and for nonsense."""
    parts = after.split(".")
    if len(parts) != fields or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        return None
    return [int(part) for part in parts]


def product_context(request: HttpRequest, product: Product, choice: shelf.Choice, page_url: str) -> dict[str, Any]:
    """Return what a product page shows to everybody, or only the buying part when htmx asks for it.

    ``page_url`` is the page's own address; below it, at ``delivery/``, is what delivery to the reader costs.
    """
    pictures = shelf.pictures_of(product)
    shown = shelf.picture_of_choice(pictures, choice)
    context: dict[str, Any] = {
        "product": product,
        "choice": choice,
        "shown_picture": shown.url if shown else "",
        "product_url": page_url,
        "store_code": "",
    }
    if is_part(request):
        return context
    if shown and request.GET.get("sku"):
        # Who comes to one SKU sees it first; who moves on from there finds all pictures where they were.
        pictures = [shown, *(picture for picture in pictures if picture is not shown)]
    others = products_on_sale(Wish(category_id=product.category_id, but_id=product.pk), limit=OTHERS)
    return context | {
        "section": "categories",
        "trail": shelf.trail_of(product.category),
        "pictures": pictures,
        "delivery_url": f"{page_url}delivery/",
        "canonical": request.build_absolute_uri(reverse("product", args=[product.number])),
        "share_picture": request.build_absolute_uri(pictures[0].url) if pictures else "",
        "structured": _structured(request, product, choice, [picture.url for picture in pictures]),
        "freight_hint": freight_hint(product, choice, None),
        "dispatch_hint": dispatch_hint(product.supplier.dispatch_hours),
        "return_hint": return_hint(product.category.return_days),
        "supplier_facts": _("Checked by Linjia, sends from its own stock"),
        "others": shelf.cards(others),
    }


def _structured(request: HttpRequest, product: Product, choice: shelf.Choice, pictures: list[str]) -> SafeString:
    """Return the product and the way to it for search engines, under its own clean address."""
    days = product.category.return_days
    whole = request.build_absolute_uri
    url = whole(reverse("product", args=[product.number]))
    trail = [(one.label, whole(reverse("category", args=[one.code]))) for one in shelf.trail_of(product.category)]
    facts = product_facts(
        url=url,
        number=product.number,
        title=product.title,
        description=product.subtitle,
        pictures=[whole(picture) for picture in pictures if picture],
        supplier_name=product.supplier.name,
        price_fen=choice.price_fen,
        is_available=choice.available > 0,
        return_days=RETURN_DAYS_USUAL if days is None else days,
    )
    return data_block(
        [facts, trail_facts([(_("Categories"), whole(reverse("categories"))), *trail, (product.title, url)])]
    )


def delivery_context(request: HttpRequest, product: Product, choice: shelf.Choice, page_url: str) -> dict[str, Any]:
    """Return what delivery of the chosen SKU to the reader's own place costs, and where she chooses another."""
    back = f"{page_url}?sku={choice.sku.number}" if choice.sku else page_url
    return {
        "freight_hint": freight_hint(product, choice, place_of_reader(request)),
        "dispatch_hint": dispatch_hint(product.supplier.dispatch_hours),
        "place_url": f"{reverse('place')}?{urlencode({'next': back})}",
    }


def dispatch_hint(hours: int) -> str:
    """Return within what time of the payment a supplier sends, in hours, from three days on in days."""
    if hours > 72 and hours % 24 == 0:
        return ngettext("Sent within %(days)d day of payment", "Sent within %(days)d days of payment", hours // 24) % {
            "days": hours // 24
        }
    return ngettext("Sent within %(hours)d hour of payment", "Sent within %(hours)d hours of payment", hours) % {
        "hours": hours
    }


def return_hint(days: int | None) -> str:
    """Return what the page says about giving goods back; ``days`` None is the usual seven."""
    if days == 0:
        return _("Fresh or custom-made: cannot be returned without a reason.")
    count = RETURN_DAYS_USUAL if days is None else days
    return ngettext(
        "Return within %(days)d day after arrival, no reason asked.",
        "Return within %(days)d days after arrival, no reason asked.",
        count,
    ) % {"days": count}


def freight_hint(product: Product, choice: shelf.Choice, place: Place | None) -> Hint:
    """Return what one piece costs to deliver: to the reader's own place when it is known."""
    if place is None or choice.sku is None:
        return Hint(
            _("Sent by %(supplier)s") % {"supplier": product.supplier.name},
            _("Choose a place to see what delivery costs."),
        )
    parcel = Parcel(
        supplier_id=product.supplier_id,
        items=[
            ParcelItem(
                product_id=product.pk,
                quantity=1,
                weight_g=choice.sku.weight_g,
                goods_fen=choice.price_fen,
            )
        ],
    )
    quote = freight.freight_for(supplier_parcels=[parcel], region_code=place.code)[product.supplier_id]
    there = {"place": place.names}
    if not quote.is_deliverable:
        return Hint(
            _("Does not deliver to %(place)s") % there,
            _("Choose another place, or look at similar goods below."),
            is_refused=True,
        )
    if quote.fen == 0:
        return Hint(_("Free delivery to %(place)s") % there)
    return Hint(
        _("Delivery to %(place)s: ¥%(yuan)s") % {**there, "yuan": format_yuan(quote.fen)},
        " ".join(str(line) for line in quote.explanation),
    )
