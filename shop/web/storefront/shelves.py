"""Home, categories, search, product."""

from collections.abc import Mapping, Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from shop.catalogue import queries as catalogue
from shop.catalogue.listing import Wish
from shop.pages import marks
from shop.pages.promises import same_for_all
from shop.web import shelf, sifting
from shop.web.access import is_part
from shop.web.pieces import render_piece
from shop.web.product_page import delivery_context, list_context, product_context
from shop.web.structured import data_block, shop_facts


def _goods(_address: Mapping[str, str]) -> tuple[str, ...]:
    return (marks.GOODS,)


def _one_product(address: Mapping[str, str]) -> tuple[str, ...]:
    return (marks.product_mark(address["number"]),)


@same_for_all("after", shows=_goods)
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The front page: something new, the categories, what neighbours chose."""
    context = list_context(request, Wish()) | {"feed": True}
    context["end_text"] = _("That is all for now.") if context["items"] else ""
    if is_part(request):
        return render(request, "storefront/parts/cards.html", context)
    items: Sequence[shelf.Card] = context["items"]
    featured = next((item for item in items if item.picture_large), None)
    context |= {
        "section": "home",
        "categories": shelf.top_shelves(),
        "featured": None if request.GET.get("after") else featured,
        "canonical": request.build_absolute_uri(reverse("home")),
        "structured": data_block(
            shop_facts(
                url=request.build_absolute_uri(reverse("home")),
                search_url=request.build_absolute_uri(f"{reverse('search')}?q="),
            )
        ),
    }
    return render(request, "storefront/home.html", context)


@same_for_all(shows=_goods)
@require_safe
def categories(request: HttpRequest) -> HttpResponse:
    """All categories, two levels."""
    return render(
        request,
        "storefront/categories.html",
        {"section": "categories", "categories": shelf.top_shelves()},
    )


@same_for_all(*sifting.PARAMS, shows=_goods)
@require_safe
def category(request: HttpRequest, code: str) -> HttpResponse:
    """The goods of one category and everything below it."""
    chosen, trail = shelf.way_to(code)
    sieve = sifting.sieve_of(request.GET)
    context = list_context(request, sieve.wish(category_id=chosen.pk), sieve.order(has_words=False))
    if is_part(request):
        return render(request, "storefront/parts/cards.html", context)
    context |= sifting.sieve_context(request, sieve, has_words=False)
    context |= {
        "section": "categories",
        "canonical": request.build_absolute_uri(reverse("category", args=[chosen.code])),
        "heading": trail[-1].label,
        "trail": trail,
        "below": trail[-1].below,
    }
    return render(request, "storefront/products.html", context)


@same_for_all("sku", shows=_one_product)
@require_safe
def product(request: HttpRequest, number: str) -> HttpResponse:
    """One product: pictures, options, price, delivery, who supplies it."""
    item = catalogue.product_for_sale(number)
    page_url = reverse("product", args=[item.number])
    choice = shelf.choose(item, wanted=request.GET.get("sku", ""), page_url=page_url)
    context = product_context(request, item, choice, page_url)
    if is_part(request):
        return render(request, "storefront/parts/buy_box.html", context)
    return render(request, "storefront/product.html", context)


@require_safe
@cache_control(private=True, no_store=True)
def delivery(request: HttpRequest, number: str) -> HttpResponse:
    """What delivery to the reader's own address costs; a piece of a product page."""
    item = catalogue.product_for_sale(number)
    page_url = reverse("product", args=[item.number])
    choice = shelf.choose(item, wanted=request.GET.get("sku", ""), page_url=page_url)
    context = delivery_context(request, item, choice, page_url)
    return render_piece(request, "storefront/parts/delivery.html", context, heading=_("Delivery"), back=page_url)
