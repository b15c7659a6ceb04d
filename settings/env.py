"""Values from the environment, loud on nonsense.

A setting that is present but cannot be understood stops the start with one sentence that names the variable, what was
found and what is expected. Nothing falls back silently.
"""

import base64
import binascii
import os
import re
from collections import Counter
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from settings import samples

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})

# Secrets that a person copies from an example are no secrets.
_SAMPLE = re.compile(
    r"change.?me|example|sample|insecure|secret.?key|your.?(key|secret)|password|^(.)\2+$", re.IGNORECASE
)
_SECRET_LENGTH_MIN = 32
# Random hexadecimal of 32 characters has about 14 different ones and hardly ever under 8; words and keyboard runs have fewer or come in order.
_DIFFERENT_MIN = 8
_KEY_BYTES = 32
_MAKE_ONE = "Make your own: python -c 'import secrets; print(secrets.token_urlsafe(32))'"


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


def env_secret(name: str, *, length_min: int = _SECRET_LENGTH_MIN) -> str:
    """A secret that must be there, long enough, random, and not copied from an example or from this repository."""
    return strong(name, env_str(name), length_min=length_min)


def env_keys(name: str) -> list[bytes]:
    """Keys of 32 random bytes in URL-safe base64, separated by commas; the first is the one in use."""
    return keys_from(name, [strong(name, word) for word in env_list(name, []) or [env_str(name)]])


def keys_from(name: str, words: list[str]) -> list[bytes]:
    """Return the bytes of keys written in URL-safe base64, each of 32 bytes and named once."""
    keys = []
    for word in words:
        try:
            key = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != _KEY_BYTES:
            raise ImproperlyConfigured(f"{name}: each key is 32 random bytes in URL-safe base64. {_MAKE_ONE}")
        keys.append(key)
    if len(set(keys)) != len(keys):
        raise ImproperlyConfigured(f"{name} names a key twice.")
    return keys


def strong(name: str, value: str, *, length_min: int = _SECRET_LENGTH_MIN) -> str:
    """Return a secret that is one; the refusal names the variable and never shows the value."""
    if value in samples.ALL:
        raise ImproperlyConfigured(f"{name} is a sample of this repository, which everybody can read. {_MAKE_ONE}")
    if len(value) < length_min:
        raise ImproperlyConfigured(f"{name} is too short: use at least {length_min} random characters.")
    if _SAMPLE.search(value):
        raise ImproperlyConfigured(f"{name} looks like a sample. {_MAKE_ONE}")
    if _is_predictable(value):
        raise ImproperlyConfigured(f"{name} is not random enough. {_MAKE_ONE}")
    return value


def _is_predictable(value: str) -> bool:
    """Whether few characters, a repeated piece or a run through the alphabet make up most of it."""
    steps = Counter(ord(after) - ord(before) for before, after in pairwise(value))
    is_a_run = steps.most_common(1)[0][1] > len(value) // 2
    is_repeated = any(value[size:] == value[:-size] for size in range(1, len(value) // 2 + 1))
    return is_a_run or is_repeated or len(set(value)) < _DIFFERENT_MIN


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
        "ENGINE": "settings.database",
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
