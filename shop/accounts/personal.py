"""A person's part of her own data: who she is, how she signs in, where she lives."""

from datetime import datetime

from django.contrib.sessions.models import Session

from shop.accounts.models import AccessToken, Address, BrowserSession, SignInCode, User, WechatIdentity
from shop.privacy.keys import ring
from shop.privacy.parts import Part, Row, rows


def _tell(user_id: int) -> dict[str, list[Row]]:
    return {
        "profile": rows(User.objects.filter(pk=user_id), "number", "name", "phone", "created_at", "last_login"),
        "addresses": rows(
            Address.objects.filter(user_id=user_id),
            *("name", "phone", "region_names", "detail", "is_default", "created_at", "removed_at"),
        ),
        "wechat": rows(WechatIdentity.objects.filter(user_id=user_id), "app_id", "openid", "unionid", "created_at"),
        "browsers": rows(BrowserSession.objects.filter(user_id=user_id), "device", "signed_in_at", "seen_at"),
        "devices": rows(
            AccessToken.objects.filter(user_id=user_id, kind=AccessToken.Kind.REFRESH),
            *("device", "created_at", "expires_at", "revoked_at"),
        ),
    }


def _erase(user_id: int, now: datetime) -> None:
    user = User.objects.get(pk=user_id)
    if user.phone:
        keys = ring().lookups(user.phone, "accounts.signincode")
        SignInCode.objects.filter(phone_key__in=keys).delete()
    for gone in (Address, WechatIdentity, AccessToken):
        gone.objects.filter(user_id=user_id).delete()
    sessions = BrowserSession.objects.filter(user_id=user_id)
    Session.objects.filter(session_key__in=list(sessions.values_list("session_key", flat=True))).delete()
    sessions.delete()
    user.phone, user.name, user.is_active, user.last_login = None, "", False, None
    # A new unusable password also ends every session that is not on the list.
    user.set_unusable_password()
    user.save()


PART = Part(
    name="account",
    tables=frozenset(
        {"accounts.address", "accounts.wechatidentity", "accounts.accesstoken", "accounts.browsersession"}
    ),
    tell=_tell,
    erase=_erase,
)
