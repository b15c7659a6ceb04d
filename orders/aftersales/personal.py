"""What a person wanted back, and what was said about it."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orders.aftersales.models import AfterSale, Evidence, EvidencePhoto
from orders.aftersales.states import OPEN_STATES
from shop.media.actions import release
from shop.notifications.actions import forget_words
from shop.privacy.parts import Part, Row, rows
from shop.suppliers.models import SupplierMember


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


def _erase(user_id: int, now: datetime) -> None:
    # All her cases are closed and their windows over. What became of them stays; her words and photos are hers.
    hers = Evidence.objects.filter(aftersale__order__user_id=user_id, author=Evidence.Author.CUSTOMER)
    _empty(hers, now)
    numbers = list(AfterSale.objects.filter(order__user_id=user_id).values_list("number", flat=True))
    members = SupplierMember.objects.filter(supplier__supplier_orders__order__user_id=user_id)
    people = list(members.values_list("user_id", flat=True).distinct())
    forget_words(user_ids=people, kind="aftersale_message", fact="aftersale", values=numbers, words="text")


def _expire(user_id: int, now: datetime) -> None:
    # What the others said may name her.
    _empty(Evidence.objects.filter(aftersale__order__user_id=user_id), now)
    AfterSale.objects.filter(order__user_id=user_id).update(return_carrier="", return_tracking_number="")


def _empty(said: QuerySet[Evidence], now: datetime) -> None:
    for photo in EvidencePhoto.objects.select_related("picture").filter(evidence__in=said):
        photo.delete()
        release(picture=photo.picture, now=now)
    said.exclude(text="").update(text="")


PART = Part(name="aftersales", tables=frozenset(), tell=_tell, reasons=_reasons, erase=_erase, expire=_expire)
