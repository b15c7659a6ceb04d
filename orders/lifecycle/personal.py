"""What a person ordered, and where it went."""

from collections.abc import Iterator
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orders.lifecycle.models import Order, OrderLine
from orders.lifecycle.states import OrderState
from shop.privacy.parts import Part, Row, rows


def _tell(user_id: int) -> dict[str, list[Row]]:
    return {
        "orders": rows(
            Order.objects.filter(user_id=user_id),
            *("number", "state", "goods_fen", "discount_fen", "freight_fen", "payable_fen", "paid_fen"),
            *("refunded_fen", "recipient_name", "recipient_phone", "region_names", "address_detail", "note"),
            *("placed_at", "paid_at", "cancelled_at", "completed_at"),
        ),
        "order_lines": rows(
            OrderLine.objects.filter(order__user_id=user_id),
            *("order__number", "line", "title", "option_text", "quantity", "unit_fen", "discount_fen", "paid_fen"),
            *("refunded_quantity", "refunded_fen", "received_at"),
        ),
    }


def _reasons(user_id: int) -> Iterator[str | Promise]:
    mine = Order.objects.filter(user_id=user_id)
    if mine.filter(state=OrderState.PLACED).exists():
        yield _("An order waits for your payment. Pay it or cancel it.")
    if mine.filter(state=OrderState.PAID).exists():
        yield _("An order is still open. Wait until it is completed: its return window must have ended.")


def _erase(user_id: int, now: datetime) -> None:
    # Recipient and address stay with the order, under seal, as long as the law asks for.
    Order.objects.filter(user_id=user_id).exclude(note="", cancel_reason="").update(note="", cancel_reason="")


def _expire(user_id: int, now: datetime) -> None:
    for order in Order.objects.filter(user_id=user_id).order_by("pk").iterator(chunk_size=200):
        order.recipient_name = order.recipient_phone = order.address_detail = ""
        order.save(update_fields=["recipient_name", "recipient_phone", "address_detail"])


PART = Part(
    name="orders",
    tables=frozenset({"lifecycle.order"}),
    tell=_tell,
    reasons=_reasons,
    erase=_erase,
    expire=_expire,
)
