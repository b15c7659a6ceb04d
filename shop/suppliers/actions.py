"""What can happen to a supplier: its life, its people, its papers."""

import re
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from shop.accounts.models import User
from shop.base.errors import Conflict, Invalid
from shop.base.locks import lock_rows
from shop.pages import marks
from shop.privacy.rules import clean_account
from shop.states.machine import move
from shop.suppliers.models import DISPATCH_HOURS_MAX, Qualification, Supplier, SupplierMember, new_supplier_code
from shop.suppliers.states import SupplierState

_CODE = re.compile(r"[a-z0-9][a-z0-9-]{1,22}[a-z0-9]", re.ASCII | re.IGNORECASE)
FEE_BP_MAX = 10_000

# What a supplier may say about itself, and how long it may be.
_PROFILE_LENGTHS = {
    "name": 80,
    "contact_name": 40,
    "contact_phone": 20,
    "return_address": 200,
    "about": 300,
}


def create(
    *,
    name: str,
    code: str = "",
    contract: str = Supplier.Contract.SUPPLY_PRICE,
    fee_bp: int = 0,
    owner: User | None = None,
    **profile: str,
) -> Supplier:
    """Note a company that wants to supply; it sells nothing until it is approved.

    ``code`` is its public code, made up when empty; ``fee_bp`` the platform's fee in basis points
    (contract by commission only); ``profile`` its contact, return address and description.
    Raises ``Invalid`` naming the field, ``Conflict`` for a name, code or owner already taken.
    """
    if code and not _CODE.fullmatch(code):
        raise Invalid(_("A code has 3 to 24 letters, digits or hyphens."), field="code")
    values = {"name": _name(name), **_profile(profile), **_terms(contract, fee_bp)}
    with transaction.atomic():
        _refuse_taken(name=values["name"], code=code)
        supplier = Supplier.objects.create(code=code or new_supplier_code(), **values)
        if owner is not None:
            add_member(supplier=supplier, user=owner, role=SupplierMember.Role.OWNER)
        return supplier


def update_profile(*, supplier: Supplier, **profile: str) -> Supplier:
    """Change what a supplier says about itself. Raises ``Invalid`` naming the field, ``Conflict``."""
    values = _profile(profile)
    if "name" in values:
        values["name"] = _name(values["name"])
        _refuse_taken(name=values["name"], code="", but=supplier)
    for field, value in values.items():
        setattr(supplier, field, value)
    if values:
        with transaction.atomic():
            supplier.save(update_fields=list(values))
            marks.everything_changed()
    return supplier


def promise_dispatch(*, supplier: Supplier, hours: int) -> Supplier:
    """Say within how many hours of a payment parcels leave, for orders paid from now on. Raises ``Invalid`` (``hours``)."""
    if not 1 <= hours <= DISPATCH_HOURS_MAX:
        raise Invalid(_("Say between 1 and %(most)d hours.") % {"most": DISPATCH_HOURS_MAX}, field="hours")
    with transaction.atomic():
        supplier.dispatch_hours = hours
        supplier.save(update_fields=["dispatch_hours"])
        marks.everything_changed()
    return supplier


def save_bank_account(*, supplier: Supplier, bank_name: str, bank_holder: str, bank_account: str) -> Supplier:
    """Set where a supplier's statements are paid. Raises ``Invalid`` naming the field."""
    bank, holder, account = bank_name.strip(), bank_holder.strip(), clean_account(bank_account)
    if not 2 <= len(bank) <= 80:
        raise Invalid(_("Enter the bank and its branch, at most 80 characters."), field="bank_name")
    if not 2 <= len(holder) <= 80:
        raise Invalid(_("Enter whose account it is, at most 80 characters."), field="bank_holder")
    if account is None:
        raise Invalid(_("An account number has 8 to 32 digits."), field="bank_account")
    supplier.bank_name, supplier.bank_holder, supplier.bank_account = bank, holder, account
    supplier.save(update_fields=["bank_name", "bank_holder", "bank_account"])
    return supplier


def change_terms(*, supplier: Supplier, contract: str, fee_bp: int) -> Supplier:
    """Agree on other terms, for orders from now on. Raises ``Invalid`` naming the field."""
    for field, value in _terms(contract, fee_bp).items():
        setattr(supplier, field, value)
    supplier.save(update_fields=["contract", "fee_bp"])
    return supplier


def approve(*, supplier: Supplier, actor: str, at: datetime, reason: str = "") -> None:
    """Let an applicant sell. Raises ``Conflict`` in any other state."""
    if supplier.state != SupplierState.APPLIED:
        raise Conflict(_("Only an applicant can be approved; a suspended supplier is reinstated."))
    _move(supplier, SupplierState.ACTIVE, actor=actor, at=at, reason=reason)


def suspend(*, supplier: Supplier, actor: str, at: datetime, reason: str) -> None:
    """Take a supplier's goods from the shelves until it is reinstated; running orders go on.

    Raises ``Invalid`` without a reason, ``Conflict`` in another state.
    """
    if not reason.strip():
        raise Invalid(_("Say why: the supplier will read it."), field="reason")
    _move(supplier, SupplierState.SUSPENDED, actor=actor, at=at, reason=reason)


