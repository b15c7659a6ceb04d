"""Sending sign-in codes by SMS."""

from typing import Protocol

import requests
import structlog
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured

from shop.base.locks import require_no_transaction
from shop.gateways.contract import GatewayRefused, GatewayUnknown
from shop.privacy.keys import ring

logger = structlog.get_logger(__name__)

_SANDBOX_SECONDS = 300
_TIMEOUT_SECONDS = (3, 10)


class SmsSender(Protocol):
    """A way to bring a code to a phone."""

    def send_code(self, *, phone: str, code: str) -> None:
        """Send it. Raises ``GatewayRefused`` or ``GatewayUnknown``."""


class SandboxSms:
    """Sends nothing: keeps the code where the sandbox's pages and tests can read it."""

    def send_code(self, *, phone: str, code: str) -> None:
        require_no_transaction()
        cache.set(_sandbox_key(phone), code, _SANDBOX_SECONDS)
        logger.info("sandbox_sms_kept", phone=f"{phone[:3]}****{phone[-4:]}")

    @staticmethod
    def last_code(phone: str) -> str | None:
        """Return the last code of a phone, for the sandbox only."""
        return cache.get(_sandbox_key(phone)) if settings.LINJIA_SANDBOX else None


def _sandbox_key(phone: str) -> str:
    # Redis is looked into by more people than the database.
    return f"sandbox-sms:{ring().lookup(phone, 'sandbox-sms')}"


class HttpSms:
    """Posts the code as JSON to the operator's SMS relay, with a bearer key."""

    def send_code(self, *, phone: str, code: str) -> None:
        require_no_transaction()
        try:
            answer = requests.post(
                settings.LINJIA_SMS_URL,
                json={"phone": phone, "template": "sign_in_code", "params": {"code": code}},
                headers={"Authorization": f"Bearer {settings.LINJIA_SMS_KEY}"},
                timeout=_TIMEOUT_SECONDS,
            )
        except requests.RequestException as error:
            raise GatewayUnknown(f"the SMS relay did not answer: {error}") from error
        if answer.status_code >= 500:
            raise GatewayUnknown(f"the SMS relay answered {answer.status_code}")
        if answer.status_code >= 400:
            raise GatewayRefused(code=str(answer.status_code), message="the SMS relay refused")


def sms_sender() -> SmsSender:
    """Return the sender the settings ask for. Raises ``ImproperlyConfigured`` when there is none."""
    if settings.LINJIA_SANDBOX:
        return SandboxSms()
    if not (settings.LINJIA_SMS_URL and settings.LINJIA_SMS_KEY):
        raise ImproperlyConfigured("LINJIA_SMS_URL and LINJIA_SMS_KEY are needed to send codes")
    return HttpSms()
