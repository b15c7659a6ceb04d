"""Who we are to WeChat: identifiers, keys and addresses, from the settings or from the sandbox's home."""

import os
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from shop.gateways.sandbox.keys import MARK, account_app_id, ensure_keys

_NEEDED = (
    "LINJIA_WECHAT_APP_ID",
    "LINJIA_WECHAT_APP_SECRET",
    "LINJIA_WECHAT_MERCHANT_ID",
    "LINJIA_WECHAT_API_V3_KEY",
    "LINJIA_WECHAT_PRIVATE_KEY_PATH",
    "LINJIA_WECHAT_CERT_SERIAL",
    "LINJIA_WECHAT_PLATFORM_PUBLIC_KEY_PATH",
    "LINJIA_WECHAT_PLATFORM_KEY_ID",
    "LINJIA_WECHAT_PAY_BASE_URL",
    "LINJIA_WECHAT_OPEN_BASE_URL",
)
_API_V3_KEY_LENGTH = 32


@dataclass(frozen=True)
class Credentials:
    """Everything WeChat knows us by. Secrets stay out of ``repr``. Keys are PEM texts; addresses end without ``/``."""

    app_id: str
    merchant_id: str
    cert_serial: str
    platform_key_id: str
    pay_base_url: str
    open_base_url: str
    notify_base_url: str
    platform_public_key: str = field(repr=False)
    app_secret: str = field(repr=False)
    api_v3_key: str = field(repr=False)
    private_key: str = field(repr=False)
    is_sandbox: bool = False
    # The official account, bound to the same merchant: people who pay in WeChat's browser are known by its openids.
    account_app_id: str = ""

    @property
    def app_ids(self) -> tuple[str, ...]:
        """The apps a payment may be asked through, the mini-program's first."""
        return (self.app_id, self.account_app_id) if self.account_app_id else (self.app_id,)


def credentials_from_settings() -> Credentials:
    """Return the credentials the settings ask for.

    Raises ``ImproperlyConfigured`` naming what is missing, unreadable, or of the sandbox in production.
    """
    found = _of_sandbox() if settings.LINJIA_SANDBOX else _of_wechat()
    if is_production():
        refuse_sandbox(found)
    return found


def is_production() -> bool:
    """Whether this process calls itself production, by settings or by environment."""
    names = (getattr(settings, "LINJIA_ENV", ""), os.environ.get("LINJIA_ENV", ""))
    return any(name.strip().lower() in ("prod", "production") for name in names)


def refuse_sandbox(found: Credentials) -> None:
    """Raise ``ImproperlyConfigured`` when anything in the credentials belongs to the sandbox."""
    if found.is_sandbox:
        raise ImproperlyConfigured("LINJIA_SANDBOX is on: production takes no made-up money.")
    for name in ("app_id", "account_app_id", "merchant_id", "cert_serial", "platform_key_id"):
        if MARK.lower() in getattr(found, name).lower():
            raise ImproperlyConfigured(f"{name} is the sandbox's. Set the one WeChat gave you.")
    for name in ("pay_base_url", "open_base_url", "notify_base_url"):
        parts = urlsplit(getattr(found, name))
        if parts.scheme != "https" or not parts.hostname or _is_private(parts.hostname):
            raise ImproperlyConfigured(f"{name} must be a public https address in production.")


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        return not ip_address(host).is_global
    except ValueError:
        return False


def _notify_base_url() -> str:
    return (settings.LINJIA_WECHAT_NOTIFY_BASE_URL or settings.LINJIA_PUBLIC_URL).rstrip("/")


def _of_sandbox() -> Credentials:
    if not settings.LINJIA_SANDBOX_HOME:
        raise ImproperlyConfigured("LINJIA_SANDBOX_HOME names the folder of the sandbox's keys; it is empty.")
    keys = ensure_keys(Path(settings.LINJIA_SANDBOX_HOME))
    address = settings.LINJIA_SANDBOX_URL.rstrip("/")
    return Credentials(
        app_id=keys.app_id,
        merchant_id=keys.merchant_id,
        cert_serial=keys.cert_serial,
        platform_key_id=keys.platform_key_id,
        pay_base_url=address,
        open_base_url=address,
        notify_base_url=_notify_base_url(),
        platform_public_key=_read(keys.platform_public_key_path),
        app_secret=keys.app_secret,
        api_v3_key=keys.api_v3_key,
        private_key=_read(keys.private_key_path),
        is_sandbox=True,
        account_app_id=account_app_id(keys.app_id),
    )


def _of_wechat() -> Credentials:
    missing = [name for name in _NEEDED if not getattr(settings, name)]
    if missing:
        raise ImproperlyConfigured(f"WeChat is not set up: {', '.join(missing)} missing.")
    if len(settings.LINJIA_WECHAT_API_V3_KEY.encode()) != _API_V3_KEY_LENGTH:
        raise ImproperlyConfigured("LINJIA_WECHAT_API_V3_KEY must have exactly 32 bytes.")
    return Credentials(
        app_id=settings.LINJIA_WECHAT_APP_ID,
        merchant_id=settings.LINJIA_WECHAT_MERCHANT_ID,
        cert_serial=settings.LINJIA_WECHAT_CERT_SERIAL,
        platform_key_id=settings.LINJIA_WECHAT_PLATFORM_KEY_ID,
        pay_base_url=settings.LINJIA_WECHAT_PAY_BASE_URL.rstrip("/"),
        open_base_url=settings.LINJIA_WECHAT_OPEN_BASE_URL.rstrip("/"),
        notify_base_url=_notify_base_url(),
        platform_public_key=_read(settings.LINJIA_WECHAT_PLATFORM_PUBLIC_KEY_PATH),
        app_secret=settings.LINJIA_WECHAT_APP_SECRET,
        api_v3_key=settings.LINJIA_WECHAT_API_V3_KEY,
        private_key=_read(settings.LINJIA_WECHAT_PRIVATE_KEY_PATH),
        account_app_id=settings.LINJIA_WECHAT_ACCOUNT_APP_ID,
    )


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"The key file {path} cannot be read: {error}") from error
