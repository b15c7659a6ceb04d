"""What machines are told: where they may go, and every address worth finding."""

from xml.sax.saxutils import escape

from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from shop.catalogue import queries as catalogue
from shop.catalogue.models import Category, Product
from shop.web.sitemaps import NAMESPACE, url_set, xml

# A sitemap may name 50,000 addresses. Up to that the products stand in one; beyond, in one for each letter that
# their numbers, which are random, can go on with: no paging, no counting, the same cost for each.
_PRODUCTS_MAX = 40_000
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_HIDDEN = (
    "cart", "checkout", "my-orders", "me", "sign-in", "register", "search", "share-sheet",
)  # fmt: skip
_keep_for_an_hour = cache_control(public=True, max_age=3600)


@require_safe
@_keep_for_an_hour
def robots(request: HttpRequest) -> HttpResponse:
    """Where crawlers may go: goods, categories and stores, nothing of anybody's own."""
    closed = [reverse(name) for name in _HIDDEN]
    closed += ["/dashboard/", "/supplier/", "/admin/", "/api/", "/after-sales/", "/s/"]
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in closed), "", f"Sitemap: {_whole(request, 'sitemap')}"]
    return HttpResponse("\n".join([*lines, ""]), content_type="text/plain; charset=utf-8")


@require_safe
@_keep_for_an_hour
def index(request: HttpRequest) -> HttpResponse:
    """The sitemap of sitemaps."""
    parts = [_whole(request, "sitemap-pages")]
    if _estimated_products() <= _PRODUCTS_MAX:
        parts.append(_whole(request, "sitemap-products"))
    else:
        parts += [_whole(request, "sitemap-products-of", letter) for letter in _LETTERS]
    parts.append(_whole(request, "sitemap-stores"))
    rows = "".join(f"<sitemap><loc>{escape(url)}</loc></sitemap>" for url in parts)
    return xml(f'<sitemapindex xmlns="{NAMESPACE}">{rows}</sitemapindex>')


@require_safe
@_keep_for_an_hour
def pages(request: HttpRequest) -> HttpResponse:
    """The front page and the categories."""
    codes = Category.objects.order_by("pk").values_list("code", flat=True)
    urls = [_whole(request, "home"), _whole(request, "categories")]
    urls += [_whole(request, "category", code) for code in codes]
    return url_set((url, None) for url in urls)


@require_safe
@_keep_for_an_hour
def products(request: HttpRequest, letter: str = "") -> HttpResponse:
    """The products on sale, or those whose number goes on with a letter."""
    rows = catalogue.on_sale_products()
    if letter:
        if letter not in tuple(_LETTERS):
            raise Http404
        rows = rows.filter(number__startswith=f"p{letter}")
    facts = rows.order_by("number").values_list("number", "updated_at")[: _PRODUCTS_MAX + 10_000]
    return url_set((_whole(request, "product", number), changed_at) for number, changed_at in facts.iterator())


def _whole(request: HttpRequest, name: str, *words: str) -> str:
    return request.build_absolute_uri(reverse(name, args=words))


def _estimated_products() -> int:
    """Return about how many products there are: the planner's estimate, which no size makes slow."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [Product._meta.db_table])
        (estimate,) = cursor.fetchone()
    return int(estimate)
