"""The API's description, told as it is committed, and the page to read it at."""

from functools import lru_cache
from typing import Any

import orjson
import yaml
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from rest_framework.decorators import api_view, authentication_classes, permission_classes, renderer_classes
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from shop.api.describing import extend_schema


class AsWritten(BaseRenderer):
    """YAML, byte for byte; the media type is the one of OpenAPI 3."""

    media_type = "application/vnd.oai.openapi"
    format = "yaml"

    def render(self, data: bytes, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """Return the bytes of the file."""
        return data


class AsPlainYAML(AsWritten):
    """The same for who asks for YAML by its own name (RFC 9512)."""

    media_type = "application/yaml"


class AsJSON(BaseRenderer):
    """The same as JSON, for tools that read nothing else."""

    media_type = "application/vnd.oai.openapi+json"
    format = "json"

    def render(self, data: bytes, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """Return the document as JSON."""
        return _as_json(data)


@lru_cache(maxsize=1)
def _as_json(written: bytes) -> bytes:
    # Turning it takes a fifth of a second, which nobody shall have by asking again.
    return orjson.dumps(yaml.load(written, Loader=yaml.CSafeLoader))


class AsPlainJSON(AsJSON):
    """The same for who asks for JSON by its own name."""

    media_type = "application/json"


@extend_schema(exclude=True)
@api_view(["GET"])
@authentication_classes([])
@permission_classes([AllowAny])
@renderer_classes([AsWritten, AsPlainYAML, AsJSON, AsPlainJSON])
def description(request: Request) -> Response:
    """Tell the description. It is in English and the same for everybody."""
    headers = {"Content-Disposition": f'inline; filename="linjia-api.{request.accepted_renderer.format}"'}
    return Response(settings.LINJIA_API_DESCRIPTION.read_bytes(), headers=headers)


@require_safe
def reading_page(request: HttpRequest) -> HttpResponse:
    """Show the description to people, and let them try it."""
    return render(request, "api/reading_page.html")
