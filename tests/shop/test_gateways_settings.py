"""Which rail, with which keys, and what production refuses."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from shop.gateways.credentials import Credentials, credentials_from_settings, refuse_sandbox
from shop.gateways.registry import default_gateway, gateway_named, wechat_open
from shop.gateways.sandbox.client import SandboxControl
from shop.gateways.wechat_pay import WechatPay


@pytest.fixture
def real(sandbox: SandboxControl, settings: Any, tmp_path: Path) -> Any:
    """Settings as an operator would set them, with keys of the right form."""
    keys = credentials_from_settings()
    (tmp_path / "private.pem").write_text(keys.private_key)
    (tmp_path / "platform.pem").write_text(keys.platform_public_key)
    settings.LINJIA_SANDBOX = False
    settings.LINJIA_GATEWAY = "wechat"
    settings.LINJIA_WECHAT_APP_ID = "wx0123456789abcdef"
    settings.LINJIA_WECHAT_ACCOUNT_APP_ID = "wxfedcba9876543210"
    settings.LINJIA_WECHAT_APP_SECRET = "0123456789abcdef0123456789abcdef"
    settings.LINJIA_WECHAT_MERCHANT_ID = "1900012345"
    settings.LINJIA_WECHAT_API_V3_KEY = "a" * 32
    settings.LINJIA_WECHAT_PRIVATE_KEY_PATH = str(tmp_path / "private.pem")
    settings.LINJIA_WECHAT_CERT_SERIAL = "444F4864EA9B34415A0F6A2DE5F1C39AB0C8B7F1"
    settings.LINJIA_WECHAT_PLATFORM_PUBLIC_KEY_PATH = str(tmp_path / "platform.pem")
    settings.LINJIA_WECHAT_PLATFORM_KEY_ID = "PUB_KEY_ID_0119000123452025010100000000000000"
    settings.LINJIA_WECHAT_NOTIFY_BASE_URL = "https://shop.example.com"
    return settings


def test_one_rail_a_process(sandbox: SandboxControl) -> None:
    assert default_gateway() is gateway_named("sandbox")
    assert default_gateway().name == "sandbox"
    assert wechat_open() is wechat_open()


def test_changed_settings_give_another_rail(sandbox: SandboxControl, settings: Any) -> None:
    before = gateway_named("sandbox")
    settings.LINJIA_WECHAT_NOTIFY_BASE_URL = "http://127.0.0.1:1"
    assert gateway_named("sandbox") is not before


def test_real_rail_talks_to_wechat(real: Any) -> None:
    rail = default_gateway()
    assert isinstance(rail, WechatPay)
    assert rail.name == "wechat"
    assert rail._library._core._gate_way == "https://api.mch.weixin.qq.com"
    assert rail._library._core._proxy is None


def test_unknown_rail_is_refused(sandbox: SandboxControl) -> None:
    with pytest.raises(ImproperlyConfigured, match="no gateway 'alipay'"):
        gateway_named("alipay")


def test_sandbox_rail_needs_the_sandbox(real: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="development and tests"):
        gateway_named("sandbox")


@pytest.mark.parametrize(
    "name",
    [
        "LINJIA_WECHAT_APP_ID",
        "LINJIA_WECHAT_APP_SECRET",
        "LINJIA_WECHAT_MERCHANT_ID",
        "LINJIA_WECHAT_API_V3_KEY",
        "LINJIA_WECHAT_PRIVATE_KEY_PATH",
        "LINJIA_WECHAT_CERT_SERIAL",
        "LINJIA_WECHAT_PLATFORM_PUBLIC_KEY_PATH",
        "LINJIA_WECHAT_PLATFORM_KEY_ID",
    ],
)
def test_missing_setting_is_named(real: Any, name: str) -> None:
    setattr(real, name, "")
    with pytest.raises(ImproperlyConfigured, match=name):
        default_gateway()


def test_unreadable_key_and_short_secret_are_named(real: Any) -> None:
    real.LINJIA_WECHAT_API_V3_KEY = "short"
    with pytest.raises(ImproperlyConfigured, match="32 bytes"):
        default_gateway()
    real.LINJIA_WECHAT_API_V3_KEY = "a" * 32
    real.LINJIA_WECHAT_PRIVATE_KEY_PATH = "/nowhere/key.pem"
    with pytest.raises(ImproperlyConfigured, match=r"/nowhere/key\.pem"):
        default_gateway()


def test_secrets_are_not_shown(sandbox: SandboxControl) -> None:
    keys = credentials_from_settings()
    shown = repr(keys)
    assert keys.app_secret not in shown
    assert keys.api_v3_key not in shown
    assert "PRIVATE KEY" not in shown


# Production


def test_production_takes_the_real_rail(real: Any) -> None:
    real.LINJIA_ENV = "production"
    assert default_gateway().name == "wechat"


@pytest.mark.parametrize("name", ["sandbox", "wechat"])
def test_production_refuses_the_sandbox(sandbox: SandboxControl, settings: Any, name: str) -> None:
    settings.LINJIA_ENV = "production"
    with pytest.raises(ImproperlyConfigured):
        gateway_named(name)
    with pytest.raises(ImproperlyConfigured):
        wechat_open()


def test_production_is_also_said_by_the_environment(
    sandbox: SandboxControl, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    # Another address, so that no rail built before is taken from the shelf.
    settings.LINJIA_WECHAT_NOTIFY_BASE_URL = "http://127.0.0.1:2"
    monkeypatch.setenv("LINJIA_ENV", "Production")
    with pytest.raises(ImproperlyConfigured):
        default_gateway()


@pytest.mark.parametrize(
    "changed",
    [
        {"is_sandbox": True},
        {"app_id": "wx0000linjiasandbox"},
        {"account_app_id": "wx0000linjiasandboxaccount"},
        {"cert_serial": "SANDBOX0123"},
        {"platform_key_id": "PUB_KEY_ID_SANDBOX_0123"},
        {"pay_base_url": "http://api.mch.weixin.qq.com"},
        {"pay_base_url": "https://127.0.0.1:8100"},
        {"pay_base_url": "https://localhost"},
        {"pay_base_url": "https://[::1]"},
        {"pay_base_url": "https://10.0.0.5"},
        {"open_base_url": "http://127.0.0.1:8100"},
        {"notify_base_url": "http://shop.example.com"},
        {"notify_base_url": "https://shop.local"},
        {"notify_base_url": ""},
    ],
)
def test_production_refuses_whatever_is_the_sandboxs(changed: dict[str, Any]) -> None:
    sound = Credentials(
        app_id="wx0123456789abcdef",
        merchant_id="1900012345",
        cert_serial="444F4864",
        platform_key_id="PUB_KEY_ID_0119",
        pay_base_url="https://api.mch.weixin.qq.com",
        open_base_url="https://api.weixin.qq.com",
        notify_base_url="https://shop.example.com",
        platform_public_key="",
        app_secret="",
        api_v3_key="",
        private_key="",
    )
    refuse_sandbox(sound)
    with pytest.raises(ImproperlyConfigured):
        refuse_sandbox(replace(sound, **changed))
