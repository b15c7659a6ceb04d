"""Where a request comes from."""

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """Return the network address that asks.

    Of ``X-Forwarded-For`` only what our own proxies added is believed: the entry the first of them wrote,
    ``LINJIA_PROXIES`` from the right. What a client put in front of it is ignored.
    """
    told = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    proxies: int = settings.LINJIA_PROXIES
    if proxies and told:
        return str(told[-min(proxies, len(told))])
    return str(request.META.get("REMOTE_ADDR", ""))
