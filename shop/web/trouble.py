"""The page for what failed on our side: it needs no database, no session and no message."""

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

# After what time trying again is worth it while the database is away; seconds.
BUSY_SECONDS = 5


def page(request: HttpRequest, error: BaseException | None) -> HttpResponse:
    """503 and "try again" while the database is away or overloaded, else 500."""
    if isinstance(error, (OperationalError, InterfaceError)):
        return HttpResponse(render_to_string("503.html"), status=503, headers={"Retry-After": str(BUSY_SECONDS)})
    return HttpResponse(render_to_string("500.html"), status=500)
