"""Notices of the payment channel. Proven first, answered fast, applied once."""

from datetime import datetime

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from distributors.payouts import actions as payouts
from orders.flow.payment import confirm_payment
from orders.flow.reversal import confirm_refund
from orders.payments.actions import NoticeMismatch
from shop.base.errors import DomainError
from shop.gateways.contract import Notice, NoticeRejected
from shop.gateways.registry import default_gateway

logger = structlog.get_logger(__name__)

BODY_BYTES_MAX = 64 * 1024


@csrf_exempt  # the signature proves the sender; a channel has no session
@require_POST
def wechat_notice(request: HttpRequest, kind: str) -> HttpResponse:
    """Take in one notice.

    200: applied, or seen before. 401: not proven to come from the channel, for us, now. 400: proven,
    but it speaks against our records; kept, nothing changed. 5xx: come again.
    """
    if int(request.headers.get("Content-Length") or 0) > BODY_BYTES_MAX:
        return _fail(413, "too large")
    now = timezone.now()
    rail = default_gateway()
    try:
        notice = rail.read_notice(request.headers, request.body, now)
    except NoticeRejected as rejection:
        logger.warning("notice_rejected", kind=kind, reason=rejection.reason)
        return _fail(401, "not proven")
    if notice.kind != kind:
        logger.warning("notice_misdirected", kind=kind, notice_kind=notice.kind)
        return _fail(400, "wrong address")
    try:
        _apply(rail.name, notice, now)
    except NoticeMismatch as mismatch:
        logger.warning("notice_mismatch", number=notice.number, reason=str(mismatch))
        return _fail(400, "does not fit our records")
    except DomainError as error:
        logger.warning("notice_not_applied", number=notice.number, code=error.code, reason=str(error))
        return _fail(500, "try again")
    return JsonResponse({"code": "SUCCESS"})


def _apply(gateway_name: str, notice: Notice, now: datetime) -> None:
    if notice.kind == "payment":
        confirm_payment(gateway_name=gateway_name, notice=notice, now=now)
    elif notice.kind == "refund":
        confirm_refund(gateway_name=gateway_name, notice=notice, now=now)
    else:
        payouts.apply_notice(notice=notice, now=now)


def _fail(status: int, message: str) -> JsonResponse:
    return JsonResponse({"code": "FAIL", "message": message}, status=status)
