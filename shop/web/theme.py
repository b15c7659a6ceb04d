"""Day or night by hand: a choice kept in a cookie, written on the page by the server, so that no page shines first."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from shop.pages.themes import THEME_COOKIE, THEMES

_KEPT_SECONDS = 400 * 24 * 3600  # browsers keep none longer


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
            THEME_COOKIE,
            chosen,
            max_age=_KEPT_SECONDS,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    else:
        response.delete_cookie(THEME_COOKIE, samesite="Lax")
    return response
