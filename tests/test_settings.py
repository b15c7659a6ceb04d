"""Settings say loudly what they do not understand, and production does not start unsafe."""

import os
import runpy
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from settings import env, samples

GOOD_SECRET = "q3J9vKx2Lw8ZtR5mYb7NcD4hF6gS1pAeUoIiTzXnBk"
# 32 random bytes each, in base64.
DATA_KEY, OLD_DATA_KEY, LOOKUP_KEY = (
    "9T0vB1ySPX0u1Qf2bqL2m8J1xv6mQyF5yW3sE7dKcZo",
    "V7mXk2pR9sLq4tYb6nWc8zHd1fJg3aEu5oIiQwTyUxM",
    "c1Vn8rTq2Wz5xKb7mYp9sLd3gHf6jAe4uOiQwRtYkZE",
)


@pytest.mark.parametrize(("word", "meant"), [("1", True), ("Yes", True), ("off", False), ("", False)])
def test_a_switch_is_read(monkeypatch: pytest.MonkeyPatch, word: str, meant: bool) -> None:
    monkeypatch.setenv("SWITCH", word)
    assert env.env_bool("SWITCH", default=not meant) is meant


def test_nonsense_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCH", "perhaps")
    monkeypatch.setenv("DAYS", "a week")
    with pytest.raises(ImproperlyConfigured, match="SWITCH='perhaps' is not a switch"):
        env.env_bool("SWITCH", default=False)
    with pytest.raises(ImproperlyConfigured, match="DAYS='a week' is not a whole number"):
        env.env_int("DAYS", 7)
    monkeypatch.setenv("DAYS", "0")
    with pytest.raises(ImproperlyConfigured, match="DAYS=0 is out of range: it must be between 1 and 30"):
        env.env_int("DAYS", 7, minimum=1, maximum=30)


@pytest.mark.parametrize(
    ("secret", "complaint"),
    [
        ("", "is not set"),
        ("short", "too short"),
        ("change-me-" * 5, "looks like a sample"),
        ("a" * 40, "looks like a sample"),
        (samples.DEVELOPMENT_SECRET_KEY, "a sample of this repository"),
        (samples.TEST_SECRET_KEY, "a sample of this repository"),
        (samples.DATA_KEY, "a sample of this repository"),
        (samples.LOOKUP_KEY, "a sample of this repository"),
        ("q3J9vKx2" * 5, "not random enough"),
        ("abcdefghijklmnopqrstuvwxyz0123456789", "not random enough"),
        ("0000111122223333444455556666777788889999", "not random enough"),
    ],
)
def test_a_weak_secret_is_refused(monkeypatch: pytest.MonkeyPatch, secret: str, complaint: str) -> None:
    monkeypatch.setenv("KEY", secret)
    with pytest.raises(ImproperlyConfigured, match=complaint):
        env.env_secret("KEY")


@pytest.mark.parametrize("make", [lambda: secrets.token_urlsafe(32), lambda: secrets.token_hex(16)])
def test_random_secrets_are_never_called_weak(make: Callable[[], str]) -> None:
    for _ in range(2_000):
        env.strong("KEY", make())


def test_keys_are_read_the_first_one_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYS", f"{DATA_KEY}, {OLD_DATA_KEY}")
    assert [len(key) for key in env.env_keys("KEYS")] == [32, 32]
    for words, complaint in (
        (f"{DATA_KEY},{DATA_KEY}", "names a key twice"),
        (DATA_KEY[:-3] + "Aaa" + "b" * 8, "32 random bytes"),
        (DATA_KEY[:-1] + "!", "32 random bytes"),
        (samples.DATA_KEY, "a sample of this repository"),
    ):
        monkeypatch.setenv("KEYS", words)
        with pytest.raises(ImproperlyConfigured, match=complaint) as refusal:
            env.env_keys("KEYS")
        assert words[:20] not in str(refusal.value), "the value itself stays out of logs"


def test_a_database_address_becomes_settings() -> None:
    assert env.database_from_url("postgres://lin:p%40ss@db.example:6432/linjia?sslmode=require") == {
        "ENGINE": "settings.database",
        "NAME": "linjia",
        "USER": "lin",
        "PASSWORD": "p@ss",
        "HOST": "db.example",
        "PORT": "6432",
        "OPTIONS": {"sslmode": "require"},
    }
    assert env.database_from_url("postgres://lin@/linjia?host=/run/pg")["HOST"] == "/run/pg"
    with pytest.raises(ImproperlyConfigured, match="postgres://"):
        env.database_from_url("mysql://lin@db/linjia")


