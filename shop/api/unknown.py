"""What is said at addresses the API does not have."""

from django.utils.translation import gettext_lazy as _
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from shop.api.describing import extend_schema
from shop.base.errors import NotFound

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@extend_schema(exclude=True)
@api_view(METHODS)
@permission_classes([AllowAny])
def unknown(request: Request, rest: str = "") -> Response:
    """Answer as every refusal is answered. Addresses are never guessed: a body would be lost on the way."""
    if rest and not rest.endswith("/"):
        raise NotFound(_("The API has no such address. Addresses end with a slash."))
    raise NotFound(_("The API has no such address."))
