"""What a person changes about how she signs in, each after proving again who she is."""

from datetime import datetime

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from shop.accounts import limits
from shop.accounts.actions import PhoneTaken, WrongCredentials, checked_phone, prove
from shop.accounts.limits import too_many
from shop.accounts.models import User
from shop.accounts.rules import SIGN_IN_WINDOW, Limit
from shop.base.errors import Invalid
from shop.states.models import StateChange


def prove_again(*, user: User, password: str = "", code: str = "", address: str, now: datetime) -> None:
    """Make sure that whoever holds this browser is the person: her password, or the code sent to her phone.

    Counted as signing in is. Raises :class:`WrongCredentials` naming the field, :class:`TooManyTries`.
    """
    if code and user.phone:
        prove(user.phone, code, address, now)
        return
    account = f"password:{user.phone or user.number}"
    per_account = Limit(settings.LINJIA_SIGN_IN_TRIES_MAX, SIGN_IN_WINDOW)
    limits.take({account: per_account}, now=now)
    if not (user.has_usable_password() and user.check_password(password)):
        wait = limits.wait_after(account, per_account, now=now)
        if wait is not None:
            raise too_many(wait)
        raise WrongCredentials(_("This is not your password. Try again, or have a code sent."), field="password")
    limits.clear(account)


def change_password(*, user: User, password: str, now: datetime) -> None:
    """Set a new password; every other session ends with the old one. Raises ``Invalid`` (new_password)."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="new_password") from error
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        _note(user, "password", now)


def change_phone(*, user: User, phone: str, code: str, address: str, now: datetime) -> None:
    """Sign in by another phone from now on: the code sent there proves it is hers.

    Raises ``Invalid`` (phone), :class:`WrongCredentials` (code), :class:`TooManyTries`, :class:`PhoneTaken`: the phone
    of another account stays there.
    """
    clean = checked_phone(phone)
    prove(clean, code, address, now)
    taken = PhoneTaken(
        _("This phone belongs to another account. Sign in with it, or use another number."), field="phone"
    )
    if User.objects.filter(phone=clean).exclude(pk=user.pk).exists():
        raise taken
    try:
        with transaction.atomic():
            user.phone = clean
            user.save(update_fields=["phone", "phone_key"])
            _note(user, "phone", now)
    except IntegrityError as error:
        raise taken from error


def _note(user: User, what: str, now: datetime) -> None:
    StateChange.objects.create(
        subject=f"user:{user.number}", source=what, target=f"new {what}", actor=f"user:{user.number}", reason="", at=now
    )
