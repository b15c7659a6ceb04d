"""A number for every request, in its logs and in its answer, so that a person's complaint can be found."""

import re
from collections.abc import Callable
from uuid import uuid4

from django.http import HttpRequest, HttpResponse

_WELL_FORMED = re.compile(r"[A-Za-z0-9_.-]{8,64}")


class RequestIdMiddleware:
    """Takes the id a proxy gave, if it is well formed, else makes one. Stands before the logging middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        number = given if _WELL_FORMED.fullmatch(given) else uuid4().hex
        request.META["HTTP_X_REQUEST_ID"] = number
        response = self.get_response(request)
        response["X-Request-ID"] = number
        return response
