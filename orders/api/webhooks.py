"""Notices of the payment channel. Proven first, answered fast, applied once."""

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from prometheus_client import Counter

from distributors.payouts.sending import TransferMismatch
from orders.flow.notices import receive_notice
from orders.payments.actions import NoticeMismatch
from shop.base.errors import DomainError, NotFound
from shop.gateways.contract import NoticeRejected
from shop.gateways.registry import default_gateway

logger = structlog.get_logger(__name__)

BODY_BYTES_MAX = 64 * 1024
NOTICES = Counter("linjia_notices", "Notices of the payment channel, by what came of them.", ["kind", "outcome"])


@csrf_exempt  # the signature proves the sender; a channel has no session
@require_POST
def wechat_notice(request: HttpRequest, kind: str) -> HttpResponse:
    """Take in one notice.

    200: applied, or seen before. 401: not proven to come from the channel, for us, now. 400: proven,
    but it speaks against our records; kept, nothing changed. 5xx: come again.
    """
    if int(request.headers.get("Content-Length") or 0) > BODY_BYTES_MAX:
        NOTICES.labels(kind, "rejected").inc()
        return _fail(413, "too large")
    try:
        outcome = receive_notice(
            gateway_name=default_gateway().name,
            headers=request.headers,
            body=request.body,
            now=timezone.now(),
        )
    except NoticeRejected as rejection:
        NOTICES.labels(kind, "rejected").inc()
        logger.warning("notice_rejected", kind=kind, reason=rejection.reason)
        return _fail(401, "not proven")
    except (NoticeMismatch, TransferMismatch, NotFound) as mismatch:
        NOTICES.labels(kind, "mismatch").inc()
        logger.warning("notice_mismatch", kind=kind, reason=str(mismatch))
        return _fail(400, "does not fit our records")
    except DomainError as error:
        NOTICES.labels(kind, "not_applied").inc()
        logger.warning("notice_not_applied", kind=kind, code=error.code, reason=str(error))
        return _fail(500, "try again")
    NOTICES.labels(kind, "taken_in").inc()
    logger.info("notice_taken_in", kind=kind, outcome=outcome)
    return JsonResponse({"code": "SUCCESS"})


def _fail(status: int, message: str) -> JsonResponse:
    return JsonResponse({"code": "FAIL", "message": message}, status=status)
