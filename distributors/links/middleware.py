"""Who is visiting, and by whose link: ``request.visitor_key`` and ``request.touch``.

``lj_visitor`` holds a random key and nothing else, given with the first link or the first thing done, never for
reading; the mini-program sends its own in ``X-Visitor-Key``.
A share link is opened at ``/s/<token>`` or on any page with ``?s=<token>`` (a page opened from Moments
keeps its token there). Openings wait in Redis for a second, so ``lj_touch`` (``X-Share-Touch``) carries
the visitor's latest ones, signed, until her first POST, which stores them: an order never loses its
link, whatever happens to Redis.
"""

import re
import time
from collections.abc import Callable

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from redis.exceptions import RedisError

from distributors.links import actions, queries
from distributors.links.attribution import TouchFact
from distributors.links.carry import Carried, carried, seal, unseal, window
from distributors.links.models import ShareLink
from distributors.links.reopening import (
    TOUCH_COOKIE,
    VISITOR_COOKIE,
    Reopening,
    is_unseen,
    set_touch,
    set_visitor,
)
from distributors.links.rules import TOKEN, VISITOR_KEY
from shop.accounts.models import User
from shop.base.callers import address_of
from shop.base.numbers import new_token, token_hash

_LANDING = re.compile(r"/s/([0-9A-Za-z]{8,16})/?")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# Pages for machines set no cookies.
_COOKIELESS = ("/api/", "/static/", "/media/", "/healthz", "/readyz", "/metrics")
# How long a process remembers what a token stands for; a revoked link counts that much longer. Seconds.
_REMEMBER_SECONDS = 5.0
_REMEMBER_MAX = 2_000
# Devices and persons a process has seen to; a number each.
_MERGED_MAX = 10_000

View = Callable[[HttpRequest], HttpResponse]


