"""The heart on pages of products and stores, and the answer to pressing it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from shop.web.access import CustomerRequest, back_url, is_part


def told(request: CustomerRequest, address: str, *, is_kept: bool) -> HttpResponse:
    """Answer a change of a favourite: the heart anew for htmx, else the page before with a message."""
    if is_part(request) and not request.POST.get("row"):
        return heart(request, address, is_kept=is_kept)
    if is_part(request):
        return HttpResponse("")
    messages.success(request, _("Kept. You find it under “Favourites”.") if is_kept else _("No longer kept."))
    return redirect(back_url(request, reverse("favourites")))


def heart(request: HttpRequest, address: str, *, is_kept: bool) -> HttpResponse:
    """Return the heart of a thing that is kept or let go at ``address``."""
    return render(request, "storefront/parts/heart.html", {"heart_url": address, "is_kept": is_kept})
