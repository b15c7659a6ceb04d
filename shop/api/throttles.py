"""Rates per caller, counted in Redis. Limits that guard money stand in the database besides."""

from collections.abc import Callable
from typing import Any

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle


class Scoped(ScopedRateThrottle):
    """The rate named by a view's ``throttle_scope``; a view without one is not limited here.

    Counts what changes something, per account where there is one, else per address; reading is free.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        """Return whether the caller may go on now."""
        return request.method in SAFE_METHODS or super().allow_request(request, view)


def limited(scope: str) -> Callable[[Any], Any]:
    """Name the rate that bounds a view; stands above ``api_view``."""

    def name(view: Any) -> Any:
        view.cls.throttle_scope = scope
        return view

    return name
