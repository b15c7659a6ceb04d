"""Values from the environment, loud on nonsense.

A setting that is present but cannot be understood stops the start with one sentence that names the variable, what was
found and what is expected. Nothing falls back silently.
"""

import os
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})

# Secrets that a person copies from an example are no secrets.
_SAMPLE = re.compile(
    r"change.?me|example|sample|insecure|secret.?key|your.?(key|secret)|password|^(.)\2+$", re.IGNORECASE
)
_SECRET_LENGTH_MIN = 32


def env_str(name: str, default: str | None = None) -> str:
    """The text of a variable; without a default the variable must be there and not be empty."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise ImproperlyConfigured(f"{name} is not set. Set it in the environment; docs/operations.md says to what.")
    return default


def env_bool(name: str, default: bool) -> bool:
    """A switch: 1/true/yes/on or 0/false/no/off."""
    raw = os.environ.get(name)
    if raw is None:
        return default
    word = raw.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={raw!r} is not a switch. Use 1 or 0.")


def env_int(name: str, default: int, *, minimum: int = 0, maximum: int | None = None) -> int:
    """A whole number between `minimum` and `maximum`, both included."""
    raw = os.environ.get(name, "").strip()
    if not raw:
        return default
    try:
        number = int(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a whole number.") from None
    if number < minimum or (maximum is not None and number > maximum):
        span = f"at least {minimum}" if maximum is None else f"between {minimum} and {maximum}"
        raise ImproperlyConfigured(f"{name}={number} is out of range: it must be {span}.")
    return number


def env_list(name: str, default: list[str]) -> list[str]:
    """A comma-separated list; empty pieces are dropped."""
    raw = os.environ.get(name)
    if raw is None:
        return default
    return [piece.strip() for piece in raw.split(",") if piece.strip()]


def env_secret(name: str) -> str:
    """A secret that must be there, long enough and not copied from an example."""
    value = env_str(name)
    if len(value) < _SECRET_LENGTH_MIN:
        raise ImproperlyConfigured(f"{name} is too short: use at least {_SECRET_LENGTH_MIN} random characters.")
    if _SAMPLE.search(value):
        raise ImproperlyConfigured(
            f"{name} looks like a sample. Make your own: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
    return value


def database_from_url(url: str) -> dict[str, Any]:
    """Django's database settings from `postgres://user:password@host:port/name?option=value`.

    A Unix socket is given as `?host=/folder/of/the/socket`.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("A database address must begin with postgres:// – Linjia needs PostgreSQL.")
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise ImproperlyConfigured(
            "A database address must end with the name of the database: postgres://user:password@host:5432/linjia"
        )
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": str(parts.port or options.pop("port", "") or ""),
        "OPTIONS": options,
    }


def broker_from_url(url: str) -> str:
    """Celery's spelling of a Redis address: `unix:///socket?db=1` is `redis+socket:///socket?virtual_host=1` there."""
    if not url.startswith("unix://"):
        return url
    parts = urlsplit(url)
    number = dict(parse_qsl(parts.query)).get("db", "0")
    return f"redis+socket://{parts.path}?virtual_host={number}"
