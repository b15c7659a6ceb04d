"""The buffer of openings in Redis: one round trip per opening, one bulk insert per second.

Redis may be emptied or stopped at any time. What waits here is at most a second of openings; whoever
buys carries her own openings in a signed cookie as well (see ``carry``), so no sale depends on it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, cast

import redis
import structlog
from redis.commands.core import Script

from distributors.links.rules import Opening, opening_from_json
from shop.base.numbers import new_token
from shop.work.redis_client import Asked, redis_client

logger = structlog.get_logger(__name__)

# The braces keep all keys of the buffer on one node of a cluster.
_OPEN = "linjia:{touches}:open"
_FLUSHING = "linjia:{touches}:flushing"
_OF = "linjia:{touches}:of:"
_RATE = "linjia:{touches}:rate:"
_SEEN = "linjia:{touches}:seen:"

# An opening is found under its visitor until it is surely stored; seconds.
_OF_SECONDS = 600
# The same visitor opening the same link again within this time is one opening; seconds.
_SEEN_SECONDS = 10
# So many of a visitor's openings are looked at, the newest.
_LATEST = (-100, -1)
# Openings from one network address within a minute; many people share one behind a carrier's gateway.
PER_MINUTE_MAX = 300
# After a failure Redis is left alone for a while, so that an outage does not slow every page.
_PAUSE_SECONDS = 2.0

_PUSH = """
if ARGV[3] ~= '' then
    local count = redis.call('INCR', KEYS[3])
    if count == 1 then redis.call('EXPIRE', KEYS[3], 60) end
    if count > tonumber(ARGV[3]) then return 0 end
end
if not redis.call('SET', KEYS[4], '1', 'NX', 'EX', ARGV[4]) then return 0 end
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
"""

# Take a batch out of the way of new openings. It stays in a list of its own until it is stored.
_CLAIM = """
local items = redis.call('LRANGE', KEYS[1], 0, tonumber(ARGV[1]) - 1)
if #items == 0 then return 0 end
redis.call('RPUSH', KEYS[3], unpack(items))
redis.call('LTRIM', KEYS[1], #items, -1)
redis.call('SADD', KEYS[2], KEYS[3])
return #items
"""

BATCH_MAX = 5_000


class _Rest:
    """When Redis may be asked again, by the monotonic clock; per process, for speed only."""

    until = 0.0


# Redis knows a script by its digest; only one that was emptied is told the whole again.
_push = Script(redis.Redis(), _PUSH)


def push(opening: Opening, *, address: str = "") -> bool:
    """Put an opening into the buffer; false when Redis is away and it must be stored directly.

    Also true for what is not kept: the same visitor and link again within ten seconds, and more
    than 300 a minute from one ``address`` (empty: no limit).
    """
    if time.monotonic() < _Rest.until:
        return False
    moment = int(opening.touch.at.timestamp()) // _SEEN_SECONDS
    keys = (
        _OPEN,
        _OF + opening.visitor_hash,
        _RATE + address,
        f"{_SEEN}{opening.visitor_hash}:{opening.touch.token}:{opening.user_id or ''}:{moment}",
    )
    limit = str(PER_MINUTE_MAX) if address else ""
    try:
        _push(keys, [opening.to_json(), _OF_SECONDS, limit, _SEEN_SECONDS], client=redis_client())
    except redis.RedisError as error:
        _rest(error)
        return False
    return True


def pending_of(visitor_hash: str) -> list[Opening]:
    """Return a visitor's openings of the last minutes, stored or not; none when Redis is away."""
    return _told(partial(_latest, visitor_hash))


def ask_pending(visitor_hash: str) -> Callable[[], list[Opening]]:
    """Ask the same now; the answer is fetched by calling what is returned."""
    if time.monotonic() < _Rest.until:
        return list
    question = ("LRANGE", _OF + visitor_hash, *_LATEST)
    return partial(_told, Asked(question, partial(_latest, visitor_hash)).answer)


def _latest(visitor_hash: str) -> Any:
    return redis_client().lrange(_OF + visitor_hash, *_LATEST)


def _told(answer: Callable[[], Any]) -> list[Opening]:
    if time.monotonic() < _Rest.until:
        return []
    try:
        texts: list[bytes] = answer()
    except redis.RedisError as error:
        _rest(error)
        return []
    return _read(texts)


def batches(*, limit: int) -> Iterator[tuple[str, list[Opening]]]:
    """Yield what must be stored as (name, openings): first what a killed flush left, then a new batch.

    Call :func:`stored` with the name once the openings are committed. A batch can be seen by two
    flushes; storing twice is storing once. Raises ``redis.RedisError`` when Redis is away.
    """
    client = redis_client()
    for name in sorted(cast(set[bytes], client.smembers(_FLUSHING))):
        yield from _batch(name.decode())
    fresh = f"{_FLUSHING}:{new_token()}"
    if client.eval(_CLAIM, 3, _OPEN, _FLUSHING, fresh, min(limit, BATCH_MAX)):
        yield from _batch(fresh)


def stored(name: str) -> None:
    """Forget a batch that is in the database."""
    pipe = redis_client().pipeline(transaction=True)
    pipe.delete(name)
    pipe.srem(_FLUSHING, name)
    pipe.execute()


def waiting() -> int:
    """Return how many openings wait to be taken; for the metrics. Raises ``redis.RedisError``."""
    return cast(int, redis_client().llen(_OPEN))


def _batch(name: str) -> Iterator[tuple[str, list[Opening]]]:
    openings = _read(cast(list[bytes], redis_client().lrange(name, 0, -1)))
    yield name, openings


def _read(texts: Sequence[bytes | str]) -> list[Opening]:
    found = []
    for text in texts:
        try:
            found.append(opening_from_json(text))
        except (ValueError, TypeError):
            # Somebody else's entry must not stop everybody's openings.
            logger.warning("touch_unreadable", text=text[:200])
    return found


def _rest(error: Exception) -> None:
    _Rest.until = time.monotonic() + _PAUSE_SECONDS
    logger.warning("touch_buffer_away", error=type(error).__name__)
