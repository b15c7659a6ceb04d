"""What a shopper sees of a store: its page, its products, and where a share link leads."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_safe

from distributors.links import queries as links
from distributors.links.models import ShareLink
from distributors.stores import queries as stores
from distributors.stores.models import Listing, Store
from distributors.stores.states import DistributorState
from shop.base.errors import NotFound
from shop.catalogue import queries as catalogue
from shop.catalogue.models import Product, Sku
from shop.pages import marks
from shop.pages.promises import same_for_all, short_path
from shop.web import shelf
from shop.web.access import is_part
from shop.web.pieces import render_piece
from shop.web.product_page import delivery_context, more_url, product_context
from shop.web.sitemaps import url_set
from shop.web.structured import data_block, store_facts

PAGE_SIZE = 24
STORES_MAX = 50_000
STORES_ON_HOME, STORES_ON_PAGE = 8, 40


def _stretch(rows: QuerySet[Listing], after: str) -> tuple[list[Listing], str]:
    """Return one stretch of a store's picks in the store's own order, and where the next begins."""
    position, _dash, key = after.partition("-")
    if position.isdigit() and key.isdigit() and len(after) < 32:
        place = int(position)
        rows = rows.filter(Q(position__gt=place) | Q(position=place, pk__lt=int(key)))
    found = list(rows.order_by("position", "-pk")[: PAGE_SIZE + 1])
    if len(found) <= PAGE_SIZE:
        return found, ""
    last = found[PAGE_SIZE - 1]
    return found[:PAGE_SIZE], f"{last.position}-{last.pk}"


def _lowest_prices(store: Store, product_ids: Sequence[int]) -> dict[int, int]:
    """Return the lowest price of each product in this store, in fen. Two statements."""
    rows = list(
        Sku.objects.filter(product_id__in=product_ids, is_active=True, price__isnull=False).values_list(
            "product_id", "pk", "price__retail_fen"
        )
    )
    own = stores.own_prices(store.pk, [sku_id for _product, sku_id, _retail in rows])
    lowest: dict[int, int] = {}
    for product_id, sku_id, retail_fen in rows:
        price_fen = own.get(sku_id, retail_fen)
        lowest[product_id] = min(price_fen, lowest.get(product_id, price_fen))
    return lowest


def _cards(store: Store, listings: Sequence[Listing]) -> list[shelf.Card]:
    products: list[Product] = [listing.product for listing in listings]
    return shelf.cards(
        products,
        urls={one.pk: reverse("store-product", args=[store.code, one.number]) for one in products},
        titles={one.product_id: one.title for one in listings},
        reasons={one.product_id: one.reason for one in listings},
        prices_fen=_lowest_prices(store, [one.pk for one in products]),
    )


def _share_picture(request: HttpRequest, found: Store, items: Sequence[shelf.Card]) -> str:
    """Return the picture that a preview of the store shows: its portrait, else what it picked first."""
    first = next((item.picture_large for item in items if item.picture_large), "")
    address = found.portrait.url if found.portrait else first
    return request.build_absolute_uri(address) if address else ""


def _one_store(address: Mapping[str, str]) -> tuple[str, ...]:
    return (marks.store_mark(address["code"]), marks.GOODS)


def _product_of_store(address: Mapping[str, str]) -> tuple[str, ...]:
    return (marks.store_mark(address["code"]), marks.product_mark(address["number"]))


def _goods(_address: Mapping[str, str]) -> tuple[str, ...]:
    return (marks.GOODS,)


@same_for_all(shows=_goods)
@require_safe
def open_stores(request: HttpRequest) -> HttpResponse:
    """Stores worth a visit, by a rule that is told; a row of the front page, and a page of its own."""
    part = is_part(request)
    found = stores.lively_stores(STORES_ON_HOME if part else STORES_ON_PAGE)
    context = {
        "section": "home",
        "picks_needed": stores.PICKS_NEEDED,
        "stores": [{"store": one, "picture": shelf.stored_picture(one.portrait.name)} for one in found],
    }
    return render(request, "storefront/parts/open_stores.html" if part else "storefront/open_stores.html", context)


@same_for_all("after", shows=_one_store)
@require_safe
def store(request: HttpRequest, code: str) -> HttpResponse:
    """A store: who it is, what it picked."""
    found = stores.store_by_code(code)
    listings, position = _stretch(stores.listings_of(found), request.GET.get("after", ""))
    context: dict[str, Any] = {
        "items": _cards(found, listings),
        "more_url": more_url(request, position),
        "end_text": _("That is all for now.") if request.GET.get("after") else "",
    }
    if is_part(request):
        return render(request, "storefront/parts/cards.html", context)
    address = reverse("store", args=[found.code])
    canonical = request.build_absolute_uri(address)
    share_picture = _share_picture(request, found, context["items"])
    context |= {
        "section": "home",
        "store": found,
        "store_url": address,
        "canonical": canonical,
        "structured": data_block(
            store_facts(url=canonical, name=found.name, description=found.announcement, picture=share_picture)
        ),
        "picture": shelf.stored_picture(found.portrait.name),
        "share_picture": share_picture,
    }
    return render(request, "storefront/store.html", context)


@same_for_all("sku", shows=_product_of_store)
@require_safe
def store_product(request: HttpRequest, code: str, number: str) -> HttpResponse:
    """A product as a store shows it: its words, its price."""
    found = stores.store_by_code(code)
    item = catalogue.product_for_sale(number)
    listing = stores.listings_of(found).filter(product=item).first()
    if listing is None:
        # The store no longer picks it; the shop still sells it.
        return redirect("product", number)
    own = stores.own_prices(found.pk, list(item.skus.values_list("pk", flat=True)))
    page_url = reverse("store-product", args=[found.code, item.number])
    choice = shelf.choose(item, wanted=request.GET.get("sku", ""), page_url=page_url, own_prices_fen=own)
    context = product_context(request, item, choice, page_url)
    context |= {
        "store_code": found.code,
        "title": listing.title,
        "store_note": {
            "name": found.name,
            "picture": shelf.stored_picture(found.portrait.name),
            "text": listing.reason or found.announcement or _("Picked for you"),
            "url": reverse("store", args=[found.code]),
        },
    }
    part = is_part(request)
    return render(request, "storefront/parts/buy_box.html" if part else "storefront/product.html", context)


@require_safe
@cache_control(public=True, max_age=3600)
def sitemap(request: HttpRequest) -> HttpResponse:
    """Every open store, for search engines; a sitemap holds 50,000 addresses."""
    codes = (
        Store.objects.filter(distributor__state=DistributorState.ACTIVE).order_by("-pk").values_list("code", flat=True)
    )
    urls = (request.build_absolute_uri(reverse("store", args=[code])) for code in codes[:STORES_MAX].iterator())
    return url_set((url, None) for url in urls)


@require_safe
@cache_control(private=True, no_store=True)
def delivery(request: HttpRequest, code: str, number: str) -> HttpResponse:
    """What delivery to the reader's own address costs at the store's price; a piece of a store's product page."""
    found = stores.store_by_code(code)
    item = catalogue.product_for_sale(number)
    own = stores.own_prices(found.pk, list(item.skus.values_list("pk", flat=True)))
    page_url = reverse("store-product", args=[found.code, item.number])
    choice = shelf.choose(item, wanted=request.GET.get("sku", ""), page_url=page_url, own_prices_fen=own)
    context = delivery_context(request, item, choice, page_url)
    return render_piece(request, "storefront/parts/delivery.html", context, heading=_("Delivery"), back=page_url)


@short_path
@require_safe
@never_cache
def landing(request: HttpRequest, token: str) -> HttpResponse:
    """Where a share link leads. The middleware has noted the visit, and looked the link up for it."""
    link: ShareLink | None = getattr(request, "share_link", None) or links.link_by_token(token)
    if link is None:
        raise NotFound(_("This link no longer leads anywhere. Ask your friend for a new one."))
    if link.target == ShareLink.Target.PRODUCT and link.product is not None:
        return redirect("store-product", link.store.code, link.product.number)
    return redirect("store", link.store.code)
