"""What can be asked about suppliers."""

from collections.abc import Iterable
from datetime import date

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from shop.accounts.models import User
from shop.base.errors import NotFound
from shop.suppliers.models import Qualification, Supplier, SupplierMember


def supplier_of(user: User) -> Supplier | None:
    """Return the supplier the user works for, whatever its state; None for everyone else."""
    member = SupplierMember.objects.filter(user_id=user.pk).select_related("supplier").first()
    return member.supplier if member else None


def role_of(user: User) -> str | None:
    """Return the user's role at her supplier, ``owner`` or ``staff``; None for everyone else."""
    return SupplierMember.objects.filter(user_id=user.pk).values_list("role", flat=True).first()


def supplier_by_code(code: str) -> Supplier:
    """Return a supplier by its public code. Raises ``NotFound`` (field ``supplier``)."""
    supplier = Supplier.objects.filter(code=code).first()
    if supplier is None:
        raise NotFound(_("There is no supplier with the code “%(code)s”.") % {"code": code}, field="supplier")
    return supplier


def dispatch_hours_of(supplier_ids: Iterable[int]) -> dict[int, int]:
    """Return within how many hours these suppliers send, by id."""
    return dict(Supplier.objects.filter(pk__in=set(supplier_ids)).values_list("pk", "dispatch_hours"))


def members_of(supplier: Supplier) -> QuerySet[SupplierMember]:
    """Return the people who work for a supplier, owners first."""
    return supplier.members.select_related("user").order_by("role", "pk")


def qualifications_of(supplier: Supplier) -> QuerySet[Qualification]:
    """Return a supplier's papers, the one that ends first at the top."""
    return supplier.qualifications.order_by("valid_until_date", "pk")


def qualifications_ending(*, upto: date) -> QuerySet[Qualification]:
    """Return the papers that end on or before a day, of every supplier that has not left."""
    ending = Qualification.objects.filter(valid_until_date__lte=upto)
    return ending.exclude(supplier__state="left").select_related("supplier").order_by("valid_until_date")