def reinstate(*, supplier: Supplier, actor: str, at: datetime, reason: str = "") -> None:
    """Let a suspended supplier sell again. Raises ``Conflict`` in another state."""
    if supplier.state != SupplierState.SUSPENDED:
        raise Conflict(_("Only a suspended supplier can be reinstated."))
    _move(supplier, SupplierState.ACTIVE, actor=actor, at=at, reason=reason)


def leave(*, supplier: Supplier, actor: str, at: datetime, reason: str = "") -> None:
    """End the relation for good; what is owed stays owed. Raises ``Conflict`` in another state."""
    _move(supplier, SupplierState.LEFT, actor=actor, at=at, reason=reason)


def _move(supplier: Supplier, to: SupplierState, *, actor: str, at: datetime, reason: str) -> None:
    """Move a supplier; its goods come to the shelves or leave them all at once."""
    with transaction.atomic():
        move(supplier, to, actor=actor, at=at, reason=reason)
        marks.everything_changed()


def add_member(*, supplier: Supplier, user: User, role: str = SupplierMember.Role.STAFF) -> SupplierMember:
    """Let a person work for a supplier; for a member already there, set the role.

    Raises ``Invalid`` for an unknown role, ``Conflict`` for a member of another supplier and
    for taking the last owner's role away.
    """
    if role not in SupplierMember.Role.values:
        raise Invalid(_("A member is owner or staff."), field="role")
    with transaction.atomic():
        lock_rows(Supplier.objects.filter(pk=supplier.pk))
        member, is_new = SupplierMember.objects.get_or_create(
            user_id=user.pk, defaults={"supplier": supplier, "role": role}
        )
        if member.supplier_id != supplier.pk:
            raise Conflict(_("This person works for another supplier already."), field="user")
        if not is_new and member.role != role:
            _keep_an_owner(member)
            member.role = role
            member.save(update_fields=["role"])
        return member


def remove_member(*, supplier: Supplier, user: User) -> None:
    """Let a person go. Raises ``Conflict`` for the last owner and for who is no member."""
    with transaction.atomic():
        lock_rows(Supplier.objects.filter(pk=supplier.pk))
        member = SupplierMember.objects.filter(supplier=supplier, user_id=user.pk).first()
        if member is None:
            raise Conflict(_("This person does not work for this supplier."), field="user")
        _keep_an_owner(member)
        member.delete()


def save_qualification(
    *, supplier: Supplier, kind: str, paper_number: str, valid_until_date: date | None
) -> Qualification:
    """Note a paper, or its new number and end; a supplier has one of each kind.

    Raises ``Invalid`` naming the field.
    """
    kind, paper_number = kind.strip(), paper_number.strip()
    if not 1 <= len(kind) <= 40:
        raise Invalid(_("Say what kind of paper it is, in at most 40 characters."), field="kind")
    if not 1 <= len(paper_number) <= 60:
        raise Invalid(_("Enter the paper's number, at most 60 characters."), field="paper_number")
    paper, _is_new = Qualification.objects.update_or_create(
        supplier=supplier,
        kind=kind,
        defaults={"paper_number": paper_number, "valid_until_date": valid_until_date},
    )
    return paper


def _keep_an_owner(member: SupplierMember) -> None:
    owner = SupplierMember.Role.OWNER
    others = SupplierMember.objects.filter(supplier_id=member.supplier_id, role=owner).exclude(pk=member.pk)
    if member.role == owner and not others.exists():
        raise Conflict(_("A supplier needs an owner. Make somebody else owner first."), field="user")


def _name(name: str) -> str:
    name = name.strip()
    if not 2 <= len(name) <= _PROFILE_LENGTHS["name"]:
        raise Invalid(_("A name has 2 to 80 characters."), field="name")
    return name


def _profile(profile: dict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field, value in profile.items():
        if field not in _PROFILE_LENGTHS:
            raise TypeError(f"a supplier has no {field}")
        values[field] = value.strip()
        if len(values[field]) > _PROFILE_LENGTHS[field]:
            raise Invalid(_("At most %(max)d characters.") % {"max": _PROFILE_LENGTHS[field]}, field=field)
    return values


def _terms(contract: str, fee_bp: int) -> dict[str, Any]:
    if contract not in Supplier.Contract.values:
        raise Invalid(_("A contract is by supply price or by commission."), field="contract")
    if not 0 <= fee_bp <= FEE_BP_MAX:
        raise Invalid(_("A fee is between 0 and 10000 basis points."), field="fee_bp")
    return {"contract": contract, "fee_bp": fee_bp}


def _refuse_taken(*, name: str, code: str, but: Supplier | None = None) -> None:
    """Tell the two unique fields apart before the database refuses either."""
    others = Supplier.objects.exclude(pk=but.pk) if but else Supplier.objects.all()
    if others.filter(name=name).exists():
        raise Conflict(_("There is a supplier of this name already."), field="name")
    if code and others.filter(code=code).exists():
        raise Conflict(_("This code is taken. Choose another one."), field="code")
