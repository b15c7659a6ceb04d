"""Choosing what the store shows: pick, own words, own price, take out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from distributors.stores import actions
from distributors.stores import queries as stores
from distributors.stores.models import Listing, Store
from distributors.web.access import StoreRequest, store_owner
from distributors.web.dashboard.forms import PickForm
from distributors.web.dashboard.margins import earns_per_piece, skus_with_prices
from shop.base.errors import DomainError, Invalid
from shop.base.money import format_yuan
from shop.catalogue import queries as catalogue
from shop.catalogue.models import Product
from shop.catalogue.states import ProductState
from shop.pricing.rules import Offer
from shop.suppliers.states import SupplierState
from shop.web.access import safe_next, show_refusal, tell_refusal
from shop.web.product_page import more_url
from shop.web.shelf import first_pictures, stretch

PER_PAGE = 20
QUERY_LENGTH_MAX = 60


@dataclass(frozen=True)
class PickRow:
    """A product at the desk. Amounts in fen: its lowest price here and what she earns of one piece then."""

    number: str
    title: str
    note: str
    picture: str
    supplier: str
    price_fen: int
    earns_fen: int
    is_on_sale: bool = True
    is_outside_band: bool = False


@require_safe
@store_owner
def picks(request: StoreRequest) -> HttpResponse:
    """What the store shows now."""
    rows = stores.all_listings_of(request.store)
    found, position = _stretch(rows, request.GET.get("after", ""))
    outside = set(stores.prices_outside_band(request.store).values_list("listing__product_id", flat=True))
    words = {row.product_id: (row.title, row.reason) for row in found}
    products = [row.product for row in found]
    context = {
        "section": "picks",
        "tab": "mine",
        "rows": _rows(request.store, products, words=words, outside=outside),
        "more_url": more_url(request, position),
        "picked": rows.count(),
    }
    return render(request, "dashboard/picks.html", context)


@require_safe
@store_owner
def shelf(request: StoreRequest) -> HttpResponse:
    """What can still be picked."""
    query = " ".join(request.GET.get("q", "").split())[:QUERY_LENGTH_MAX]
    rows = stores.products_to_pick(request.store).select_related("supplier")
    if query:
        rows = rows.filter(pk__in=catalogue.search_products(query).values("pk"))
    found, position = stretch(rows, request.GET.get("after", ""), PER_PAGE)
    context = {
        "section": "picks",
        "tab": "shelf",
        "rows": _rows(request.store, found),
        "query": query,
        "more_url": more_url(request, position),
    }
    return render(request, "dashboard/picks.html", context)


@require_POST
@store_owner
def pick(request: StoreRequest, number: str) -> HttpResponse:
    """Pick a product as it is."""
    back = safe_next(request, reverse("dashboard-shelf"))
    try:
        actions.list_product(store=request.store, product=catalogue.product_for_sale(number), now=timezone.now())
    except DomainError as error:
        return tell_refusal(request, error, back)
    messages.success(request, _("Picked. It is in your store now."))
    return redirect(back)


@require_POST
@store_owner
def unpick(request: StoreRequest, number: str) -> HttpResponse:
    """Take a product out of the store."""
    listing = stores.listing_of(request.store, number)
    actions.unlist(store=request.store, product=listing.product)
    messages.success(request, _("Taken out of your store."))
    return redirect("dashboard-picks")


@require_POST
@store_owner
def lift(request: StoreRequest, number: str) -> HttpResponse:
    """Put one pick in front of the others."""
    stores.listing_of(request.store, number)
    actions.arrange(store=request.store, product_numbers=[number])
    return redirect("dashboard-picks")


@require_http_methods(["GET", "HEAD", "POST"])
@store_owner
def pick_edit(request: StoreRequest, number: str) -> HttpResponse:
    """A pick's own words and prices."""
    listing = stores.listing_of(request.store, number)
    skus = skus_with_prices([listing.product_id])
    own = {price.sku_id: price.retail_fen for price in listing.prices.all()}
    offers = [
        (
            sku.number,
            sku.option_text,
            Offer(sku.pk, sku.price.supply_fen, sku.price.retail_fen, sku.price.floor_fen, sku.price.ceiling_fen),
        )
        for sku in skus
    ]
    first = {"title": listing.title, "reason": listing.reason} | {
        f"price_{sku.number}": format_yuan(own[sku.pk]).replace(",", "") for sku in skus if sku.pk in own
    }
    form = PickForm(request.POST or None, prices=offers, initial=first)
    if request.method == "POST" and form.is_valid() and _save(request.store, listing, form, offers):
        messages.success(request, _("Saved."))
        return redirect("dashboard-picks")
    earns = earns_per_piece(request.store, skus, own, timezone.now())
    context = {
        "section": "picks",
        "listing": listing,
        "picture": _picture(listing.product),
        "form": form,
        "prices": [
            {
                "field": form[f"price_{sku.number}"],
                "earns_fen": earns[sku.pk],
                "price_fen": own.get(sku.pk, sku.price.retail_fen),
            }
            for sku in skus
        ],
        "is_on_sale": _is_on_sale(listing.product),
        "share_url": f"{reverse('dashboard-link-new')}?{urlencode({'product': listing.product.number})}",
    }
    return render(request, "dashboard/pick_edit.html", context)


