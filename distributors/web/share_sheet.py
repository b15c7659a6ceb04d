"""The share sheet: an address to copy or send, a code to scan, a poster to keep.

Whoever has a store shares with her own link; everybody else sends on the plain page, which brings nobody
anything. Without JavaScript the sheet is a page.
"""

from dataclasses import dataclass
from io import BytesIO
from urllib.parse import urlencode

import segno
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from distributors.links import actions, posters
from distributors.links import queries as links
from distributors.links.models import ShareLink
from distributors.stores import queries as stores
from distributors.stores.models import Store
from distributors.web.access import StoreRequest, store_owner
from shop.accounts.models import User
from shop.base.errors import NotFound
from shop.catalogue.models import Product
from shop.catalogue.queries import product_for_sale
from shop.web.access import CustomerRequest, customer_only, is_part

# A poster takes a second; after so many looks the page says that it takes longer and looks more seldom.
_LOOKS_PATIENT = 20
_LOOKS_MAX = 200


@dataclass(frozen=True, slots=True)
class Shared:
    """What a sheet is about: a product (in a store), a store, or the whole shop."""

    product: Product | None
    store: Store | None

    @property
    def title(self) -> str:
        return self.product.title if self.product else self.store.name if self.store else _("Linjia")

    @property
    def path(self) -> str:
        if self.product and self.store:
            return reverse("store-product", args=[self.store.code, self.product.number])
        if self.product:
            return reverse("product", args=[self.product.number])
        return reverse("store", args=[self.store.code]) if self.store else reverse("home")

    @property
    def query(self) -> str:
        """Name it in an address."""
        named = {"product": self.product.number if self.product else "", "store": self.store.code if self.store else ""}
        return urlencode({name: value for name, value in named.items() if value})


def _shared(request: HttpRequest) -> Shared:
    """Return what the address names. Raises ``NotFound``."""
    number, code = (request.POST.get(name) or request.GET.get(name, "") for name in ("product", "store"))
    product = product_for_sale(number[:20]) if number else None
    return Shared(product, stores.store_by_code(code[:24]) if code else None)


def _own_store(request: HttpRequest) -> Store | None:
    if not isinstance(request.user, User):
        return None
    store = stores.store_of(request.user)
    return store if store is not None and stores.is_active(store) else None


def _own_link(store: Store, shared: Shared) -> ShareLink | None:
    """Return the owner's link to this product, or to her own store, if she has one."""
    rows = links.links_of(store).filter(channel=ShareLink.Channel.LINK, label="")
    if shared.product is not None:
        return rows.filter(product=shared.product).first()
    return rows.filter(target=ShareLink.Target.STORE).first()


def code_markup(text: str) -> str:
    """Return the code to scan as markup of our own making: nothing of it is typed by anybody."""
    drawn: str = segno.make(text, micro=False, error="m").svg_inline(
        border=2, dark="#261d17", light="#ffffff", svgclass="h-auto w-full rounded-xl", omitsize=True
    )
    return drawn


def code_picture(text: str) -> bytes:
    """Return the code to scan as a PNG to keep or print."""
    target = BytesIO()
    segno.make(text, micro=False, error="m").save(target, kind="png", scale=16, border=4)
    return target.getvalue()


@require_safe
def sheet(request: HttpRequest) -> HttpResponse:
    """How to share a product or a store."""
    return _sheet(request, _shared(request))


@require_POST
@store_owner
def own_link(request: StoreRequest) -> HttpResponse:
    """Make the store owner's own link to what she looks at, and show the sheet with it."""
    shared = _shared(request)
    actions.create_link(
        store=request.store,
        target=ShareLink.Target.PRODUCT if shared.product else ShareLink.Target.STORE,
        product=shared.product,
        now=timezone.now(),
    )
    return _sheet(request, shared) if is_part(request) else redirect(f"{reverse('share-sheet')}?{shared.query}")


def _sheet(request: HttpRequest, shared: Shared) -> HttpResponse:
    mine = _own_store(request)
    link = _own_link(mine, shared) if mine else None
    path = reverse("share", args=[link.token]) if link else shared.path
    url = request.build_absolute_uri(path)
    context = {
        "shared": shared,
        "url": url,
        "code": code_markup(url),
        "has_store": mine is not None,
        "is_own": link is not None,
        # A store's page is shared by its owner; somebody else's link to it would be no link of hers.
        "may_link": mine is not None and link is None and (shared.product is not None or shared.store == mine),
        "poster": urlencode({"token": link.token}) if link else shared.query,
        "may_poster": request.user.is_authenticated,
    }
    part = is_part(request)
    response = render(request, "storefront/parts/share.html" if part else "storefront/share.html", context)
    response.headers["Cache-Control"] = "no-store, private"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@customer_only
def poster(request: CustomerRequest) -> HttpResponse:
    """The poster of a link of one's own or of a page: POST has it drawn, GET looks whether it is there."""
    spot, query = _spot(request, request.GET.get("token", "")[:16])
    language = get_language() or ""
    if request.method == "POST":
        found = posters.ask_for_poster(spot, language=language, now=timezone.now())
        if not is_part(request):
            return redirect(f"{reverse('share-poster')}?{query}")
    else:
        found = posters.poster_url(spot, language=language)
    raw = request.GET.get("looks", "")
    looks = min(int(raw), _LOOKS_MAX) if raw.isdigit() and len(raw) < 6 else 0
    context = {
        "url": found,
        "query": query,
        "looks": looks + 1,
        "is_slow": looks >= _LOOKS_PATIENT,
        "is_over": looks >= _LOOKS_MAX,
    }
    return render(request, "storefront/parts/poster.html" if is_part(request) else "storefront/poster.html", context)


def _spot(request: CustomerRequest, token: str) -> tuple[posters.Spot, str]:
    """Return what the poster leads to, and how the address names it. Raises ``NotFound``."""
    if not token:
        shared = _shared(request)
        spot = posters.page_spot(
            product=shared.product.number if shared.product else "", store=shared.store.code if shared.store else ""
        )
        return spot, shared.query
    store = stores.store_of(request.user)
    if store is None:
        raise NotFound(_("This link leads nowhere any more."), field="token")
    link = links.link_of(store, token)
    return posters.link_spot(link), urlencode({"token": link.token})
