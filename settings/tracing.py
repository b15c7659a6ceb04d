"""A number for every request, in its logs and in its answer, and a count of them all."""

import re
import time
from collections.abc import Callable
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from prometheus_client import Histogram

WELL_FORMED = re.compile(r"[A-Za-z0-9_.-]{8,64}")
SECONDS = Histogram(
    "linjia_request_seconds",
    "How long answers took, by route and status.",
    ["method", "route", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestIdMiddleware:
    """Takes the id a proxy gave, if it is well formed, else makes one. Stands before the logging middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        number = given if WELL_FORMED.fullmatch(given) else uuid4().hex
        request.META["HTTP_X_REQUEST_ID"] = number
        began = time.perf_counter()
        response = self.get_response(request)
        response["X-Request-ID"] = number
        # Routes, never paths: labels are kept for ever, and paths are endless and may name people's orders.
        route = request.resolver_match.route if request.resolver_match else "none"
        method = request.method if request.method in _METHODS else "other"
        response.route = route  # type: ignore[attr-defined]
        SECONDS.labels(method, route, response.status_code).observe(time.perf_counter() - began)
        return response
