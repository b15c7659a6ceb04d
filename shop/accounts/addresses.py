"""A person's addresses."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from shop.accounts.actions import checked_phone
from shop.accounts.models import Address, User
from shop.accounts.queries import address_of, addresses_of
from shop.base.errors import Conflict, Invalid
from shop.base.locks import lock_rows

ADDRESSES_MAX = 30


def save_address(
    *,
    user: User,
    number: str | None,
    name: str,
    phone: str,
    region_code: str,
    region_names: str,
    detail: str,
    is_default: bool,
) -> Address:
    """Add an address, or change the one with ``number``. The region was looked up by the caller.

    The first address becomes the default. Raises ``Invalid`` naming the field, ``NotFound`` for
    another's number, ``Conflict`` beyond 30 addresses.
    """
    values = {
        "name": _text(name, 40, "name", _("Enter the recipient's name, at most 40 characters.")),
        "phone": checked_phone(phone),
        "region_code": region_code,
        "region_names": region_names,
        "detail": _text(detail, 120, "detail", _("Enter street and house, at most 120 characters.")),
    }
    with transaction.atomic():
        # The owner's row serialises her own changes, so that one default stays one.
        lock_rows(User.objects.filter(pk=user.pk))
        address = address_of(user, number) if number else None
        others = addresses_of(user).exclude(pk=address.pk if address else 0)
        if address is None and others.count() >= ADDRESSES_MAX:
            raise Conflict(_("You have 30 addresses. Remove one first."))
        becomes_default = is_default or not others.filter(is_default=True).exists()
        if becomes_default:
            others.filter(is_default=True).update(is_default=False)
        if address is None:
            return Address.objects.create(user=user, is_default=becomes_default, **values)
        for field, value in {**values, "is_default": becomes_default}.items():
            setattr(address, field, value)
        address.save(update_fields=[*values, "is_default"])
        return address


def remove_address(*, user: User, number: str, now: datetime) -> Address:
    """Take an address off the list; another one becomes the default. Raises ``NotFound``."""
    with transaction.atomic():
        lock_rows(User.objects.filter(pk=user.pk))
        address = address_of(user, number)
        was_default = address.is_default
        address.is_default, address.removed_at = False, now
        address.save(update_fields=["is_default", "removed_at"])
        heir = addresses_of(user).first() if was_default else None
        if heir is not None:
            heir.is_default = True
            heir.save(update_fields=["is_default"])
        return address


def restore_address(*, user: User, number: str) -> Address:
    """Undo a removal. Raises ``NotFound``."""
    with transaction.atomic():
        lock_rows(User.objects.filter(pk=user.pk))
        address = address_of(user, number, removed=True)
        address.removed_at = None
        address.is_default = not addresses_of(user).filter(is_default=True).exists()
        address.save(update_fields=["removed_at", "is_default"])
        return address


def _text(value: str, length_max: int, field: str, message: object) -> str:
    clean = " ".join((value or "").split())
    if not 1 <= len(clean) <= length_max:
        raise Invalid(str(message), field=field)
    return clean
