"""Whose token, whose addresses."""

from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from shop.accounts.models import AccessToken, Address, User, WechatIdentity
from shop.base.errors import NotFound
from shop.base.numbers import token_hash


def user_of_token(token: str, now: datetime) -> User | None:
    """Return the active user an access token belongs to, or None. One statement."""
    row = (
        AccessToken.objects.select_related("user")
        .filter(
            token_hash=token_hash(token),
            kind=AccessToken.Kind.ACCESS,
            revoked_at=None,
            expires_at__gt=now,
            user__is_active=True,
        )
        .first()
    )
    return row.user if row else None


def addresses_of(user: User) -> QuerySet[Address]:
    """Return the user's addresses, the default first, then the newest."""
    return Address.objects.filter(user=user, removed_at=None).order_by("-is_default", "-pk")


def address_of(user: User, number: str, *, removed: bool = False) -> Address:
    """Return one of the user's addresses. Raises ``NotFound`` for any other number."""
    address = Address.objects.filter(user=user, number=number, removed_at__isnull=not removed).first()
    if address is None:
        raise no_address()
    return address


def no_address() -> NotFound:
    """Return the refusal for an address that is not the asker's."""
    return NotFound(_("There is no such address in your address book."), field="address_number")


def openid_of(user: User, app_id: str) -> str | None:
    """Return the user's openid in one WeChat app, verified at sign-in; None when she never came."""
    return WechatIdentity.objects.filter(user=user, app_id=app_id).values_list("openid", flat=True).first()
