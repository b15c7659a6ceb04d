"""Favourites and footprints: what a person keeps and what she looked at. Nobody else sees them."""

from datetime import UTC, datetime, timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from shop.catalogue.queries import product_for_sale
from shop.interests import actions, queries
from shop.interests.models import Favourite
from shop.web import shelf
from shop.web.access import CustomerRequest, back_url, customer_only, is_part
from shop.web.interest_page import heart, told
from shop.web.product_page import more_url
from shop.web.shelf import stretch

_PRODUCT = Favourite.Kind.PRODUCT
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@require_POST
@cache_control(private=True, no_store=True)
def look(request: HttpRequest, number: str) -> HttpResponse:
    """Note that somebody who is signed in looks at a product; answer whether she keeps it."""
    item = product_for_sale(number)
    is_kept = False
    if request.user.is_authenticated:
        actions.remember_look(user=request.user, product=item, now=timezone.now())
        is_kept = queries.is_favourite(request.user, kind=_PRODUCT, number=number)
    return heart(request, reverse("favourite", args=[number]), is_kept=is_kept)


@require_POST
@customer_only
def favourite(request: CustomerRequest, number: str) -> HttpResponse:
    """Keep a product, or let it go."""
    is_kept = request.POST.get("keep") != "no"
    if is_kept:
        actions.keep_product(user=request.user, number=number, now=timezone.now())
    else:
        actions.drop_favourite(user=request.user, kind=_PRODUCT, number=number)
    return told(request, reverse("favourite", args=[number]), is_kept=is_kept)


@require_POST
@customer_only
def tell(request: CustomerRequest, number: str) -> HttpResponse:
    """Keep a product and be told when it is back or cheaper, or keep it without."""
    wanted = request.POST.get("tell") != "no"
    if wanted:
        actions.watch_product(user=request.user, number=number, now=timezone.now())
        text = _("We tell you in your messages when it is back or cheaper. You find it under “Favourites”.")
    else:
        actions.unwatch_product(user=request.user, number=number)
        text = _("You are not told about it any more.")
    if is_part(request):
        return render(request, "components/toast.html", {"text": text, "level": "success"})
    messages.success(request, text)
    return redirect(back_url(request, reverse("favourites")))


@require_POST
@customer_only
def telling(request: CustomerRequest) -> HttpResponse:
    """Be told about everything one keeps, or about nothing."""
    wanted = request.POST.get("wanted") == "yes"
    actions.watch_everything(user=request.user, wanted=wanted, now=timezone.now())
    messages.success(
        request,
        _("You are told when something you keep is back or cheaper.")
        if wanted
        else _("You are told nothing about what you keep."),
    )
    return redirect("favourites")


@require_safe
@customer_only
def favourites(request: CustomerRequest) -> HttpResponse:
    """The products a person keeps, newest first; what is no longer for sale says so."""
    found, position = stretch(queries.favourites_of(request.user, _PRODUCT), request.GET.get("after", ""))
    products = queries.products_by_number([one.number for one in found])
    rows = []
    for one in found:
        product = products.get(one.number)
        if product is not None:
            (card,) = shelf.cards([product])
            rows.append(
                {
                    "card": card,
                    "is_gone": not queries.is_for_sale(product),
                    "url": reverse("favourite", args=[one.number]),
                    "tell_url": reverse("favourite-tell", args=[one.number]),
                    "is_watched": one.is_watched,
                }
            )
    context = {
        "section": "me",
        "rows": rows,
        "more_url": more_url(request, position),
        "is_told_all": queries.watches_everything(request.user),
    }
    part = is_part(request)
    return render(request, "storefront/parts/favourites.html" if part else "storefront/favourites.html", context)


@require_safe
@customer_only
def footprints(request: CustomerRequest) -> HttpResponse:
    """What a person looked at within 90 days, the last first."""
    after = request.GET.get("after", "")
    rows = queries.footprints_of(request.user, now=timezone.now())
    if after.isascii() and after.isdigit() and len(after) < 18:
        rows = rows.filter(seen_at__lt=_EPOCH + timedelta(microseconds=int(after)))
    found = list(rows.order_by("-seen_at", "-pk")[: shelf.PAGE_SIZE + 1])
    last = found[shelf.PAGE_SIZE - 1] if len(found) > shelf.PAGE_SIZE else None
    position = str((last.seen_at - _EPOCH) // timedelta(microseconds=1)) if last else ""
    found = found[: shelf.PAGE_SIZE]
    cards = shelf.cards([one.product for one in found])
    context = {
        "section": "me",
        "keeps": queries.keeps_footprints(request.user),
        "rows": [
            {"card": card, "is_gone": not queries.is_for_sale(one.product), "seen_at": one.seen_at}
            for one, card in zip(found, cards, strict=True)
        ],
        "more_url": more_url(request, position),
    }
    part = is_part(request)
    return render(request, "storefront/parts/footprints.html" if part else "storefront/footprints.html", context)


@require_POST
@customer_only
def footprints_forget(request: CustomerRequest) -> HttpResponse:
    """Forget one footprint (``number``) or all of them."""
    number = request.POST.get("number", "")[:16]
    actions.forget_looks(user=request.user, number=number or None)
    if is_part(request):
        return HttpResponse("")
    messages.success(request, _("Forgotten."))
    return redirect("footprints")


@require_POST
@customer_only
def footprints_keeping(request: CustomerRequest) -> HttpResponse:
    """Go on noting what the person looks at, or stop and forget."""
    wanted = request.POST.get("wanted") == "yes"
    actions.keep_footprints(user=request.user, wanted=wanted, now=timezone.now())
    messages.success(
        request, _("From now on footprints are kept.") if wanted else _("No footprints are kept any more.")
    )
    return redirect("footprints")
