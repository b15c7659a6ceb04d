"""Public numbers and tokens: random, unguessable, safe in URLs and in gateways' number fields."""

import hashlib
import secrets

# Crockford's alphabet: no I, L, O, U, so a number can be read out over the phone.
_READABLE = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Random bytes become characters by a table, in one go; bytes beyond a multiple of 62 would favour the first ones.
_TO_READABLE = bytes(ord(_READABLE[byte % 32]) for byte in range(256))
_TO_BASE62 = bytes(ord(_BASE62[byte % 62]) for byte in range(256))
_TOO_HIGH = bytes(range(248, 256))


def new_number(prefix: str) -> str:
    """Return a public number: the prefix and 16 readable characters (80 random bits).

    Letters and digits only and at most 32 characters, as payment channels ask of order, refund
    and bill numbers.
    """
    return prefix + secrets.token_bytes(16).translate(_TO_READABLE).decode()


def number_from(prefix: str, secret: str) -> str:
    """Return the public number that belongs to a secret: the same each time, as hard to guess as the secret."""
    return prefix + hashlib.sha256(secret.encode()).digest()[:16].translate(_TO_READABLE).decode()


def new_token(length: int = 12) -> str:
    """Return a random base62 token; 12 characters hold 71 bits and fit a mini-program scene."""
    token = b""
    while len(token) < length:
        token += secrets.token_bytes(length + 8).translate(_TO_BASE62, _TOO_HIGH)
    return token[:length].decode()


def token_hash(token: str) -> str:
    """Return the SHA-256 of a secret token, for storing and looking it up without keeping it."""
    return hashlib.sha256(token.encode()).hexdigest()
