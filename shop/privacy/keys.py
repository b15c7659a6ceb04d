"""The keys of this process: what seals a text, opens it, and finds it again without opening.

A sealed text is ``v1:<key id>:<base64 of nonce, ciphertext and tag>`` (AES-256-GCM); a long one is packed first. The label of its column is
authenticated with it, so a text moved to another column does not open. Look-ups are HMAC-SHA-256 under a key
of their own, per column too: equal texts of one column are equal, and nobody without the key can try them out.
"""

import base64
import hashlib
import hmac
import os
import zlib
from collections.abc import Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

PREFIX = "v1:"
_NONCE_BYTES = 12
# A row of more than 2 kB is torn apart by PostgreSQL, and what is sealed cannot be packed afterwards. Bytes.
_LONG = 1024
# Stands before what is packed; no text that PostgreSQL keeps begins so.
_PACKED = b"\0"


class SealBroken(Exception):
    """A sealed text does not open: its key is not among ``LINJIA_DATA_KEYS``, or it was tampered with or moved."""


class KeyRing:
    """Data keys and look-up keys; the first of each is the one in use, the others still open and find."""

    def __init__(self, data_keys: Sequence[bytes], lookup_keys: Sequence[bytes]) -> None:
        self._ciphers = {key_id(key): AESGCM(key) for key in data_keys}
        self._lookup_keys = tuple(lookup_keys)
        self.current_id = key_id(data_keys[0])
        self._current = self._ciphers[self.current_id]
        self._head = f"{PREFIX}{self.current_id}:"

    def seal(self, text: str, label: str) -> str:
        """Return the text sealed for the column ``label`` names, under the first key."""
        nonce, data = os.urandom(_NONCE_BYTES), text.encode()
        if len(data) > _LONG:
            data = _PACKED + _packed(data)
        body = nonce + self._current.encrypt(nonce, data, label.encode())
        return self._head + base64.b64encode(body).decode("ascii")

    def open(self, sealed: str, label: str) -> str:
        """Return what was sealed. Raises :class:`SealBroken`, which never shows any of it."""
        version, _, rest = sealed.partition(":")
        name, _, body = rest.partition(":")
        cipher = self._ciphers.get(name)
        if version != "v1" or cipher is None:
            raise SealBroken(f"{label}: no key {name[:8]!r} is set" if version == "v1" else f"{label}: not sealed")
        try:
            data = base64.b64decode(body, validate=True)
            text = cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], label.encode())
            return (zlib.decompress(text[1:]) if text.startswith(_PACKED) else text).decode()
        except (InvalidTag, ValueError, zlib.error) as error:
            raise SealBroken(f"{label}: the text was changed or moved") from error

    def is_current(self, sealed: str) -> bool:
        """Whether a stored text is sealed under the first key."""
        return sealed.startswith(self._head)

    def lookup(self, text: str, label: str) -> str:
        """Return what a column keeps to find this text again."""
        return _digest(self._lookup_keys[0], text, label)

    def lookups(self, text: str, label: str) -> list[str]:
        """Return what it may be found by while look-up keys change: under each of them."""
        return [_digest(key, text, label) for key in self._lookup_keys]


def _packed(data: bytes) -> bytes:
    """Return the data packed as ``zlib.compress`` would, by a fifth of its time: its tables are made for far longer texts."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 12, 4)
    return packer.compress(data) + packer.flush()


def key_id(key: bytes) -> str:
    """Return the name of a data key, eight characters that say nothing about it."""
    return hashlib.sha256(b"linjia data key" + key).hexdigest()[:8]


def ring() -> KeyRing:
    """Return this process's keys."""
    return _ring(tuple(settings.LINJIA_DATA_KEYS), tuple(settings.LINJIA_LOOKUP_KEYS))


@lru_cache(maxsize=8)
def _ring(data_keys: tuple[bytes, ...], lookup_keys: tuple[bytes, ...]) -> KeyRing:
    return KeyRing(data_keys, lookup_keys)


def _digest(key: bytes, text: str, label: str) -> str:
    return hmac.digest(key, f"{label}\0{text}".encode(), "sha256").hex()
