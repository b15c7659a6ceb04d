"""Every error of the API as RFC 9457 ``application/problem+json``, made in one place."""

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import set_rollback

from shop.base.errors import DomainError
from shop.gateways.contract import GatewayRefused, GatewayUnknown

logger = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"

# Actions name their own arguments; a reader of the API knows the names of its fields.
_FIELDS = {
    "address_number": "address",
    "order_number": "order",
    "payer_openid": "kind",
    "product_number": "product",
    "referrer_code": "referrer",
    "shipment_number": "shipment",
    "sku_number": "sku",
    "store_code": "store",
    "visitor_key": "X-Visitor-Key",
}


# After what time asking again is worth it while the database is away; seconds.
BUSY_SECONDS = 2


class BodyTooLarge(exceptions.APIException):
    """More bytes than any honest request of the API has."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"


def handle(error: Exception, context: dict[str, Any]) -> Response:
    """Return the problem answer of ``error``; a fault of ours is logged and says nothing about itself."""
    if isinstance(error, DomainError):
        problem = _of_domain(error)
    elif isinstance(error, exceptions.ValidationError):
        problem = _problem(400, "invalid", _("Some input cannot be accepted."), errors=_fields(error))
    elif isinstance(error, exceptions.APIException):
        problem = _problem(error.status_code, str(error.default_code), str(error.detail))
    else:
        problem = _of_others(error)
    set_rollback()
    return _respond(problem, error, context)


def fault(request: HttpRequest, error: BaseException | None) -> JsonResponse:
    """The same answer for what failed before a view was reached, or in the middle of it."""
    problem = _of_others(error if isinstance(error, Exception) else RuntimeError("unknown"))
    problem["instance"] = request.path
    headers = {}
    if "retry_after_seconds" in problem:
        headers["Retry-After"] = str(problem["retry_after_seconds"])
    return JsonResponse(problem, status=problem["status"], headers=headers, content_type=CONTENT_TYPE)


def _of_others(error: Exception) -> dict[str, Any]:
    if isinstance(error, Http404):
        problem = _problem(404, "not_found", _("There is nothing here."))
    elif isinstance(error, PermissionDenied):
        problem = _problem(403, "not_allowed", _("You may not do this."))
    elif isinstance(error, RequestDataTooBig):
        problem = _problem(413, "body_too_large", _("The body is too large."))
    elif isinstance(error, SuspiciousOperation):
        problem = _problem(400, "invalid", _("Some input cannot be accepted."))
    elif isinstance(error, GatewayUnknown):
        problem = _problem(
            503, "gateway_unknown", _("The payment service did not answer. We keep checking; try again.")
        )
    elif isinstance(error, GatewayRefused):
        logger.warning("gateway_refused", code=error.code, message=error.message)
        problem = _problem(502, "gateway_refused", _("The payment service refused. Try again later."))
    elif isinstance(error, (OperationalError, InterfaceError)):
        logger.error("database_unavailable", exc_info=error)
        problem = _problem(
            503, "busy", _("We are busy right now. Try again in a moment."), retry_after_seconds=BUSY_SECONDS
        )
    else:
        logger.error("api_fault", exc_info=error)
        problem = _problem(500, "fault", _("Something went wrong on our side. Try again later."))
    return problem


def _of_domain(error: DomainError) -> dict[str, Any]:
    message = str(error)
    field = _FIELDS.get(error.field or "", error.field)
    errors = [{"field": field, "message": message}] if field else []
    return _problem(error.status, error.code, message, errors=errors, **error.extra)


def _problem(
    status: int, code: str, detail: str, *, errors: list[dict[str, str]] | None = None, **extra: Any
) -> dict[str, Any]:
    problem: dict[str, Any] = {
        **extra,
        "type": f"urn:linjia:problem:{code}",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "code": code,
        "detail": detail,
    }
    if errors:
        problem["errors"] = errors
    return problem


def _respond(problem: dict[str, Any], error: Exception, context: dict[str, Any]) -> Response:
    request: Request | None = context.get("request")
    if request is not None:
        problem["instance"] = request.path
    headers = {}
    wait = getattr(error, "wait", None) or problem.get("retry_after_seconds")
    if wait:
        headers["Retry-After"] = str(int(wait))
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined]
    return Response(problem, status=problem["status"], headers=headers, content_type=CONTENT_TYPE)


def _fields(error: exceptions.ValidationError) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []

    def walk(detail: Any, path: str) -> None:
        if isinstance(detail, dict):
            for name, inner in detail.items():
                walk(inner, f"{path}.{name}" if path else str(name))
        elif isinstance(detail, list):
            for index, inner in enumerate(detail):
                nested = isinstance(inner, dict | list)
                walk(inner, f"{path}.{index}" if nested else path)
        else:
            name = path.removesuffix("non_field_errors").removesuffix(".")
            found.append({"field": name or "body", "message": str(detail)})

    walk(error.detail, "")
    return found


_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}