class ShareMiddleware:
    """Sets ``request.visitor_key`` (text) and ``request.touch`` (``TouchFact`` or None)."""

    def __init__(self, get_response: View) -> None:
        if settings.LINJIA_SELF_PURCHASE not in ("discount", "off"):
            raise ImproperlyConfigured("LINJIA_SELF_PURCHASE must be discount or off.")
        self._get_response = get_response
        self._links: dict[str, tuple[float, ShareLink | None]] = {}
        self._merged: set[int] = set()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key, is_new = _visitor_key(request)
        request.visitor_key = key  # type: ignore[attr-defined]
        request.touch = None  # type: ignore[attr-defined]
        kept = self._kept(request, key)
        has_stored = bool(kept) and request.method not in _SAFE
        if has_stored:
            actions.store_carried(carried=kept, visitor_key=key, user=_user(request))
        touch = self._touch(request, key)
        request.touch = touch  # type: ignore[attr-defined]
        had_session = settings.SESSION_COOKIE_NAME in request.COOKIES
        response = self._get_response(request)
        if _has_signed_out(request, had_session):
            key, is_new, kept = new_token(32), True, []
        elif not (is_new or _is_shared(response) or getattr(response, "is_visitor_known", False)):
            # A key made just now opened nothing before; a client that keeps none would leave a row each time.
            self._merge(request, key)
        if not request.path.startswith(_COOKIELESS):
            # Reading gives nobody a key, unless she came by a link: the fragments of a first page are asked for side
            # by side, and each would bring a key of its own, the last of them after she had put something in her cart.
            if is_new and (touch is not None or request.method not in _SAFE):
                set_visitor(response, key)
            self._carry(response, key, kept=[] if has_stored else kept, touch=touch)
            if response.cookies and _is_shared(response):
                response.headers["Cache-Control"] = "private, no-store"
            if touch is not None and not had_session and _LANDING.fullmatch(request.path):
                self._may_be_noted_again(request, response)
            if has_stored and touch is None:
                response.delete_cookie(TOUCH_COOKIE, samesite="Lax")
        return response

    def _touch(self, request: HttpRequest, key: str) -> TouchFact | None:
        """Note an opening, unless it is a machine's, a prefetch, or leads nowhere."""
        if request.method != "GET" or request.path.startswith(_COOKIELESS):
            return None
        landing = _LANDING.fullmatch(request.path)
        token = landing.group(1) if landing else request.GET.get("s", "")
        if not TOKEN.fullmatch(token) or is_unseen(request.META):
            return None
        link = self._link(token)
        if link is None:
            return None
        request.share_link = link  # type: ignore[attr-defined]
        return actions.record_touch(
            link=link,
            visitor_key=key,
            user=_user(request),
            now=timezone.now(),
            address=address_of(request),
        )

    def _may_be_noted_again(self, request: HttpRequest, response: HttpResponse) -> None:
        link: ShareLink = request.share_link  # type: ignore[attr-defined]
        until, _link = self._links.get(link.token, (0.0, None))
        response.noted_again = Reopening(link, until)  # type: ignore[attr-defined]

    def _link(self, token: str) -> ShareLink | None:
        moment = time.monotonic()
        known = self._links.get(token)
        if known is not None and known[0] > moment:
            return known[1]
        link = queries.link_by_token(token)
        if len(self._links) >= _REMEMBER_MAX:
            self._links.clear()
        self._links[token] = (moment + _REMEMBER_SECONDS, link)
        return link

    def _kept(self, request: HttpRequest, key: str) -> list[Carried]:
        text = request.COOKIES.get(TOUCH_COOKIE) or request.headers.get("X-Share-Touch", "")
        if not text:
            return []
        return unseal(text, visitor_hash=token_hash(key), max_age=window())

    def _carry(self, response: HttpResponse, key: str, *, kept: list[Carried], touch: TouchFact | None) -> None:
        if touch is None:
            return
        text = seal([*kept, carried(touch)], visitor_hash=token_hash(key))
        set_touch(response, text)

    def _merge(self, request: HttpRequest, key: str) -> None:
        """Once per sign-in and device: what the visitor opened becomes the person's."""
        if not _may_be_signed_in(request):
            return
        user = _user(request)
        if user is None:
            return
        session = getattr(request, "session", None)
        if session is None or "Authorization" in request.headers:
            if not self._is_first(key, user):
                return
        else:
            mark = _mark(key, user)
            if session.get("lj_merged") == mark:
                return
            session["lj_merged"] = mark
        actions.merge_visitor(visitor_key=key, user=user, now=timezone.now())

    def _is_first(self, key: str, user: User) -> bool:
        """Whether nobody saw to this device and person lately; merging again would change nothing."""
        seen = hash((key, user.pk))
        if seen in self._merged:
            return False
        if len(self._merged) >= _MERGED_MAX:
            self._merged.clear()
        self._merged.add(seen)
        return _first_time(_mark(key, user))


def _mark(key: str, user: User) -> str:
    return f"links:merged:{token_hash(key)[:24]}:{user.pk}"


def _visitor_key(request: HttpRequest) -> tuple[str, bool]:
    """Return the visitor's key and whether it was made just now."""
    key = request.headers.get("X-Visitor-Key") or request.COOKIES.get(VISITOR_COOKIE, "")
    if VISITOR_KEY.fullmatch(key):
        return key, False
    return new_token(32), True


def _user(request: HttpRequest) -> User | None:
    if not _may_be_signed_in(request):
        return None
    user = getattr(request, "user", None)
    return user if user is not None and user.is_authenticated else None


def _is_shared(response: HttpResponse) -> bool:
    """Whether the answer is a page kept for everybody (``shop.pages``)."""
    return bool(getattr(response, "is_kept_page", False))


def _may_be_signed_in(request: HttpRequest) -> bool:
    """Whether asking for the user is worth it: looking into no session keeps a page cacheable."""
    if settings.SESSION_COOKIE_NAME in request.COOKIES or "Authorization" in request.headers:
        return True
    session = getattr(request, "session", None)
    return bool(session is not None and session.modified)


def _has_signed_out(request: HttpRequest, had_session: bool) -> bool:
    """Whether this request ended a session: the next person at this browser is a new visitor."""
    session = getattr(request, "session", None)
    return bool(had_session and session is not None and session.modified and session.is_empty())


def _first_time(mark: str) -> bool:
    try:
        return bool(cache.add(mark, 1, 24 * 3600))
    except RedisError:
        # Merging again costs a statement and changes nothing.
        return True
