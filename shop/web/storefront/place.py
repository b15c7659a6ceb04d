"""Where goods should go, for somebody without an address: a place in a cookie, asked by nobody but the reader."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods

from shop.web.access import is_part, safe_next
from shop.web.forms import levels_of, read_levels
from shop.web.product_page import PLACE_COOKIE, place_of_reader

_PLACE_SECONDS = 180 * 24 * 3600


@require_http_methods(["GET", "HEAD", "POST"])
@cache_control(private=True, no_store=True)
def place(request: HttpRequest) -> HttpResponse:
    """Choose the place that product pages tell delivery to."""
    way_back = safe_next(request, reverse("home"))
    known = place_of_reader(request)
    problem = ""
    if request.method == "POST":
        answer = redirect(way_back)
        if request.POST.get("forget"):
            answer.delete_cookie(PLACE_COOKIE, samesite="Lax")
            return answer
        levels = read_levels(request.POST)
        if levels.region_code and not request.POST.get("step"):
            answer.set_cookie(
                PLACE_COOKIE,
                levels.region_code,
                max_age=_PLACE_SECONDS,
                secure=request.is_secure(),
                httponly=True,
                samesite="Lax",
            )
            return answer
        problem = "" if request.POST.get("step") else _("Choose province, city and county.")
    else:
        levels = levels_of(known.code) if known else read_levels({})
    context = {
        "levels": levels.selects,
        "next": way_back,
        "place": known.names if known else "",
        "problem": problem,
    }
    return render(request, "storefront/parts/place.html" if is_part(request) else "storefront/place.html", context)
