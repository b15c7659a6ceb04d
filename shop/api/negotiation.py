"""In which form somebody is answered, decided at once where there is nothing to choose."""

from collections.abc import Sequence
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class ContentNegotiation(DefaultContentNegotiation):
    """Compares nothing when a view has one form and the caller takes any, or names just that."""

    def select_renderer(  # type: ignore[override]
        self, request: Request, renderers: Sequence[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[Any, str]:
        """Return the renderer and the media type. Raises ``NotAcceptable``."""
        if len(renderers) == 1 and not format_suffix and not request.META.get("QUERY_STRING"):
            (only,) = renderers
            if request.META.get("HTTP_ACCEPT", "*/*") in ("*/*", only.media_type):
                return only, str(only.media_type)
        found: tuple[Any, str] = super().select_renderer(request, renderers, format_suffix)
        return found
