"""Public numbers and tokens: random, unguessable, safe in URLs and in gateways' number fields."""

import hashlib
import secrets

# Crockford's alphabet: no I, L, O, U, so a number can be read out over the phone.
_READABLE = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def new_number(prefix: str) -> str:
    """Return a public number: the prefix and 16 readable characters (80 random bits).

    Letters and digits only and at most 32 characters, as payment channels ask of order, refund
    and bill numbers.
    """
    return prefix + "".join(secrets.choice(_READABLE) for _ in range(16))


def new_token(length: int = 12) -> str:
    """Return a random base62 token; 12 characters hold 71 bits and fit a mini-program scene."""
    return "".join(secrets.choice(_BASE62) for _ in range(length))


def token_hash(token: str) -> str:
    """Return the SHA-256 of a secret token, for storing and looking it up without keeping it."""
    return hashlib.sha256(token.encode()).hexdigest()
