"""The limit of every page: one Django view, no middleware, no database."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path


def bare(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"OK", content_type="text/plain")


urlpatterns = [path("", bare)]

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        DEBUG=False,
        MIDDLEWARE=[],
        ROOT_URLCONF="tests.bench.bare",
        SECRET_KEY="bench-only",
    )
application = get_wsgi_application()
