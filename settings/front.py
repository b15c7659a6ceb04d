"""Kept pages answered before Django: for a second, each web process remembers the ready bytes of what it just answered.

Only what `shop.pages` keeps comes here, so it is the same for everybody. Beyond that second the kept page in Redis is
asked, and so its marks: a change is on every page a second later than it would be without.

An answer may also say how it is noted that it was given again (`response.noted_again`; share links): then its headers
are remembered as long as that holds, and whoever asks again gets them with her own beside them.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import uuid4

from prometheus_client import Histogram

from settings.tracing import SECONDS, WELL_FORMED

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
Key = tuple[str, ...]

# They live for a second: more are not asked for twice in it, and would be megabytes of every process.
_PAGES_MAX = 128
_LENGTH_MAX = 400
# A share link's token makes an opening, and a waiting message makes a page somebody's own.
_OPENING = "s="
_MESSAGES = "messages="
# What somebody chose, as it stands in the cookies: a page depends on nothing else of them.
_CHOICES = re.compile(r"(?:^|;)\s*(lj_(?:language|theme)\s*=[^;]*)")
_NOT_OF_304 = frozenset({"content-length", "content-type", "content-encoding"})


class Again(Protocol):
    """Notes that an answer is given again."""

    @property
    def until(self) -> float:
        """How long the answer holds, by the monotonic clock."""

    def __call__(self, environ: Mapping[str, Any], now: datetime, /) -> Headers | None:
        """Return the headers that belong to this one answer; None when the request must go deeper."""


@dataclass(frozen=True, slots=True)
class _Noted:
    again: Again
    status: str
    headers: Headers
    seconds: Histogram


@dataclass(frozen=True, slots=True)
class _Page:
    until: float
    status: str
    headers: Headers
    body: bytes
    tag: str
    seconds: Histogram


class Front:
    """A WSGI application around Django's."""

    def __init__(self, application: Application, *, seconds: int) -> None:
        self._application = application
        self._seconds = seconds
        self._pages: dict[Key, _Page] = {}
        self._noted: dict[Key, _Noted] = {}

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        began = time.perf_counter()
        noted = self._noted.get(_place(environ)) if self._noted else None
        if noted is not None and noted.again.until > time.monotonic() and environ["REQUEST_METHOD"] == "GET":
            own = noted.again(environ, datetime.now(UTC))
            if own is not None:
                start_response(noted.status, [*noted.headers, *own, _number(environ)])
                noted.seconds.observe(time.perf_counter() - began)
                return ()
        key = _key(environ) if self._seconds else None
        if key is None:
            return self._application(environ, start_response)
        page = self._pages.get(key)
        if page is not None and page.until > time.monotonic():
            return _answer(page, environ, start_response, began)
        response = self._application(environ, start_response)
        if getattr(response, "is_kept_page", False):
            self._remember(key, response)
        elif hasattr(response, "noted_again"):
            self._remember_noted(_place(environ), response)
        return response

    def _remember_noted(self, place: Key, response: Any) -> None:
        if response.status_code != 302 or sum(map(len, place)) > _LENGTH_MAX:
            return
        if len(self._noted) >= _PAGES_MAX:
            self._noted.clear()
        match = SECONDS.labels("GET", response.route, 302)
        self._noted[place] = _Noted(response.noted_again, "302 Found", _headers_for_all(response), match)

    def _remember(self, key: Key, response: Any) -> None:
        if response.status_code != 200 or response.cookies:
            return
        if len(self._pages) >= _PAGES_MAX:
            self._pages.clear()
        match = SECONDS.labels("GET", response.route, 200)
        tag = response.headers["ETag"].removeprefix("W/")
        self._pages[key] = _Page(
            time.monotonic() + self._seconds, "200 OK", _headers_for_all(response), response.content, tag, match
        )


def _headers_for_all(response: Any) -> Headers:
    return [(name, value) for name, value in response.items() if name.lower() != "x-request-id"]


def _place(environ: Environ) -> Key:
    """Return everything an answer may depend on that is noted each time it is given."""
    return (
        environ.get("wsgi.url_scheme", ""),
        environ.get("HTTP_X_FORWARDED_PROTO", ""),
        environ.get("HTTP_HOST", ""),
        environ.get("PATH_INFO", ""),
    )


def _number(environ: Environ) -> tuple[str, str]:
    given = environ.get("HTTP_X_REQUEST_ID", "")
    return "X-Request-ID", given if WELL_FORMED.fullmatch(given) else uuid4().hex


def _key(environ: Environ) -> Key | None:
    """Return everything a kept page may depend on; None for what must go deeper."""
    if environ["REQUEST_METHOD"] != "GET":
        return None
    query, cookies = environ.get("QUERY_STRING", ""), environ.get("HTTP_COOKIE", "")
    if _OPENING in query or _MESSAGES in cookies:
        return None
    packed = environ.get("HTTP_ACCEPT_ENCODING", "").replace(" ", "")
    key = (
        environ.get("wsgi.url_scheme", ""),
        environ.get("HTTP_X_FORWARDED_PROTO", ""),
        environ.get("HTTP_HOST", ""),
        environ.get("PATH_INFO", ""),
        query,
        environ.get("HTTP_ACCEPT_LANGUAGE", ""),
        ";".join(_CHOICES.findall(cookies)) if cookies else "",
        "gzip" if "gzip" in packed and "gzip;q=0" not in packed else "",
        environ.get("HTTP_HX_REQUEST", ""),
        environ.get("HTTP_HX_HISTORY_RESTORE_REQUEST", ""),
    )
    return key if sum(map(len, key)) <= _LENGTH_MAX else None


def _answer(page: _Page, environ: Environ, start_response: Callable[..., Any], began: float) -> Iterable[bytes]:
    number = _number(environ)
    if page.tag in environ.get("HTTP_IF_NONE_MATCH", ""):
        headers = [(name, value) for name, value in page.headers if name.lower() not in _NOT_OF_304]
        start_response("304 Not Modified", [*headers, number])
        return ()
    start_response(page.status, [*page.headers, number])
    page.seconds.observe(time.perf_counter() - began)
    return (page.body,)
