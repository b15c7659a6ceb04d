"""Whose WeChat it is. The facts come from WeChat's own answer, never from a request's body.

A person is found by unionid, then by (app, openid), then by the phone she proved.
"""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from shop.accounts.actions import active_only, checked_phone, prove, sign_in_with_wechat
from shop.accounts.models import User, WechatIdentity
from shop.base.errors import Conflict


class WechatTaken(Conflict):
    """The WeChat belongs to another account, or the account has another WeChat."""

    code = "wechat_taken"


def known_person(*, app_id: str, openid: str, unionid: str) -> User | None:
    """Return whose WeChat it is, None for a newcomer. Her openid of this app is noted. Raises ``NotAllowed``."""
    known = WechatIdentity.objects.filter(app_id=app_id, openid=openid).exists() or (
        bool(unionid) and WechatIdentity.objects.filter(unionid=unionid).exists()
    )
    if not known:
        return None
    return sign_in_with_wechat(app_id=app_id, openid=openid, unionid=unionid)


def join_by_phone(
    *, app_id: str, openid: str, unionid: str, phone: str, code: str, address: str, now: datetime
) -> User:
    """Join a new WeChat to the account of a phone, which the code proves; make the account if there is none.

    Raises ``Invalid`` (phone), ``WrongCredentials`` (code), ``TooManyTries``, ``NotAllowed``.
    """
    clean = checked_phone(phone)
    prove(clean, code, address, now)
    return sign_in_with_wechat(app_id=app_id, openid=openid, unionid=unionid, phone=clean)


def bind(*, user: User, app_id: str, openid: str, unionid: str) -> None:
    """Give a signed-in person's account her WeChat. Raises :class:`WechatTaken`, ``NotAllowed``."""
    active_only(user)
    mine = WechatIdentity.objects.filter(user=user, app_id=app_id).first()
    others = WechatIdentity.objects.exclude(user=user)
    taken = others.filter(app_id=app_id, openid=openid) | (others.filter(unionid=unionid) if unionid else others.none())
    if taken.exists():
        raise WechatTaken(_("This WeChat belongs to another account. Sign in with it instead."))
    if mine is not None and mine.openid != openid:
        raise WechatTaken(_("Your account has another WeChat already."))
    if mine is None:
        try:
            with transaction.atomic():
                WechatIdentity.objects.create(user=user, app_id=app_id, openid=openid, unionid=unionid)
        except IntegrityError as error:
            raise WechatTaken(_("This WeChat belongs to another account. Sign in with it instead.")) from error
