"""The same key, caller and body have one effect and one answer; another body is refused."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from shop.base.errors import Conflict
from shop.base.locks import retry_on_contention
from shop.work.models import IdempotencyKey

_BODY: Any = IdempotencyKey._meta.get_field("body")


class KeyReused(Conflict):
    """The key was used before with another request."""

    code = "idempotency_key_reused"
    status = 422


class StillRunning(Conflict):
    """The first request with this key has not been answered yet."""

    code = "request_in_progress"


def request_hash(*parts: Any) -> str:
    """Return the hash two requests share when they ask for the same thing."""
    try:
        canonical = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS)
    except TypeError:
        canonical = b""
    if not canonical or not canonical.isascii():
        # The same text for all that has no other letters, which is most; hashes on record stay as they are.
        canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str).encode()
    return hashlib.sha256(canonical).hexdigest()


@dataclass(frozen=True, slots=True)
class Once:
    """One intent of a caller: her key, and the hash of what she asks for under it."""

    caller: str
    key: str
    asked: str


def answered(once: Once) -> tuple[int, Any] | None:
    """Return what was answered under this key; None when nothing was. Raises :class:`KeyReused`."""
    seen = IdempotencyKey.objects.filter(caller=once.caller, key=once.key).first()
    return _replay(seen.request_hash, seen.status, seen.body, once.asked) if seen else None


def kept_form(body: Any) -> Any:
    """Return an answer as its column keeps it, for statements that write it themselves."""
    return _BODY.sealed(body)


def replay(once: Once, seen: Sequence[Any]) -> tuple[int, Any]:
    """Return the answer of a record read with other facts: its hash, status and body.

    Raises :class:`KeyReused` and :class:`StillRunning`.
    """
    asked, status, body = seen
    return _replay(asked, status, _BODY.opened(body), once.asked)


@retry_on_contention()
def once(*, caller: str, key: str, asked: str, act: Callable[[], tuple[int, Any]]) -> tuple[int, Any, bool]:
    """Run ``act`` once per caller and key, in one transaction with the record of its answer.

    Returns ``(status, body, replayed)``. A second request waits for the first to commit and gets
    its answer. When ``act`` raises, nothing is kept and the key may be used again; a deadlock is
    tried again from here, since whatever ``act`` calls is inside this transaction.
    Raises :class:`KeyReused` when ``asked`` differs from the first request's.
    """
    try:
        with transaction.atomic():
            row = IdempotencyKey.objects.create(caller=caller, key=key, request_hash=asked)
            status, body = act()
            row.status, row.body = status, body
            row.save(update_fields=["status", "body"])
            return status, body, False
    except IntegrityError:
        seen = IdempotencyKey.objects.filter(caller=caller, key=key).first()
        if seen is None:
            raise
        return (*_replay(seen.request_hash, seen.status, seen.body, asked), True)


def begin(*, caller: str, key: str, asked: str) -> tuple[int, Any] | None:
    """For requests that call a gateway and so cannot be one transaction: claim the key and commit.

    Returns the answer when one is on record, else None; then the caller acts and calls
    :func:`finish`. Repeating after a crash runs the action again, which must be idempotent by
    its own numbers. Raises :class:`KeyReused`.
    """
    row, _created = IdempotencyKey.objects.get_or_create(caller=caller, key=key, defaults={"request_hash": asked})
    if row.request_hash != asked:
        raise KeyReused(_KEY_REUSED)
    return None if row.status is None else (row.status, row.body)


def finish(*, caller: str, key: str, status: int, body: Any) -> None:
    """Record the answer of a request begun with :func:`begin`; the first answer stays."""
    IdempotencyKey.objects.filter(caller=caller, key=key, status=None).update(status=status, body=body)


def forget(*, caller: str, key: str) -> None:
    """Let go of a key whose request failed, so that it may be used again; an answer on record stays."""
    IdempotencyKey.objects.filter(caller=caller, key=key, status=None).delete()


_KEY_REUSED = _("This Idempotency-Key was used before with another request. Send a new key for a new request.")


def _replay(was_asked: str, status: int | None, body: Any, asked: str) -> tuple[int, Any]:
    if was_asked != asked:
        raise KeyReused(_KEY_REUSED)
    if status is None:
        raise StillRunning(_("The first request with this key is still running. Try again shortly."))
    return status, body
