"""The content security policy of the two admin panels and of the API's reading page.

Unfold's pages run Alpine's ordinary build, which needs `unsafe-eval`, carry small inline scripts and set styles on
elements. That is allowed on their two prefixes and nowhere else. A nonce is left out there: with one, browsers would
ignore `unsafe-inline`.
"""

from collections.abc import Callable

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.http import HttpRequest, HttpResponse

PANELS = ("/admin/", "/supplier/")
READING_PAGE = "/api/v1/docs/"
PANEL_POLICY = {"script-src": [SELF, UNSAFE_EVAL, UNSAFE_INLINE], "style-src": [SELF, UNSAFE_INLINE]}
READING_POLICY = {"style-src": [SELF, UNSAFE_INLINE]}


class PanelPolicyMiddleware:
    """Widens the policy on the pages that need it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        policy = READING_POLICY if request.path == READING_PAGE else None
        if request.path.startswith(PANELS):
            policy = PANEL_POLICY
        if policy:
            # The attribute that django-csp's own decorators set.
            response._csp_replace = policy  # type: ignore[attr-defined]  # noqa: SLF001
        return response
