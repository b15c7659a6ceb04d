"""The API's short way: its views need a language and the log, and nothing of what pages need below."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language_from_request, override
from rest_framework.views import APIView

from shop.base.routes import route_of


class ApiMiddleware:
    """Calls a view of the API at once; everybody else goes on.

    Below stand forms' protection, messages, fragments and refusals as pages: tokens are not sent by browsers on their
    own, and the API tells its refusals itself (``shop.api.errors``).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            match = getattr(request, "found_route", None) or route_of(request.path_info)
        except Resolver404:
            return self._get_response(request)
        if not issubclass(getattr(match.func, "cls", object), APIView):
            return self._get_response(request)
        # Refuses a name that is not ours, as CommonMiddleware does for pages.
        request.get_host()
        request.found_route = request.resolver_match = match  # type: ignore[attr-defined]
        language = get_language_from_request(request)
        with override(language):
            response: HttpResponse = match.func(request, *match.args, **match.kwargs)
            if hasattr(response, "render"):
                response = response.render()
        patch_vary_headers(response, ("Accept-Language",))
        response.headers.setdefault("Content-Language", language)
        if not response.streaming:
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response
