"""A share link that many open: the answer is known, so each opening is noted before Django is asked (``settings.front``).

The first opening goes all the way and says here what may be said again, for as long as its process remembers the link.
Whoever may be signed in, machines, and everybody while Redis is away go all the way too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpResponse, parse_cookie
from django.utils.http import http_date

from distributors.links import actions
from distributors.links.carry import carried, seal, unseal, window
from distributors.links.models import ShareLink
from distributors.links.rules import VISITOR_KEY, is_machine
from shop.base.callers import address_in
from shop.base.numbers import new_token, token_hash

VISITOR_COOKIE = "lj_visitor"
TOUCH_COOKIE = "lj_touch"
YEAR_SECONDS = 365 * 24 * 3600
_HINTS = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")
_DEEPER = ("HTTP_AUTHORIZATION", "HTTP_X_VISITOR_KEY", "HTTP_X_SHARE_TOUCH")


@dataclass(frozen=True, slots=True)
class Reopening:
    """What notes one more opening of a link; holds until ``until`` by the monotonic clock."""

    link: ShareLink
    until: float

    def __call__(self, environ: Mapping[str, Any], now: datetime) -> list[tuple[str, str]] | None:
        """Note an opening and return the headers that are its visitor's own; None for what must go all the way."""
        if any(name in environ for name in _DEEPER) or is_unseen(environ):
            return None
        text = environ.get("HTTP_COOKIE", "")
        cookies = parse_cookie(text) if text else {}
        if settings.SESSION_COOKIE_NAME in cookies:
            return None
        key = cookies.get(VISITOR_COOKIE, "")
        is_new = not VISITOR_KEY.fullmatch(key)
        if is_new:
            key = new_token(32)
        visitor_hash = token_hash(key)
        touch = actions.buffer_touch(link=self.link, visitor_hash=visitor_hash, now=now, address=address_in(environ))
        if touch is None:
            return None
        sealed = cookies.get(TOUCH_COOKIE, "")
        kept = unseal(sealed, visitor_hash=visitor_hash, max_age=window()) if sealed else []
        own = _cookie(TOUCH_COOKIE, seal([*kept, carried(touch)], visitor_hash=visitor_hash), _touch_seconds(), now)
        return [_cookie(VISITOR_COOKIE, key, YEAR_SECONDS, now), own] if is_new else [own]


def is_unseen(meta: Mapping[str, Any]) -> bool:
    """Return whether nobody sees this page: a previewer draws it, or a browser fetches it in advance."""
    hints = " ".join(meta[name] for name in _HINTS if name in meta).lower()
    if hints and ("prefetch" in hints or "prerender" in hints or "preview" in hints):
        return True
    return is_machine(meta.get("HTTP_USER_AGENT", ""))


def set_visitor(response: HttpResponse, key: str) -> None:
    """Give a visitor her key."""
    _set_cookie(response, VISITOR_COOKIE, key, YEAR_SECONDS)


def set_touch(response: HttpResponse, sealed: str) -> None:
    """Let a visitor carry her openings."""
    _set_cookie(response, TOUCH_COOKIE, sealed, _touch_seconds())


def _touch_seconds() -> int:
    return int(window().total_seconds())


def _set_cookie(response: HttpResponse, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def _cookie(name: str, value: str, seconds: int, now: datetime) -> tuple[str, str]:
    """The same as a header; both values need no quotes."""
    expires = http_date(now.timestamp() + seconds)
    secure = "; Secure" if settings.SESSION_COOKIE_SECURE else ""
    text = f"{name}={value}; expires={expires}; HttpOnly; Max-Age={seconds}; Path=/; SameSite=Lax{secure}"
    return "Set-Cookie", text
