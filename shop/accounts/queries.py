"""Whose token, whose addresses."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import DateTimeField, QuerySet
from django.utils.translation import gettext_lazy as _

from shop.accounts.models import Address, User, WechatIdentity
from shop.base.errors import NotFound
from shop.base.numbers import token_hash

# Written out: every request of the API asks it, and building it from parts cost ten times the asking.
_USER = list(User._meta.concrete_fields)
_USER_NAMES = [field.attname for field in _USER]
# Columns that have another form at rest than in Python, and those that have another one in JSON.
_READ: list[tuple[int, Any]] = [
    (place, field.from_db_value) for place, field in enumerate(_USER) if hasattr(field, "from_db_value")
]
_INSTANTS = [place for place, field in enumerate(_USER) if isinstance(field, DateTimeField)]
_COLUMNS: list[str] = [str(field.column) for field in _USER]
_USER_OF_TOKEN = f"SELECT {', '.join(_COLUMNS)} FROM accounts_user_of_token(%s, %s)"  # noqa: S608 - our own columns


def user_of_token(token: str, now: datetime) -> User | None:
    """Return the active user an access token belongs to, or None. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_USER_OF_TOKEN, [token_hash(token), now])
        row = cursor.fetchone()
    return None if row is None else _person(list(row))


def person_told(row: Mapping[str, Any]) -> User:
    """Return the user of a row of ``accounts_user`` that a function of the database told as JSON."""
    values = [row[column] for column in _COLUMNS]
    for place in _INSTANTS:
        if values[place] is not None:
            values[place] = datetime.fromisoformat(values[place])
    return _person(values)


def _person(values: list[Any]) -> User:
    for place, read in _READ:
        values[place] = read(values[place], None, connection)
    return User.from_db(connection.alias, _USER_NAMES, values)


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


def payable_identities(user: User) -> list[WechatIdentity]:
    """Return where the user can be paid: her openids of the apps bound to our merchant, the mini-program's first."""
    apps = [app for app in (settings.LINJIA_WECHAT_APP_ID, settings.LINJIA_WECHAT_ACCOUNT_APP_ID) if app]
    found = WechatIdentity.objects.filter(user=user, app_id__in=apps)
    return sorted(found, key=lambda one: apps.index(one.app_id))


def openid_of(user: User, app_id: str) -> str | None:
    """Return the user's openid in one WeChat app, verified at sign-in; None when she never came."""
    return WechatIdentity.objects.filter(user=user, app_id=app_id).values_list("openid", flat=True).first()


def has_wechat(user: User) -> bool:
    """Whether the user can sign in with WeChat."""
    return WechatIdentity.objects.filter(user=user).exists()
