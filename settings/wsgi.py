"""Entry of the web processes (Granian in WSGI mode)."""

import gc
import os

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest
from django.urls import ResolverMatch

from settings.front import Front
from shop.base.routes import route_of

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.dev")
os.environ.setdefault("LINJIA_PROCESS", "web")

django.setup(set_prefix=False)


class Handler(WSGIHandler):
    """Django's, which does not look an address up again that it knows, or that the middleware has just looked up."""

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Return the view for a request."""
        if hasattr(request, "urlconf"):
            return super().resolve_request(request)
        found: ResolverMatch | None = getattr(request, "found_route", None)
        request.resolver_match = found or route_of(request.path_info)
        return request.resolver_match


# Where no page is kept, none is remembered either.
_SECONDS = min(settings.LINJIA_PAGE_FRONT_SECONDS, settings.LINJIA_PAGE_SECONDS)
application = Front(Handler(), seconds=_SECONDS)
# What is loaded now stays: the collector need not look through it again with each request.
gc.collect()
gc.freeze()
