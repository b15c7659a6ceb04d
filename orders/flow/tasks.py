"""Handlers of the trade's due work: each fetches by number and calls one function.

Safe to run twice. ``now`` is the database's clock. What raises is tried again, later and later.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from orders.flow import aftersale, delivery, payment, reversal, shipping
from orders.flow.forgotten import RefundsOnHold, is_given_back_elsewhere
from orders.lifecycle.models import Order
from orders.lifecycle.queries import is_picture_of_an_order
from orders.payments.models import Payment, Refund
from orders.payments.refunds import query_later
from orders.payments.refunds import send_refund as send_to_gateway
from orders.payments.states import PaymentState, RefundState
from shop.base.locks import lock_rows
from shop.gateways.contract import GatewayUnknown
from shop.gateways.registry import gateway_named
from shop.media.actions import release
from shop.media.models import Picture
from shop.work import actions as work

# How long after its end an order waits for a gateway that does not answer.
PATIENCE = timedelta(minutes=5)
# How soon a case that cannot be decided now is looked at again.
HOLD_PAUSE = timedelta(minutes=10)
# How soon a refund is tried again when the gateway did not say whether it is the first of its payment.
ASK_PAUSE = timedelta(seconds=10)
SECOND_TIME = _(
    "The channel gave back money of this payment that our books do not know. Compare the books. If it was this refund,"
    " void this one; if it was another, adopt that one and send this one again."
)


def expire_unpaid(*, subject: str, now: datetime) -> None:
    """The time to pay is over: ask the gateway a last time, then give the order up."""
    order = Order.objects.filter(number=subject).first()
    if order is None:
        return
    if now >= order.expires_at:
        started = Payment.objects.filter(order=order, state=PaymentState.STARTED)
        for number in started.values_list("number", flat=True):
            try:
                payment.query_payment(number=number, now=now)
            except GatewayUnknown:
                # Goods are not kept for a silent gateway: what was paid after all is sent back.
                if now < order.expires_at + PATIENCE:
                    raise
    reversal.expire_order(number=subject, now=now)


def query_payment(*, subject: str, now: datetime) -> None:
    """Ask what became of a payment whose notice has not come."""
    try:
        payment.query_payment(number=subject, now=now)
    except GatewayUnknown:
        payment.query_later(number=subject, now=now)


def close_payment(*, subject: str, now: datetime) -> None:
    """Make a payment we gave up unpayable."""
    payment.close_payment(number=subject, now=now)


def discard_product_picture(*, subject: str, now: datetime) -> None:
    """Throw a product's removed picture away, unless an order shows it: what was bought keeps its picture."""
    product_number, _colon, picture_number = subject.partition(":")
    with transaction.atomic():
        for picture in lock_rows(Picture.objects.filter(number=picture_number)):
            if not is_picture_of_an_order(product_number, picture.file):
                release(picture=picture, now=now)


def send_refund(*, subject: str, now: datetime) -> None:
    """Ask the gateway to give money back; take its answer in when it is final at once.

    When nobody can tell what became of it, the query that is due then finds out. What may be a second time, because
    the gateway gave back what we do not know of, waits for a person.
    """
    refund = Refund.objects.filter(number=subject).select_related("payment").first()
    if refund is None:
        return
    try:
        if is_given_back_elsewhere(refund):
            reversal.withhold_refund(number=subject, reason=str(SECOND_TIME), now=now)
            return
    except GatewayUnknown:
        work.remember(what="refund.send", subject=subject, due_at=now + ASK_PAUSE)
        return
    try:
        answer = send_to_gateway(number=subject, now=now)
    except GatewayUnknown:
        return
    if answer is not None and answer.state != "processing":
        rail = Refund.objects.values_list("payment__gateway", flat=True).get(number=subject)
        reversal.confirm_refund(gateway_name=rail, state=answer, now=now)


def query_refund(*, subject: str, now: datetime) -> None:
    """Ask what became of a refund that was sent."""
    refund = Refund.objects.filter(number=subject).select_related("payment").first()
    if refund is None or refund.state != RefundState.SENT:
        return
    try:
        answer = gateway_named(refund.payment.gateway).query_refund(subject)
    except GatewayUnknown:
        query_later(refund, now)
        return
    reversal.confirm_refund(gateway_name=refund.payment.gateway, state=answer, now=now)


def receive_overdue(*, subject: str, now: datetime) -> None:
    """A shipped supplier order counts as received."""
    delivery.receive_overdue(number=subject, now=now)


def complete_due(*, subject: str, now: datetime) -> None:
    """Return windows of a supplier order have passed."""
    delivery.complete_supplier_order(number=subject, now=now)


def decide_aftersale(*, subject: str, now: datetime) -> None:
    """Somebody's time to answer a case is over. While refunds wait after a restore, so does the case."""
    try:
        aftersale.decide_overdue(number=subject, now=now)
    except RefundsOnHold:
        work.remember(what="aftersale.deadline", subject=subject, due_at=now + HOLD_PAUSE)


def upload_shipping(*, subject: str, now: datetime) -> None:
    """Tell WeChat about a parcel."""
    shipping.upload_shipping(number=subject, now=now)