def _save(store: Store, listing: Listing, form: PickForm, offers: Sequence[tuple[str, str, Offer]]) -> bool:
    prices = form.own_prices()
    try:
        actions.list_product(
            store=store,
            product=listing.product,
            title=form.cleaned_data["title"],
            reason=form.cleaned_data["reason"],
            prices=prices,
            now=timezone.now(),
        )
    except Invalid as error:
        # The action names the prices as one; the person sees which of them it is.
        wrong = [
            number
            for number, _text, offer in offers
            if number in prices and not offer.floor_fen <= prices[number] <= offer.ceiling_fen
        ]
        if error.field != "prices" or not wrong:
            show_refusal(form, error)
        for number in wrong:
            form.add_error(f"price_{number}", str(error) if len(wrong) == 1 else _("Outside the band."))
    except DomainError as error:
        show_refusal(form, error)
    else:
        return True
    return False


def _stretch(rows: QuerySet[Listing], after: str) -> tuple[list[Listing], str]:
    """Return one stretch of the picks in the store's own order, and where the next begins."""
    place, _dash, key = after.partition("-")
    if place.isdigit() and key.isdigit() and len(after) < 32:
        rows = rows.filter(Q(position__gt=int(place)) | Q(position=int(place), pk__lt=int(key)))
    found = list(rows[: PER_PAGE + 1])
    if len(found) <= PER_PAGE:
        return found, ""
    last = found[PER_PAGE - 1]
    return found[:PER_PAGE], f"{last.position}-{last.pk}"


def _rows(
    store: Store,
    products: Sequence[Product],
    *,
    words: Mapping[int, tuple[str, str]] | None = None,
    outside: set[int] | None = None,
) -> list[PickRow]:
    """Return products with their lowest price in this store. Four statements whatever their number."""
    skus = skus_with_prices(product.pk for product in products)
    own = stores.own_prices(store.pk, [sku.pk for sku in skus])
    earns = earns_per_piece(store, skus, own, timezone.now())
    cheapest: dict[int, tuple[int, int]] = {}
    for sku in skus:
        fact = (own.get(sku.pk, sku.price.retail_fen), earns[sku.pk])
        cheapest[sku.product_id] = min(fact, cheapest.get(sku.product_id, fact))
    pictures = first_pictures([product.pk for product in products])
    rows = []
    for product in products:
        title, reason = (words or {}).get(product.pk, ("", ""))
        price_fen, earns_fen = cheapest.get(product.pk, (product.min_retail_fen, 0))
        rows.append(
            PickRow(
                number=product.number,
                title=title or product.title,
                note=reason or product.subtitle,
                picture=pictures[product.pk].small if product.pk in pictures else "",
                supplier=product.supplier.name,
                price_fen=price_fen,
                earns_fen=earns_fen,
                is_on_sale=_is_on_sale(product),
                is_outside_band=product.pk in (outside or ()),
            )
        )
    return rows


def _is_on_sale(product: Product) -> bool:
    return product.state == ProductState.ON_SALE and product.supplier.state == SupplierState.ACTIVE


def _picture(product: Product) -> str:
    found = first_pictures([product.pk]).get(product.pk)
    return found.small if found else ""
