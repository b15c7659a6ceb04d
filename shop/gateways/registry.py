"""Which rail carries the money: the one named by ``LINJIA_GATEWAY``.

``wechat`` and ``sandbox`` are the same adapter under two names, so that made-up money never stands in the account of
real money. ``sandbox`` exists only where ``LINJIA_SANDBOX`` is on.
"""

from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from shop.gateways.contract import Gateway
from shop.gateways.credentials import credentials_from_settings, is_production
from shop.gateways.wechat_open import WechatOpen
from shop.gateways.wechat_pay import WechatPay

_FACTS = (
    "LINJIA_ENV",
    "LINJIA_SANDBOX",
    "LINJIA_SANDBOX_URL",
    "LINJIA_SANDBOX_HOME",
    "LINJIA_PUBLIC_URL",
    "LINJIA_NOTICE_MAX_AGE_SECONDS",
    "LINJIA_GATEWAY_SECONDS",
    "LINJIA_WECHAT_APP_ID",
    "LINJIA_WECHAT_APP_SECRET",
    "LINJIA_WECHAT_ACCOUNT_APP_ID",
    "LINJIA_WECHAT_MERCHANT_ID",
    "LINJIA_WECHAT_API_V3_KEY",
    "LINJIA_WECHAT_PRIVATE_KEY_PATH",
    "LINJIA_WECHAT_CERT_SERIAL",
    "LINJIA_WECHAT_PLATFORM_PUBLIC_KEY_PATH",
    "LINJIA_WECHAT_PLATFORM_KEY_ID",
    "LINJIA_WECHAT_PAY_BASE_URL",
    "LINJIA_WECHAT_OPEN_BASE_URL",
    "LINJIA_WECHAT_NOTIFY_BASE_URL",
)


def gateway_named(name: str) -> Gateway:
    """Return the rail of a name, one per process. Raises ``ImproperlyConfigured`` for one that may not be used."""
    return _wechat_pay(name, _facts())


def default_gateway() -> Gateway:
    """Return the rail that new payments and transfers take."""
    return gateway_named(settings.LINJIA_GATEWAY)


def wechat_open() -> WechatOpen:
    """Return the client of the mini-program's services, one per process."""
    return _wechat_open(_facts())


def _facts() -> tuple[object, ...]:
    # The cache asks by value, so that changed settings give a new client.
    return tuple(getattr(settings, name, "") for name in _FACTS)


@lru_cache(maxsize=8)
def _wechat_pay(name: str, facts: tuple[object, ...]) -> WechatPay:
    if name not in ("wechat", "sandbox"):
        raise ImproperlyConfigured(f"There is no gateway {name!r}. LINJIA_GATEWAY is wechat or sandbox.")
    if name == "sandbox" and (is_production() or not settings.LINJIA_SANDBOX):
        raise ImproperlyConfigured("The sandbox gateway is for development and tests only.")
    return WechatPay(
        credentials_from_settings(),
        name=name,
        notice_max_age_seconds=settings.LINJIA_NOTICE_MAX_AGE_SECONDS,
        timeout=settings.LINJIA_GATEWAY_SECONDS,
    )


@lru_cache(maxsize=8)
def _wechat_open(facts: tuple[object, ...]) -> WechatOpen:
    return WechatOpen(credentials_from_settings(), timeout=settings.LINJIA_GATEWAY_SECONDS)
