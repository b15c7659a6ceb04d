"""Day or night, as somebody chose it by hand: pages are written, and kept, once for each."""

from django.http import HttpRequest

THEME_COOKIE = "lj_theme"
THEMES = ("light", "dark")


def chosen_theme(request: HttpRequest) -> str:
    """Return ``light``, ``dark`` or "": the device decides."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else ""
