"""Where a request comes from."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """Return the network address that asks; see :func:`address_in`."""
    return address_in(request.META)


def address_in(environ: Mapping[str, Any]) -> str:
    """Return the network address that asks, from what the server says of a request.

    Of ``X-Forwarded-For`` only what our own proxies added is believed: the entry the first of them wrote,
    ``LINJIA_PROXIES`` from the right. What a client put in front of it is ignored.
    """
    proxies: int = settings.LINJIA_PROXIES
    if proxies and (forwarded := environ.get("HTTP_X_FORWARDED_FOR", "")):
        told = [part.strip() for part in forwarded.split(",") if part.strip()]
        if told:
            return str(told[-min(proxies, len(told))])
    return str(environ.get("REMOTE_ADDR", ""))