def test_celery_spells_a_socket_its_own_way() -> None:
    assert env.broker_from_url("unix:///run/v.sock?db=3") == "redis+socket:///run/v.sock?virtual_host=3"
    assert env.broker_from_url("redis://cache:6379/1") == "redis://cache:6379/1"


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """An environment that production accepts."""
    for name in ("LINJIA_DEBUG", "DEBUG", "LINJIA_SANDBOX", "LINJIA_SANDBOX_URL", "LINJIA_DATABASE_ROLE"):
        monkeypatch.delenv(name, raising=False)
    key = tmp_path / "key.pem"
    key.write_text("a key", encoding="ascii")
    values = {
        "LINJIA_SECRET_KEY": GOOD_SECRET + "w7Yc2Lk9",
        "LINJIA_DATA_KEYS": f"{DATA_KEY},{OLD_DATA_KEY}",
        "LINJIA_LOOKUP_KEYS": LOOKUP_KEY,
        "LINJIA_HOSTS": "shop.linjia.cn",
        "LINJIA_PUBLIC_URL": "https://shop.linjia.cn",
        "DATABASE_URL": "postgres://linjia_app@db/linjia",
        "REDIS_URL": "redis://cache/0",
        "LINJIA_GATEWAY": "wechat",
        "LINJIA_WECHAT_APP_ID": "wx1234567890abcdef",
        "LINJIA_WECHAT_APP_SECRET": GOOD_SECRET[:32],
        "LINJIA_WECHAT_MERCHANT_ID": "1900000109",
        "LINJIA_WECHAT_API_V3_KEY": GOOD_SECRET[:32],
        "LINJIA_WECHAT_CERT_SERIAL": "5157F09EFDC096DE15EBE81A47057A7232F1B8E1",
        "LINJIA_WECHAT_PRIVATE_KEY_PATH": str(key),
        "LINJIA_WECHAT_PLATFORM_KEY_ID": "PUB_KEY_ID_0119000001092024",
        "LINJIA_WECHAT_PLATFORM_PUBLIC_KEY_PATH": str(key),
        "LINJIA_SMS_URL": "https://sms.linjia.cn/send",
        "LINJIA_SMS_KEY": GOOD_SECRET,
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


def start() -> dict[str, Any]:
    """Read the production settings as a starting process does."""
    return runpy.run_module("settings.prod")


def test_production_starts_when_everything_is_there(production: dict[str, str]) -> None:
    settings = start()
    assert settings["DEBUG"] is False
    assert settings["LINJIA_SANDBOX"] is False
    assert settings["LINJIA_ENV"] == "production"
    assert settings["SESSION_COOKIE_SECURE"] is True
    assert settings["DATABASES"]["default"]["USER"] == "linjia_app"


def test_production_names_each_missing_value(production: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in set(production) - {"LINJIA_GATEWAY"}:
        with monkeypatch.context() as without:
            without.delenv(name)
            with pytest.raises(ImproperlyConfigured, match=name):
                start()


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("LINJIA_DEBUG", "1", "DEBUG is on"),
        ("DEBUG", "true", "DEBUG is on"),
        ("LINJIA_SECRET_KEY", "development-only-" + "linjia" * 8 + "sample", "looks like a sample"),
        ("LINJIA_SECRET_KEY", GOOD_SECRET, "too short: use at least 50"),
        ("LINJIA_SECRET_KEY", samples.DEVELOPMENT_SECRET_KEY, "a sample of this repository"),
        ("LINJIA_DATA_KEYS", samples.DATA_KEY, "a sample of this repository"),
        ("LINJIA_DATA_KEYS", f"{DATA_KEY},{samples.DATA_KEY}", "a sample of this repository"),
        ("LINJIA_DATA_KEYS", "too-short", "too short"),
        ("LINJIA_LOOKUP_KEYS", samples.LOOKUP_KEY, "a sample of this repository"),
        ("LINJIA_LOOKUP_KEYS", DATA_KEY, "must not share a key"),
        ("LINJIA_SMS_KEY", samples.TEST_SECRET_KEY, "a sample of this repository"),
        ("LINJIA_WECHAT_API_V3_KEY", "abcdefghijklmnopqrstuvwxyz012345", "not random enough"),
        ("LINJIA_METRICS_TOKEN", "metrics", "too short"),
        ("LINJIA_HOSTS", "*", "is refused"),
        ("LINJIA_PUBLIC_URL", "http://shop.linjia.cn", "https://"),
        ("LINJIA_SANDBOX", "1", "no place in production"),
        ("LINJIA_SANDBOX_URL", "http://127.0.0.1:8010", "no place in production"),
        ("LINJIA_GATEWAY", "sandbox", "refused in production"),
        ("LINJIA_WECHAT_CERT_SERIAL", "SANDBOX0123", "of the sandbox or of a sample"),
        ("LINJIA_WECHAT_PRIVATE_KEY_PATH", "/nowhere/key.pem", "no readable file"),
        ("LINJIA_WECHAT_API_V3_KEY", "too-short", "exactly 32 characters"),
    ],
)
def test_production_refuses_what_is_unsafe(
    production: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=complaint):
        start()


def test_djangos_own_deployment_checks_find_nothing(production: dict[str, str]) -> None:
    found = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "INFO"],
        cwd=Path(env.__file__).resolve().parent.parent,
        # Browser tests that ran in this process leave a mark that concerns nobody else.
        env={name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
        | {"DJANGO_SETTINGS_MODULE": "settings.prod"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "System check identified no issues" in found.stdout
