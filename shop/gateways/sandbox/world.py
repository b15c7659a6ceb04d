"""Everything a handler may touch: keys, book, clock, knobs and chance."""

import json
import random
import secrets
import threading
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from shop.gateways.sandbox.book import Book
from shop.gateways.sandbox.keys import Keyring, ensure_keys

# Every behaviour that can be turned, with its rest position. Times are seconds, amounts fen.
KNOBS: dict[str, Any] = {
    "clock_offset": 0,  # moves expiry and every instant WeChat reports
    "signature_offset": 0,  # moves the timestamps of signatures only: a machine with a wrong clock
    "check_client_clock": True,
    "notify_mode": "send",  # or "queue": kept until pending_notices() takes them
    "notice_drop_percent": 0,
    "notice_delay_percent": 100,  # how many notices notice_delay_seconds applies to
    "notice_delay_seconds": 0.0,
    "notice_copies": 1,
    "notice_reorder": False,
    # WeChat's plan 15s/15s/30s/3m/10m/20m/30m/30m/30m/60m/3h/3h/3h/6h/6h, fifteen times as fast.
    "notice_retries": [1, 1, 2, 12, 40, 80, 120, 120, 120, 240, 720, 720, 720, 1440, 1440],
    "refund_mode": "auto",  # or "hold", "abnormal", "closed"
    "refund_delay_seconds": 0.0,
    "transfer_mode": "waiting",  # or "accepted", "instant", "fail"
    "transfer_fail_reason": "ACCOUNT_ABNORMAL",
    "transfer_max_fen": 2_000_000,
    "balance_fen": None,  # the merchant's money for transfers; None is endless
    "known_names": {},  # openid -> real name; a transfer naming another person fails
}


class World:
    """The state of one running sandbox."""

    def __init__(self, home: Path, base_url: str) -> None:
        self.home = home
        self.base_url = base_url
        self.keys: Keyring = ensure_keys(home)
        self.book = Book(home / "book.sqlite3")
        self.platform_key = _private_key(self.keys.platform_private_key_path)
        self.platform_public_key = self.platform_key.public_key()
        self.merchant_key = _private_key(self.keys.private_key_path)
        self.merchant_public_key = _public_key(self.keys.merchant_public_key_path)
        self.chance = random.Random()  # noqa: S311 - dice, not secrets
        self.bell = threading.Event()
        self.seen_nonces: dict[str, float] = {}
        self.tokens: dict[str, float] = {}

    def knob(self, name: str) -> Any:
        """The present position of a knob."""
        row = self.book.row("SELECT value FROM knobs WHERE name = ?", name)
        return json.loads(row["value"]) if row else KNOBS[name]

    def turn(self, name: str, value: Any) -> None:
        """Turn a knob; unknown names raise ``KeyError``."""
        if name not in KNOBS:
            raise KeyError(name)
        self.book.run("INSERT OR REPLACE INTO knobs (name, value) VALUES (?, ?)", name, json.dumps(value))

    def now(self) -> float:
        """The sandbox's own time, seconds since 1970."""
        return time.time() + float(self.knob("clock_offset"))

    def signing_time(self) -> int:
        """The time written into signatures, seconds since 1970."""
        return int(time.time() + float(self.knob("signature_offset")))

    def new_id(self, prefix: str) -> str:
        """A number of WeChat's: the prefix, the day, and digits that no two things share."""
        day = time.strftime("%Y%m%d", time.gmtime(self.now() + 8 * 3600))
        return f"{prefix}{day}{secrets.randbelow(10**16):016d}"

    def happens(self, percent: int) -> bool:
        """Whether something of this likelihood happens now."""
        return percent >= 100 or (percent > 0 and self.chance.uniform(0, 100) < percent)

    def reset(self) -> None:
        """Forget everything but the keys."""
        self.book.empty()
        self.chance = random.Random()  # noqa: S311 - dice, not secrets
        self.seen_nonces.clear()
        self.tokens.clear()


def _private_key(path: str) -> RSAPrivateKey:
    key = load_pem_private_key(Path(path).read_bytes(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return key


def _public_key(path: str) -> RSAPublicKey:
    key = load_pem_public_key(Path(path).read_bytes())
    assert isinstance(key, RSAPublicKey)
    return key
