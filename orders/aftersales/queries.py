"""What can be asked about cases. Every query starts from the customer or the supplier."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Prefetch, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from orders.aftersales.models import AfterSale, Evidence, EvidencePhoto
from orders.aftersales.states import OPEN_STATES, AfterSaleState
from orders.lifecycle.models import Order
from shop.accounts.models import User
from shop.base.errors import NotFound
from shop.media.models import Picture
from shop.suppliers.models import Supplier


def cases_of(user: User) -> QuerySet[AfterSale]:
    """Return the customer's cases, newest first."""
    mine = AfterSale.objects.filter(order__user=user)
    return mine.select_related("order", "order_line").order_by("-pk")


def case_of(user: User, number: str) -> AfterSale:
    """Return one of the customer's cases. Raises ``NotFound``."""
    return _one(cases_of(user), number)


def cases_of_supplier(supplier: Supplier) -> QuerySet[AfterSale]:
    """Return the cases about the supplier's goods, newest first."""
    mine = AfterSale.objects.filter(supplier_order__supplier=supplier)
    return mine.select_related("order", "supplier_order", "order_line").order_by("-pk")


def case_of_supplier(supplier: Supplier, number: str) -> AfterSale:
    """Return one case about the supplier's goods. Raises ``NotFound``."""
    return _one(cases_of_supplier(supplier), number)


def cases_of_order(order: Order) -> QuerySet[AfterSale]:
    """Return an order's cases, newest first, with their conversations."""
    return AfterSale.objects.filter(order=order).order_by("-pk").prefetch_related("evidence")


def escalated() -> QuerySet[AfterSale]:
    """Return the cases that wait for the platform, oldest first."""
    waiting = AfterSale.objects.filter(state=AfterSaleState.ESCALATED)
    return waiting.select_related("order", "order_line").order_by("pk")


def thread_of(case: AfterSale) -> QuerySet[Evidence]:
    """Return a case's conversation, oldest first, with its photos."""
    photos = Prefetch("photos", EvidencePhoto.objects.select_related("picture").order_by("position"))
    return Evidence.objects.filter(aftersale=case).prefetch_related(photos).order_by("at", "pk")


def picture_of_case(case: AfterSale, number: str) -> Picture:
    """Return a photo of this case's conversation; whose case it is was asked before. Raises ``NotFound``."""
    found = Picture.objects.filter(evidence_photo__evidence__aftersale=case, number=number).first()
    if found is None:
        raise NotFound(_("There is no such picture."))
    return found


def blocked_lines(line_ids: Iterable[int], now: datetime) -> set[int]:
    """Return which of the order lines have a case that is open, or could still be escalated."""
    blocking = Q(state__in=OPEN_STATES) | Q(state=AfterSaleState.REJECTED, deadline_at__gt=now)
    cases = AfterSale.objects.filter(blocking, order_line_id__in=list(line_ids))
    return set(cases.values_list("order_line_id", flat=True))


def _one(cases: QuerySet[AfterSale], number: str) -> AfterSale:
    found = cases.filter(number=number).first()
    if found is None:
        raise NotFound(_("There is no such after-sale."), field="number")
    return found
