"""Signing up and in, tokens."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext_lazy as _

from shop.accounts import limits
from shop.accounts.limits import too_many
from shop.accounts.models import AccessToken, SignInCode, User, WechatIdentity
from shop.accounts.rules import (
    ACCESS_LIFETIME,
    CODE_LIFETIME,
    CODE_PAUSE,
    CODE_TRIES_MAX,
    CODES_PER_DAY_MAX,
    CODES_PER_HOUR_MAX,
    REFRESH_LIFETIME,
    SIGN_IN_WINDOW,
    Limit,
    clean_phone,
)
from shop.base.errors import Conflict, DomainError, Invalid, NotAllowed
from shop.base.locks import lock_rows
from shop.base.numbers import new_token, token_hash
from shop.gateways.sms import sms_sender
from shop.privacy.keys import ring
from shop.states.models import StateChange


class WrongCredentials(DomainError):
    """Phone and password, or phone and code, do not belong together. Says nothing about which."""

    code = "wrong_credentials"
    status = 401


class PhoneTaken(Conflict):
    """The phone has an account already."""

    code = "phone_taken"


@dataclass(frozen=True)
class Tokens:
    """A pair of opaque tokens, shown once; lifetimes in seconds."""

    access: str
    refresh: str
    access_seconds: int
    refresh_seconds: int


def checked_phone(phone: str) -> str:
    """Return the clean phone. Raises ``Invalid`` naming the field."""
    clean = clean_phone(phone)
    if clean is None:
        raise Invalid(_("Enter a mainland mobile number of 11 digits."), field="phone")
    return clean


def sign_up(*, phone: str, code: str, password: str, name: str = "", address: str, now: datetime) -> User:
    """Make an account for whoever holds the phone: the code sent there proves it.

    So nobody occupies a stranger's phone, and nobody learns which phones have accounts. Raises what
    :func:`register` raises, and what :func:`sign_in_with_code` raises for the code.
    """
    clean = checked_phone(phone)
    _check_account(clean, password, name)
    prove(clean, code, address, now)
    return register(phone=clean, password=password, name=name)


def register(*, phone: str, password: str, name: str = "") -> User:
    """Make an account for a phone that was proven. Raises ``Invalid`` (phone, password, name), :class:`PhoneTaken`."""
    clean = checked_phone(phone)
    _check_account(clean, password, name)
    taken = PhoneTaken(_("This phone has an account already. Sign in instead."), field="phone")
    # While look-up keys change, an account may still stand under the old one: the constraint alone would not see it.
    if User.objects.filter(phone=clean).exists():
        raise taken
    try:
        with transaction.atomic():
            return User.objects.create_user(clean, password, name=name.strip())
    except IntegrityError as error:
        raise taken from error


def _check_account(phone: str, password: str, name: str) -> None:
    if len(name) > 40:
        raise Invalid(_("A name has at most 40 characters."), field="name")
    try:
        validate_password(password, User(phone=phone, name=name))
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="password") from error


def sign_in_with_password(*, request: HttpRequest, phone: str, password: str, address: str, now: datetime) -> User:
    """Return the user. ``address`` is the network address that asks.

    Raises :class:`WrongCredentials` for an unknown phone and a wrong password alike, with the same work done, and
    :class:`TooManyTries` while the account or the address is locked; a locked account's password is not looked at.
    """
    username = clean_phone(phone) or phone[:20]
    account, place = f"password:{username}", f"address:{address}"
    per_account = Limit(settings.LINJIA_SIGN_IN_TRIES_MAX, SIGN_IN_WINDOW)
    limits.take({account: per_account, place: _per_address()}, now=now)
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User):
        wait = limits.wait_after(account, per_account, now=now)
        if wait is not None:
            raise too_many(wait)
        raise WrongCredentials(_("Phone or password is wrong."))
    limits.clear(account)
    limits.forgive(place, now=now)
    return user


def send_sign_in_code(*, phone: str, now: datetime) -> None:
    """Send a new six-digit code; older ones stop working. The answer never says if the phone is known.

    Raises ``Invalid`` (phone) or :class:`TooManyTries`: one a minute, five an hour, ten a day.
    """
    clean = checked_phone(phone)
    code = f"{secrets.randbelow(1_000_000):06d}"
    with transaction.atomic():
        # One request of a phone at a time, or two at once would both be the first of their minute.
        limits.hold(f"code:{clean}", now=now)
        _check_code_limits(clean, now)
        SignInCode.objects.filter(phone_key=_phone_key(clean), used_at=None).update(used_at=now)
        SignInCode.objects.create(
            phone_key=_phone_key(clean),
            code_hash=_code_hash(clean, code),
            sent_at=now,
            expires_at=now + CODE_LIFETIME,
        )
    sms_sender().send_code(phone=clean, code=code)


def sign_in_with_code(*, phone: str, code: str, address: str, now: datetime) -> User:
    """Use up a code and return its person, making the account at the first time.

    Raises :class:`WrongCredentials`; after five wrong tries the code is dead. Raises :class:`TooManyTries`
    while the network address is locked.
    """
    clean = checked_phone(phone)
    prove(clean, code, address, now)
    user, _created = User.objects.get_or_create(phone=clean)
    return active_only(user)


def prove(phone: str, code: str, address: str, now: datetime) -> None:
    """Use up the code that was sent to a phone. Raises :class:`WrongCredentials` or :class:`TooManyTries`."""
    place = f"address:{address}"
    limits.take({place: _per_address()}, now=now)
    if not _use_code(phone, code, now):
        raise WrongCredentials(_("The code is wrong or no longer valid. Ask for a new one."), field="code")
    limits.forgive(place, now=now)


def _per_address() -> Limit:
    return Limit(settings.LINJIA_SIGN_IN_TRIES_PER_ADDRESS_MAX, SIGN_IN_WINDOW)


def sign_in_with_wechat(*, app_id: str, openid: str, unionid: str = "", phone: str | None = None) -> User:
    """Return the person behind verified WeChat facts, making the account at the first time.

    Identity is found by unionid, then (app, openid), then the verified phone. The facts must come
    from WeChat's own answer, never from a request's body.
    """
    try:
        user = _user_of_wechat(app_id, openid, unionid, phone)
    except IntegrityError:
        # Two first sign-ins at once: the other one made the account.
        user = _user_of_wechat(app_id, openid, unionid, phone)
    return active_only(user)


def issue_tokens(*, user: User, device: str, now: datetime) -> Tokens:
    """Return a new family of access and refresh tokens for one device."""
    return _new_pair(user, family=new_token(20), device=device[:80], now=now)


def refresh_tokens(*, refresh: str, now: datetime) -> Tokens:
    """Exchange a refresh token for a new pair. A token used twice ends its whole family.

    Raises :class:`WrongCredentials`.
    """
    with transaction.atomic():
        rows = lock_rows(AccessToken.objects.filter(token_hash=token_hash(refresh), kind=AccessToken.Kind.REFRESH))
        row = rows[0] if rows else None
        reused = row is not None and row.used_at is not None
        if row is not None and reused:
            AccessToken.objects.filter(family=row.family, revoked_at=None).update(revoked_at=now)
        valid = row is not None and not reused and row.revoked_at is None and row.expires_at > now
        if row is not None and valid:
            row.used_at = now
            row.save(update_fields=["used_at"])
            # The old access token ends with the pair it belonged to.
            AccessToken.objects.filter(family=row.family, kind=AccessToken.Kind.ACCESS, revoked_at=None).update(
                revoked_at=now
            )
            return _new_pair(active_only(row.user), family=row.family, device=row.device, now=now)
    raise WrongCredentials(_("Your sign-in has ended. Sign in again."))


def revoke_tokens(*, user: User, token: str, now: datetime) -> None:
    """Sign one device out: end the family the access token belongs to."""
    row = AccessToken.objects.filter(user=user, token_hash=token_hash(token)).first()
    if row is not None:
        AccessToken.objects.filter(family=row.family, revoked_at=None).update(revoked_at=now)


def close_account(*, user: User, actor: str, reason: str, now: datetime) -> None:
    """End a person's access at once: no sign-in, and every token is revoked. Kept in the history."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(is_active=False)
        AccessToken.objects.filter(user=user, revoked_at=None).update(revoked_at=now)
        _note_access(user, "active", "closed", actor, reason, now)


