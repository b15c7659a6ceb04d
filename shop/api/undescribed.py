"""drf-spectacular's words where nobody listens: they take everything and leave a view as it is."""

from collections.abc import Callable
from typing import Any


class _Unheard:
    """A part of a description that is not told."""

    HEADER = BINARY = ""

    def __init__(self, *_said: Any, **_more: Any) -> None: ...


class OpenApiAuthenticationExtension(_Unheard):
    """How credentials would be named."""


OpenApiParameter = OpenApiResponse = OpenApiTypes = inline_serializer = _Unheard


def extend_schema(*_said: Any, **_more: Any) -> Callable[[Any], Any]:
    """Return a decorator that changes nothing."""
    return _as_it_is


extend_schema_field = extend_schema


def _as_it_is(view: Any) -> Any:
    return view
