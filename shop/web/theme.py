"""Day or night by hand: a choice kept in a cookie, written on the page by the server, so that no page shines first."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

COOKIE = "lj_theme"
# What may be chosen, and the style sheet's name for it; without a choice the device decides.
THEMES = {"light": "shop", "dark": "shop-night"}
_KEPT_SECONDS = 400 * 24 * 3600  # browsers keep none longer


def chosen_theme(request: HttpRequest) -> str:
    """Return ``light``, ``dark`` or "": the device decides. Kept pages are kept once for each."""
    chosen = request.COOKIES.get(COOKIE, "")
    return chosen if chosen in THEMES else ""


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Remember the choice in this browser and go back to the page it was made on."""
    back = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = "/"
    response = redirect(back)
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(
            COOKIE,
            chosen,
            max_age=_KEPT_SECONDS,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    else:
        response.delete_cookie(COOKIE, samesite="Lax")
    return response
