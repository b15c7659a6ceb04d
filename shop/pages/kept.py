"""Keeping and finding ready answers. One round trip to find one, one to keep it."""

import gzip
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import redis
import structlog
from django.conf import settings

logger = structlog.get_logger(__name__)

# How long a page may be kept at most, whatever the setting says; how much longer it may be shown while
# somebody makes it anew.
FRESH_SECONDS_MAX = 300
STALE_SECONDS = 20
# Whoever makes a page anew has this long until another one tries.
_MAKING_SECONDS = 3
_TIMEOUT_SECONDS = 0.25
# After a failure Redis is left alone for a while, so that an outage does not slow every page.
_PAUSE_SECONDS = 2.0
_LEVEL = 5


class _Rest:
    """When Redis may be asked again, by the monotonic clock; per process, for speed only."""

    until = 0.0


_clients: dict[str, redis.Redis] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it is kept: the body as it is, or packed by gzip, its type, its tag."""

    body: bytes
    is_packed: bool
    content_type: str
    language: str
    etag: str


@dataclass(frozen=True, slots=True)
class Slot:
    """Where an answer belongs, and the marks it will be true for: they were read before it is made."""

    key: str
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What was found: an answer that may be shown, or the slot for the one to make (or neither)."""

    answer: Answer | None = None
    slot: Slot | None = None


def client() -> redis.Redis:
    """Return the connection of this process."""
    url = settings.LINJIA_REDIS_URL
    if url not in _clients:
        _clients[url] = redis.Redis.from_url(
            url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS
        )
    return _clients[url]


def key_of(*parts: str) -> str:
    """Return the key of the page that these parts name."""
    digest = hashlib.blake2b("\n".join((settings.LINJIA_VERSION, *parts)).encode(), digest_size=20)
    return f"linjia:page:{digest.hexdigest()}"


def find(key: str, mark_keys: Sequence[str], *, now: float) -> Found:
    """Return the kept answer, or the slot to fill. ``now`` in seconds since 1970.

    Of many who find an answer outdated, one gets the slot; the others are shown the old one for the
    moment that takes. With Redis away there is neither, and the page is made from the database.
    """
    if time.monotonic() < _Rest.until:
        return Found()
    try:
        raw, *marks = cast(list[bytes | None], client().mget([key, *mark_keys]))
        slot = Slot(key, tuple((mark or b"").decode() for mark in marks))
        head, _newline, packed = (raw or b"").partition(b"\n")
        if not head:
            return Found(slot=slot)
        facts = json.loads(head)
        answer = Answer(packed, True, facts["type"], facts["language"], facts["etag"])
        if facts["marks"] == list(slot.marks) and now < facts["until"]:
            return Found(answer)
        if client().set(f"{key}:making", 1, nx=True, ex=_MAKING_SECONDS):
            return Found(slot=slot)
    except redis.RedisError as error:
        _rest(error)
        return Found()
    return Found(answer)


def make(body: bytes, *, content_type: str, language: str) -> Answer:
    """Return an answer just made. Its tag is the digest of what it says."""
    etag = hashlib.blake2b(language.encode() + b"\n" + body, digest_size=16).hexdigest()
    return Answer(body, False, content_type, language, etag)


def keep(slot: Slot, answer: Answer, *, seconds: int, now: float) -> None:
    """Keep an answer for so many seconds; with Redis away, do nothing."""
    seconds = min(seconds, FRESH_SECONDS_MAX)
    facts = {
        "marks": slot.marks,
        "until": now + seconds,
        "type": answer.content_type,
        "language": answer.language,
        "etag": answer.etag,
    }
    packed = gzip.compress(answer.body, _LEVEL, mtime=0)
    pipe = client().pipeline(transaction=False)
    pipe.set(slot.key, json.dumps(facts).encode() + b"\n" + packed, ex=seconds + STALE_SECONDS)
    pipe.delete(f"{slot.key}:making")
    try:
        pipe.execute()
    except redis.RedisError as error:
        _rest(error)


def give_up(slot: Slot) -> None:
    """Say that the page of a slot was not made, so that the next one tries at once."""
    try:
        client().delete(f"{slot.key}:making")
    except redis.RedisError as error:
        _rest(error)


def _rest(error: Exception) -> None:
    _Rest.until = time.monotonic() + _PAUSE_SECONDS
    logger.warning("kept_pages_away", error=type(error).__name__)
