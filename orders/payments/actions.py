"""Asking for money, and writing down what the gateway said about it.

What a payment *means* for the order is decided in ``orders.flow``; here are only the rows.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from orders.lifecycle.models import Order
from orders.lifecycle.states import OrderState
from orders.payments.models import BookDifference, GatewayNotice, Payment
from orders.payments.rules import MISMATCH, Told, without_persons
from orders.payments.states import PaymentState
from shop.base.errors import Conflict, Invalid
from shop.base.locks import lock_rows, require_transaction, retry_on_contention
from shop.gateways.contract import (
    Collection,
    CollectResult,
    GatewayRefused,
    GatewayUnknown,
    Notice,
)
from shop.gateways.registry import gateway_named
from shop.states.machine import StateConflict, move
from shop.work import actions as work

KINDS = ("jsapi", "native", "h5")
# WeChat refuses a payment that would end within a minute (its order interfaces, "time_expire"). Who asks in an order's
# last minute gets a payment that would outlast the order a little; it is closed when the order is given up.
TIME_TO_PAY_MIN = timedelta(seconds=90)
_DESCRIPTION_LENGTH_MAX = 40


class NotPayable(Conflict):
    """The order cannot be paid (any more)."""

    code = "order_not_payable"


class PaymentUnknown(Conflict):
    """The channel did not answer; asking again goes on with the same payment."""

    code = "payment_unknown"


class PaymentRefused(Conflict):
    """The channel refused to collect; ``extra["gateway_code"]`` is its own word."""

    code = "payment_refused"


class NoticeMismatch(Invalid):
    """A proven notice speaks against our own records; it is kept, and changes nothing."""

    code = "notice_mismatch"


def start_payment(*, order: Order, kind: str, payer_openid: str | None, now: datetime, app_id: str = "") -> Payment:
    """Return a payment of the order that the customer can go on with.

    ``payer_openid`` is her name in the app ``app_id`` (empty: the mini-program). An open payment of the same kind and
    payer is used again. The intent and its number are committed
    before the channel is asked, and asking again uses the same number, so a lost answer costs nothing.

    Raises ``Invalid`` for an unknown kind or a missing openid, :class:`NotPayable`,
    :class:`PaymentUnknown` (try again), :class:`PaymentRefused` (try again or another way).
    """
    if kind not in KINDS:
        raise Invalid(_("Choose one of: %(kinds)s.") % {"kinds": ", ".join(KINDS)}, field="kind")
    if kind == "jsapi" and not payer_openid:
        raise Invalid(
            _("Paying inside WeChat needs your WeChat identity. Sign in with WeChat first."),
            field="payer_openid",
        )
    payer = (app_id or settings.LINJIA_WECHAT_APP_ID, payer_openid or "") if kind == "jsapi" else ("", "")
    payment = _intend(order=order, kind=kind, payer=payer, now=now)
    if payment.prepay_id or payment.code_url:
        return payment
    try:
        answer = gateway_named(payment.gateway).collect(_collection(payment))
    except GatewayUnknown as error:
        raise PaymentUnknown(
            _("The payment channel did not answer. Nothing was charged; please try again."),
            extra={"payment": payment.number},
        ) from error
    except GatewayRefused as error:
        _record_refusal(payment=payment, error=error, now=now)
        raise PaymentRefused(
            _("The payment channel refused. Please try again, or choose another way to pay."),
            extra={"payment": payment.number, "gateway_code": error.code},
        ) from error
    return _record_answer(payment=payment, answer=answer)


@retry_on_contention()
def _intend(*, order: Order, kind: str, payer: tuple[str, str], now: datetime) -> Payment:
    # Durable: the number must be committed before the channel hears it.
    with transaction.atomic(durable=True):
        (locked,) = lock_rows(Order.objects.filter(pk=order.pk))
        if locked.state != OrderState.PLACED:
            raise NotPayable(
                _("This order is not waiting for payment; it is “%(state)s”.") % {"state": locked.get_state_display()},
                extra={"state": locked.state},
            )
        if now >= locked.expires_at:
            raise NotPayable(_("The time to pay is over. Please place the order again."), extra={"state": locked.state})
        facts = {
            "order": locked,
            "gateway": settings.LINJIA_GATEWAY,
            "kind": kind,
            "app_id": payer[0],
            "payer_openid": payer[1],
        }
        payment = Payment.objects.filter(**facts, state=PaymentState.STARTED).first()
        if payment is None:
            payment = Payment.objects.create(**facts, amount_fen=locked.payable_fen, started_at=now)
            work.remember(
                what="payment.query",
                subject=payment.number,
                due_at=now + timedelta(seconds=settings.LINJIA_QUERY_SECONDS),
            )
    return payment


def _collection(payment: Payment) -> Collection:
    order = payment.order
    first = order.lines.order_by("line").first()
    title = first.title if first else order.number
    return Collection(
        number=payment.number,
        amount_fen=payment.amount_fen,
        description=title[:_DESCRIPTION_LENGTH_MAX],
        # Of what is the same each time, so that asking again asks for the same.
        expires_at=max(order.expires_at, payment.started_at + TIME_TO_PAY_MIN),
        payer_openid=payment.payer_openid or None,
        kind=payment.kind,  # type: ignore[arg-type]
        app_id=payment.app_id,
        reference=order.number,
    )


def _record_answer(*, payment: Payment, answer: CollectResult) -> Payment:
    facts = {
        "prepay_id": answer.prepay_id,
        "code_url": answer.code_url,
        "client_params": answer.client_params,
    }
    Payment.objects.filter(pk=payment.pk, order=payment.order_id).update(**facts)
    payment.refresh_from_db()
    return payment


def _record_refusal(*, payment: Payment, error: GatewayRefused, now: datetime) -> None:
    with transaction.atomic():
        (locked,) = lock_rows(Payment.objects.filter(pk=payment.pk))
        if locked.state == PaymentState.STARTED:
            move(
                locked,
                PaymentState.FAILED,
                actor="system",
                at=now,
                reason=str(error)[:300],
                changes={"fail_reason": str(error)[:200]},
            )
            # "Refused" may mean "paid already": the truth is asked for once more.
            work.remember(what="payment.query", subject=payment.number, due_at=now)


def record_success(
    *, payment: Payment, transaction_id: str, payer_openid: str, is_applied: bool, paid_at: datetime, now: datetime
) -> None:
    """Move a locked payment to ``succeeded``; ``is_applied`` when its money pays the order.

    Raises ``StateConflict`` when it succeeded before.
    """
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT payments_succeed(%s, %s, %s, %s, %s, %s)",
            [payment.pk, transaction_id, payer_openid, is_applied, paid_at, now],
        )
        (is_news,) = cursor.fetchone()
    if not is_news:
        raise StateConflict(_("This payment was taken in before."), extra={"payment": payment.number})
    payment.refresh_from_db()


def give_up(*, order: Order, reason: str, now: datetime) -> int:
    """Expire the open payments of a locked order and have them closed at the gateway; return how many.

    The closing is work of its own: it happens after the commit, outside any transaction.
    """
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT payments_give_up(%s, %s, %s)", [order.pk, reason[:300], now])
        (count,) = cursor.fetchone()
    if count:
        work.ring_after_commit()
    return int(count)


def restore_payment(*, order: Order, gateway: str, number: str, amount_fen: int, now: datetime) -> Payment:
    """Write down again a payment that only the gateway remembers, as one that was given up.

    The caller holds the order's lock and takes in what the gateway says next.
    """
    require_transaction()
    return Payment.objects.create(
        number=number,
        order=order,
        gateway=gateway,
        kind="restored",
        amount_fen=amount_fen,
        state=PaymentState.EXPIRED,
        started_at=now,
    )


def explain_difference(*, difference: BookDifference, text: str, actor: str) -> None:
    """Say why two books may differ about one thing; later comparisons that find the same take it over.

    Raises ``Invalid`` (``text``) without a word, ``Conflict`` when it was mended or explained before.
    """
    said = text.strip()
    if not said:
        raise Invalid(_("Say why."), field="text")
    rows = BookDifference.objects.filter(pk=difference.pk, is_mended=False, explained_by="")
    if rows.update(explained_by=actor, explanation=said[:200]) != 1:
        raise Conflict(_("Somebody explained or mended this already."), code="explained")


def record_notice(*, gateway: str, notice: Notice, now: datetime) -> int | None:
    """Store a proven notice as it came, but for names of people, and return its id; None when this event was stored before.

    Call it inside the transaction that applies the notice: a rival with the same event waits for that
    one to end. Raises :class:`NoticeMismatch` when the event is known with other content.
    """
    require_transaction()
    with connection.cursor() as cursor:
        marks = "%s, %s, %s, %s, %s, %s, %s::jsonb, '', %s"
        cursor.execute(f"SELECT payments_keep_notice({marks})", [gateway, *notice_values(notice), now])
        (row_id,) = cursor.fetchone()
    if row_id is not None:
        return int(row_id)
    seen = GatewayNotice.objects.get(gateway=gateway, event_id=notice.event_id)
    refuse_other(notice, Told(seen.kind, seen.number, seen.state, seen.amount_fen, seen.outcome))
    return None


def notice_values(notice: Notice) -> list[Any]:
    """Return what a notice says as ``payments_keep_notice`` takes it, from the event on."""
    raw = json.dumps(without_persons(notice.raw), ensure_ascii=False)
    return [notice.event_id, notice.kind, notice.number, notice.state, notice.amount_fen, raw]


def refuse_other(notice: Notice, told: Told) -> None:
    """Raise :class:`NoticeMismatch` when its event was told before with other content, or refused before."""
    is_same = (told.kind, told.number, told.state, told.amount_fen) == (
        notice.kind,
        notice.number,
        notice.state,
        notice.amount_fen,
    )
    if not is_same or told.outcome.startswith(MISMATCH):
        raise mismatch_error(told.outcome if is_same else f"{MISMATCH}:event")


def note_outcome(*, notice_id: int | None, outcome: str) -> None:
    """Write down what a notice led to; the only field of it that may be written later, and only once."""
    if notice_id is not None:
        GatewayNotice.objects.filter(pk=notice_id).update(outcome=outcome)


def mismatch_error(outcome: str) -> NoticeMismatch:
    """Return the refusal for a notice with such an outcome."""
    what = outcome.partition(":")[2] or "content"
    return NoticeMismatch(
        _("This notice does not fit our records (%(what)s); nothing was changed.") % {"what": what},
        field=what,
        extra={"outcome": outcome},
    )
