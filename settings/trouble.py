"""The last answer: what people and programs get when something failed that nobody turned into words."""

import sys

from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`. Called while the error is being handled, so the error can be asked for."""
    error = sys.exc_info()[1]
    answer: HttpResponse = import_string(
        "shop.api.errors.fault" if request.path.startswith("/api/") else "shop.web.trouble.page"
    )(request, error)
    return answer
