"""The content security policy of the two admin panels.

Unfold's pages run Alpine's ordinary build, which needs `unsafe-eval`, and set styles on elements. That is allowed on
their two prefixes and nowhere else.
"""

from collections.abc import Callable

from csp.constants import NONCE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.http import HttpRequest, HttpResponse

PANELS = ("/admin/", "/supplier/")
READING_PAGE = "/api/v1/docs/"


class PanelPolicyMiddleware:
    """Widen the policy on the panels' pages and the API's reading page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(PANELS):
            response._csp_update = {  # type: ignore[attr-defined]  # django-csp's way to change one answer
                "script-src": [UNSAFE_EVAL, UNSAFE_INLINE],
                "style-src": [UNSAFE_INLINE],
            }
        elif request.path == READING_PAGE:
            response._csp_update = {"style-src": [UNSAFE_INLINE]}  # type: ignore[attr-defined]
        return response


__all__ = ["NONCE", "SELF", "PanelPolicyMiddleware"]
