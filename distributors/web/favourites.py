"""Stores a person keeps. Hers alone."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from distributors.stores.queries import open_stores_by_code, store_by_code
from shop.interests import actions, queries
from shop.interests.models import Favourite
from shop.web.access import CustomerRequest, customer_only, is_part
from shop.web.interest_page import told
from shop.web.product_page import more_url
from shop.web.shelf import stored_picture, stretch

_STORE = Favourite.Kind.STORE


@require_safe
@cache_control(private=True, no_store=True)
def heart(request: HttpRequest, code: str) -> HttpResponse:
    """Whether the reader keeps a store; a piece of the store's page."""
    store = store_by_code(code)
    person = request.user if request.user.is_authenticated else None
    is_kept = person is not None and queries.is_favourite(person, kind=_STORE, number=store.code)
    context = {"heart_url": reverse("store-favourite", args=[store.code]), "is_kept": is_kept}
    return render(request, "storefront/parts/heart.html", context)


@require_POST
@customer_only
def favourite(request: CustomerRequest, code: str) -> HttpResponse:
    """Keep a store, or let it go; one that has closed can be let go too."""
    is_kept = request.POST.get("keep") != "no"
    if is_kept:
        store = store_by_code(code)
        actions.add_favourite(user=request.user, kind=_STORE, number=store.code, now=timezone.now())
    else:
        actions.drop_favourite(user=request.user, kind=_STORE, number=code)
    return told(request, reverse("store-favourite", args=[code]), is_kept=is_kept)


@require_safe
@customer_only
def favourite_stores(request: CustomerRequest) -> HttpResponse:
    """The stores a person keeps, newest first; one that has closed says so."""
    found, position = stretch(queries.favourites_of(request.user, _STORE), request.GET.get("after", ""))
    stores = open_stores_by_code([one.number for one in found])
    rows = []
    for one in found:
        store = stores.get(one.number)
        rows.append(
            {
                "code": one.number,
                "store": store,
                "picture": stored_picture(store.portrait.name) if store else "",
                "url": reverse("store-favourite", args=[one.number]),
            }
        )
    context = {"section": "me", "rows": rows, "more_url": more_url(request, position)}
    part = is_part(request)
    name = "storefront/parts/favourite_stores.html" if part else "storefront/favourite_stores.html"
    return render(request, name, context)
