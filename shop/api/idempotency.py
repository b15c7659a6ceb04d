"""The ``Idempotency-Key`` header of requests that place orders or move money."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response

from shop.api.auth import caller
from shop.api.describing import OpenApiParameter
from shop.base.errors import Invalid
from shop.work.idempotency import Once, begin, finish, forget, once, request_hash

HEADER = OpenApiParameter(
    name="Idempotency-Key",
    location=OpenApiParameter.HEADER,
    required=True,
    type=str,
    description=(
        "Made by the client once per intent (8 to 80 characters, a UUID is fine) and kept over retries. "
        "The same key with the same body gives the first answer again; with another body it is refused."
    ),
)


# Before a person's number: whose keys these are.
CALLER = "user:"


class KeyMissing(Invalid):
    """The header is missing or malformed."""

    code = "idempotency_key_missing"


def once_of(request: Request) -> Once:
    """Return the caller's intent. Raises :class:`KeyMissing`."""
    return Once(caller=_caller(request), key=key_of(request), asked=asked_of(request, request.data))


def answer_once(request: Request, act: Callable[[], tuple[int, Any]]) -> Response:
    """Run ``act`` once for this caller, key and body, in one transaction with its answer."""
    status, body, replayed = once(
        caller=_caller(request), key=key_of(request), asked=asked_of(request, request.data), act=act
    )
    return respond(status, body, replayed=replayed)


def answer_once_outside(request: Request, act: Callable[[], tuple[int, Any]]) -> Response:
    """The same for an action that calls a gateway and so commits in steps; it is idempotent by its numbers."""
    caller, key = _caller(request), key_of(request)
    seen = begin(caller=caller, key=key, asked=asked_of(request, request.data))
    if seen is not None:
        return respond(*seen, replayed=True)
    try:
        status, body = act()
    except Exception:
        forget(caller=caller, key=key)
        raise
    finish(caller=caller, key=key, status=status, body=body)
    return respond(status, body, replayed=False)


def respond(status: int, body: Any, replayed: bool) -> Response:
    """Return the answer, saying so when it was given before."""
    headers = {"Idempotency-Replayed": "true"} if replayed else None
    return Response(body, status=status, headers=headers)


def _caller(request: Request) -> str:
    return f"{CALLER}{caller(request).number}"


def asked_of(request: Request, body: Any) -> str:
    """Return the hash of what a request asks for."""
    return request_hash(request.method, request.path, body)


def key_of(request: Request) -> str:
    """Return the key a request brings. Raises :class:`KeyMissing`."""
    key = request.headers.get("Idempotency-Key", "")
    if not 8 <= len(key) <= 80 or not key.isascii() or not key.isprintable():
        raise KeyMissing(
            _("Send an Idempotency-Key header of 8 to 80 characters, made once per intent."),
            field="Idempotency-Key",
        )
    return key
