"""Whether a person works for a supplier."""

from collections.abc import Iterator
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from shop.privacy.parts import Part, Row, rows
from shop.suppliers.models import SupplierMember


def _tell(user_id: int) -> dict[str, list[Row]]:
    return {"supplier": rows(SupplierMember.objects.filter(user_id=user_id), "supplier__name")}


def _reasons(user_id: int) -> Iterator[str | Promise]:
    if SupplierMember.objects.filter(user_id=user_id).exists():
        yield _("You work for a supplier here. Ask the platform to end that first.")


def _erase(user_id: int, now: datetime) -> None:
    SupplierMember.objects.filter(user_id=user_id).delete()


PART = Part(
    name="suppliers", tables=frozenset({"suppliers.suppliermember"}), tell=_tell, reasons=_reasons, erase=_erase
)
