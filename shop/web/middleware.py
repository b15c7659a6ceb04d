"""Refusals that no view turned into words beside a field become a page, a message or a toast."""

from collections.abc import Callable
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from shop.base.errors import DomainError
from shop.web.access import back_url, is_part, tell_refusal

# Programs get their own form of a refusal, and the panels are Django's admin.
OTHERS = ("/api/", "/admin/", "/supplier/")


class RefusalMiddleware:
    """Shows a :class:`DomainError` to a person: a toast for htmx, the page before with a message, or a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the answer to a refusal; other exceptions go their own way."""
        if not isinstance(error, DomainError) or request.path.startswith(OTHERS):
            return None
        wait = error.extra.get("retry_after_seconds")
        headers = {"Retry-After": str(wait)} if wait else {}
        if is_part(request):
            return HttpResponse(status=error.status, headers={"X-Message": quote(str(error)), **headers})
        if request.method == "POST":
            return tell_refusal(request, error, back_url(request, "/"))
        titles = {
            403: _("This is not open to you"),
            404: _("There is nothing here"),
            409: _("This has changed"),
        }
        context = {"title": titles.get(error.status, _("This did not work")), "text": str(error)}
        response = render(request, "refused.html", context, status=error.status)
        for name, value in headers.items():
            response[name] = value
        return response
