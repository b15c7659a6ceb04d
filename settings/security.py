"""What answers say to browsers besides Django's own headers: policies of the panels, what must not be kept.

Unfold's pages run Alpine's ordinary build, which needs `unsafe-eval`, and set styles on elements. That is allowed on
the two panels' prefixes and nowhere else; scripts stand in files everywhere, so inline ones run nowhere.
"""

from collections.abc import Callable

from csp.constants import HEADER, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponse

PANELS = ("/admin/", "/supplier/")
READING_PAGE = "/api/v1/docs/"
PANEL_POLICY = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}
READING_POLICY = {"style-src": [SELF, UNSAFE_INLINE]}
# What the shop never asks a browser for; a script that slipped in shall not either.
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class PolicyMiddleware:
    """Says what browsers may do with an answer; there are three policies, so each is put into words once."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._policy = build_policy()
        self._panels = build_policy(replace=PANEL_POLICY)
        self._reading_page = build_policy(replace=READING_POLICY)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        # Django's own page about a failure, which only developers see, has its styles inline.
        if not (settings.DEBUG and response.status_code in (404, 500)):
            response.headers.setdefault(HEADER, self._policy_of(request.path))
        return response

    def _policy_of(self, path: str) -> str:
        if path.startswith(PANELS):
            return self._panels
        return self._reading_page if path == READING_PAGE else self._policy


class PersonalAnswersMiddleware:
    """Forbids browsers and proxies to keep what was made for one person.

    Personal is what was answered to somebody signed in, and every answer of the API, unless the view itself says
    that it is the same for everybody. Pages of visitors (cart, sign-in) say so themselves.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if "Cache-Control" not in response and _is_personal(request):
            response["Cache-Control"] = "no-store, private"
        return response


def _is_personal(request: HttpRequest) -> bool:
    if request.path.startswith("/api/"):
        return True
    # Whether anybody asked who this is: looking now would cost a statement on pages that are nobody's.
    known = getattr(request, "_cached_user", None)
    return known is not None and known.is_authenticated
