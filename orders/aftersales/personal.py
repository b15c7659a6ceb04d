"""What a person wanted back, and what was said about it."""

from collections.abc import Iterator

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orders.aftersales.models import AfterSale, Evidence
from orders.aftersales.states import OPEN_STATES
from shop.privacy.parts import Part, Row, rows


def _tell(user_id: int) -> dict[str, list[Row]]:
    return {
        "after_sales": rows(
            AfterSale.objects.filter(order__user_id=user_id),
            *("number", "order__number", "kind", "reason", "quantity", "amount_fen", "state", "opened_at", "closed_at"),
        ),
        "after_sale_messages": rows(
            Evidence.objects.filter(aftersale__order__user_id=user_id), "aftersale__number", "author", "text", "at"
        ),
    }


def _reasons(user_id: int) -> Iterator[str | Promise]:
    if AfterSale.objects.filter(order__user_id=user_id, state__in=OPEN_STATES).exists():
        yield _("A refund or return is still open. Wait for its end or withdraw it.")


PART = Part(name="aftersales", tables=frozenset(), tell=_tell, reasons=_reasons)
