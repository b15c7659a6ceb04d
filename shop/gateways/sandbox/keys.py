"""The sandbox's identity: a merchant, a platform and an app, made once and kept in its home.

``keys.json`` is the index the shop reads: identifiers, secrets and the paths of the key files. Everything is
readable by the owner alone.
"""

import fcntl
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

INDEX = "keys.json"
# Production refuses every identifier that carries this mark, in capitals or not.
MARK = "SANDBOX"
# The same everywhere, so that made-up people keep their openid and settings can name it without the keys.
APP_ID = "wx0000linjiasandbox"
_RSA_BITS = 2048
_RSA_EXPONENT = 65537


@dataclass(frozen=True)
class Keyring:
    """What both sides agree on. ``merchant_private_key`` belongs to the shop, ``platform_private_key`` to WeChat."""

    app_id: str
    app_secret: str
    merchant_id: str
    api_v3_key: str
    cert_serial: str
    platform_key_id: str
    private_key_path: str
    merchant_public_key_path: str
    platform_private_key_path: str
    platform_public_key_path: str


def account_app_id(app_id: str) -> str:
    """Return the official account, which WeChat's own browser signs in and pays with; the same secret, other openids."""
    return f"{app_id}account"


def site_app_id(app_id: str) -> str:
    """Return the app that the website signs in with; the sandbox knows it by the same secret."""
    return f"{app_id}site"


def ensure_keys(home: Path) -> Keyring:
    """Return the keys of ``home``, making them when there are none. Two processes may ask at once."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "keys.lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        index = home / INDEX
        if index.exists():
            return Keyring(**json.loads(index.read_text(encoding="utf-8")))
        keyring = _make(home)
        # Written last and in one step, so that an index is never half a set of keys.
        _write_private(home / "keys.json.new", json.dumps(asdict(keyring), indent=2).encode())
        (home / "keys.json.new").replace(index)
        return keyring


def _make(home: Path) -> Keyring:
    merchant_private, merchant_public = _write_pair(home, "merchant")
    platform_private, platform_public = _write_pair(home, "platform")
    return Keyring(
        app_id=APP_ID,
        app_secret=secrets.token_hex(16),
        merchant_id="19" + str(secrets.randbelow(10**8)).zfill(8),
        api_v3_key=secrets.token_hex(16),
        cert_serial=f"{MARK}{secrets.token_hex(16).upper()}",
        platform_key_id=f"PUB_KEY_ID_{MARK}_{secrets.token_hex(12).upper()}",
        private_key_path=str(merchant_private),
        merchant_public_key_path=str(merchant_public),
        platform_private_key_path=str(platform_private),
        platform_public_key_path=str(platform_public),
    )


def _write_pair(home: Path, owner: str) -> tuple[Path, Path]:
    key: RSAPrivateKey = generate_private_key(public_exponent=_RSA_EXPONENT, key_size=_RSA_BITS)
    private_path, public_path = home / f"{owner}_private.pem", home / f"{owner}_public.pem"
    _write_private(
        private_path,
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    _write_private(
        public_path,
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    )
    return private_path.resolve(), public_path.resolve()


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
