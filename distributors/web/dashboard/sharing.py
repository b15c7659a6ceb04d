"""Share links: make, copy, show as a code, stop."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from distributors.links import actions
from distributors.links import queries as links
from distributors.links.models import ShareLink
from distributors.stores import queries as stores
from distributors.stores.models import Store
from distributors.web.access import StoreRequest, store_owner
from distributors.web.dashboard.forms import LinkForm
from distributors.web.share_sheet import code_markup, code_picture
from shop.base.errors import DomainError
from shop.catalogue.models import Product
from shop.catalogue.queries import product_for_sale
from shop.web.access import show_refusal
from shop.web.product_page import more_url
from shop.web.shelf import first_pictures, stretch

LINKS_PER_PAGE = 20
VISITS_DAYS = 30


@dataclass(frozen=True)
class LinkRow:
    """A link at the desk; ``visits`` of the last 30 days."""

    token: str
    title: str
    channel: str
    label: str
    picture: str
    url: str
    created_at: datetime
    visits: int
    is_revoked: bool


def link_url(request: HttpRequest, token: str) -> str:
    """Return a link's whole address, to be sent to people."""
    return request.build_absolute_uri(reverse("share", args=[token]))


def _rows(request: StoreRequest, found: Sequence[ShareLink]) -> list[LinkRow]:
    since = timezone.now() - timedelta(days=VISITS_DAYS)
    visits = links.visits_of_links(request.store, [link.token for link in found], since=since)
    pictures = first_pictures([link.product_id for link in found if link.product_id])
    rows = []
    for link in found:
        picture = pictures.get(link.product_id) if link.product_id else None
        rows.append(
            LinkRow(
                token=link.token,
                title=link.product.title if link.product else _("The whole store"),
                channel=link.get_channel_display(),
                label=link.label,
                picture=picture.small if picture else "",
                url=link_url(request, link.token),
                created_at=link.created_at,
                visits=visits.get(link.token, 0),
                is_revoked=link.revoked_at is not None,
            )
        )
    return rows


@require_safe
@store_owner
def link_list(request: StoreRequest) -> HttpResponse:
    """The store's links that lead somewhere."""
    found, position = stretch(links.links_of(request.store), request.GET.get("after", ""), LINKS_PER_PAGE)
    context = {
        "section": "links",
        "rows": _rows(request, found),
        "more_url": more_url(request, position),
    }
    return render(request, "dashboard/links.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@store_owner
def link_new(request: StoreRequest) -> HttpResponse:
    """Make a link to the store or to one of its picks."""
    products = _shareable(request.store, request.GET.get("product", ""))
    wanted = request.GET.get("product", "")
    form = LinkForm(request.POST or None, products=products, initial={"product": wanted})
    if request.method == "POST" and form.is_valid():
        facts = form.cleaned_data
        try:
            product: Product | None = product_for_sale(facts["product"]) if facts["product"] else None
            link = actions.create_link(
                store=request.store,
                target=ShareLink.Target.PRODUCT if product else ShareLink.Target.STORE,
                product=product,
                channel=facts["channel"],
                label=facts["label"],
                now=timezone.now(),
            )
        except DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(request, _("Your link is ready."))
            return redirect("dashboard-link", link.token)
    return render(request, "dashboard/link_new.html", {"section": "links", "form": form})


def _shareable(store: Store, wanted: str) -> list[tuple[str, str]]:
    """Return number and title of what the store picked, and of the product asked for by address."""
    rows = stores.listings_of(store)
    found = {row.product.number: row.title or row.product.title for row in rows}
    if wanted and wanted not in found:
        # An old address names nothing for sale: then the list stands as it is.
        with suppress(DomainError):
            found[wanted] = product_for_sale(wanted).title
    return list(found.items())


@require_safe
@store_owner
def link(request: StoreRequest, token: str) -> HttpResponse:
    """One link: its address, its code to scan, what it brought."""
    found = links.link_of(request.store, token)
    (row,) = _rows(request, [found])
    context = {
        "section": "links",
        "row": row,
        "product": found.product,
        "code": code_markup(row.url),
        "poster": urlencode({"token": found.token}),
    }
    return render(request, "dashboard/link.html", context)


@require_safe
@store_owner
def link_code(request: StoreRequest, token: str) -> HttpResponse:
    """The code as a picture to keep or print."""
    found = links.link_of(request.store, token)
    response = HttpResponse(code_picture(link_url(request, found.token)), content_type="image/png")
    response["Content-Disposition"] = f'attachment; filename="linjia-{found.token}.png"'
    return response


@require_POST
@store_owner
def link_revoke(request: StoreRequest, token: str) -> HttpResponse:
    """Let a link lead nowhere from now on."""
    actions.revoke_link(link=links.link_of(request.store, token), now=timezone.now())
    messages.success(request, _("This link leads nowhere from now on."))
    return redirect("dashboard-links")
