"""What views say about themselves for `docs/openapi.yaml`.

A web process tells that file as it is committed (`description.py`) and never works it out, so it does not load what
would: 5 MB, and a class for every view.
"""

from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING or settings.LINJIA_DESCRIBES_API:
    from drf_spectacular.extensions import OpenApiAuthenticationExtension
    from drf_spectacular.types import OpenApiTypes
    from drf_spectacular.utils import (
        OpenApiParameter,
        OpenApiResponse,
        extend_schema,
        extend_schema_field,
        inline_serializer,
    )
else:
    from shop.api.undescribed import (
        OpenApiAuthenticationExtension,
        OpenApiParameter,
        OpenApiResponse,
        OpenApiTypes,
        extend_schema,
        extend_schema_field,
        inline_serializer,
    )

__all__ = [
    "OpenApiAuthenticationExtension",
    "OpenApiParameter",
    "OpenApiResponse",
    "OpenApiTypes",
    "extend_schema",
    "extend_schema_field",
    "inline_serializer",
]
