"""Forms are believed by where they come from.

Pages that are kept for everybody carry no form token, so a browser's own word counts: ``Origin`` (or ``Sec-Fetch-Site``)
is sent with every form and script request and no page can forge it. What says neither still needs a token.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseForbidden
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class OriginMiddleware(CsrfViewMiddleware):
    """Django's protection against forged forms, satisfied by a request that comes from this very site."""

    def process_view(
        self,
        request: HttpRequest,
        callback: Callable[..., HttpResponseBase],
        callback_args: tuple[Any, ...],
        callback_kwargs: dict[str, Any],
    ) -> HttpResponseForbidden | None:
        """Accept what comes from our own pages; ask all else for a token, and refuse other sites' requests."""
        if request.method not in _SAFE and self._is_ours(request):
            request.csrf_processing_done = True  # type: ignore[attr-defined]
            return None
        return super().process_view(request, callback, callback_args, callback_kwargs)

    def _is_ours(self, request: HttpRequest) -> bool:
        if "HTTP_ORIGIN" in request.META:
            return bool(self._origin_verified(request))  # type: ignore[attr-defined]
        return request.META.get("HTTP_SEC_FETCH_SITE") == "same-origin"