def reopen_account(*, user: User, actor: str, reason: str, now: datetime) -> None:
    """Let a person sign in again. Kept in the history."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(is_active=True)
        _note_access(user, "closed", "active", actor, reason, now)


def rename(*, user: User, name: str) -> None:
    """Set the name others see. Raises ``Invalid``."""
    clean = name.strip()
    if not 1 <= len(clean) <= 40:
        raise Invalid(_("A name has 1 to 40 characters."), field="name")
    user.name = clean
    user.save(update_fields=["name"])


@transaction.atomic
def _user_of_wechat(app_id: str, openid: str, unionid: str, phone: str | None) -> User:
    known = WechatIdentity.objects.select_related("user")
    identity = known.filter(app_id=app_id, openid=openid).first()
    same_person = known.filter(unionid=unionid).first() if unionid else None
    found = identity or same_person
    user = found.user if found else None
    if user is None and phone:
        user = User.objects.filter(phone=phone).first()
    if user is None:
        user = User.objects.create_user(phone)
    elif phone and user.phone is None and not User.objects.filter(phone=phone).exists():
        user.phone = phone
        user.save(update_fields=["phone", "phone_key"])
    if identity is None:
        WechatIdentity.objects.get_or_create(app_id=app_id, user=user, defaults={"openid": openid, "unionid": unionid})
    elif unionid and identity.unionid != unionid:
        identity.unionid = unionid
        identity.save(update_fields=["unionid"])
    return user


def _note_access(user: User, source: str, target: str, actor: str, reason: str, now: datetime) -> None:
    StateChange.objects.create(
        subject=f"user:{user.number}", source=source, target=target, actor=actor, reason=reason, at=now
    )


def active_only(user: User) -> User:
    """Return the person unless her account is closed. Raises ``NotAllowed``."""
    if not user.is_active:
        raise NotAllowed(_("This account is closed. Write to us if you think that is wrong."))
    return user


def _check_code_limits(phone: str, now: datetime) -> None:
    sent = list(
        SignInCode.objects.filter(phone_key=_phone_key(phone), sent_at__gt=now - timedelta(days=1))
        .order_by("-sent_at")
        .values_list("sent_at", flat=True)[:CODES_PER_DAY_MAX]
    )
    limits = (
        (1, CODE_PAUSE),
        (CODES_PER_HOUR_MAX, timedelta(hours=1)),
        (CODES_PER_DAY_MAX, timedelta(days=1)),
    )
    for count, window in limits:
        if len(sent) >= count and sent[count - 1] > now - window:
            raise too_many(sent[count - 1] + window - now)


def _use_code(phone: str, code: str, now: datetime) -> bool:
    # A wrong try is committed too: it counts.
    with transaction.atomic():
        rows = lock_rows(
            SignInCode.objects.filter(
                phone_key=_phone_key(phone), used_at=None, expires_at__gt=now, tries__lt=CODE_TRIES_MAX
            )
        )
        if not rows:
            return False
        row = rows[-1]
        right = constant_time_compare(row.code_hash, _code_hash(phone, code))
        row.tries += 1
        row.used_at = now if right else None
        row.save(update_fields=["tries", "used_at"])
        return right


def _phone_key(phone: str) -> str:
    return ring().lookup(phone, "accounts.signincode")


def _code_hash(phone: str, code: str) -> str:
    return salted_hmac("shop.accounts.sign_in_code", f"{phone}:{code}", algorithm="sha256").hexdigest()


def _new_pair(user: User, *, family: str, device: str, now: datetime) -> Tokens:
    access, refresh = new_token(43), new_token(43)
    AccessToken.objects.bulk_create(
        [
            AccessToken(
                user=user,
                kind=kind,
                token_hash=token_hash(token),
                family=family,
                device=device,
                expires_at=now + lifetime,
            )
            for kind, token, lifetime in (
                (AccessToken.Kind.ACCESS, access, ACCESS_LIFETIME),
                (AccessToken.Kind.REFRESH, refresh, REFRESH_LIFETIME),
            )
        ]
    )
    return Tokens(
        access=access,
        refresh=refresh,
        access_seconds=int(ACCESS_LIFETIME.total_seconds()),
        refresh_seconds=int(REFRESH_LIFETIME.total_seconds()),
    )
