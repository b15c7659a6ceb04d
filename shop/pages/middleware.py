"""Kept pages are answered here, before sessions, languages and forms are looked at.

The promise of a view is checked each time a page is made: one that looked into a session, made a form token or set a
cookie is never kept.
"""

import gzip
import time
from collections.abc import Callable

import structlog
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import Resolver404, ResolverMatch
from django.utils.translation import get_language_from_request, override
from rest_framework.response import Response
from rest_framework.views import APIView

from shop.base.errors import DomainError
from shop.base.routes import route_of
from shop.pages import kept
from shop.pages.marks import EVERYTHING, mark_key
from shop.pages.promises import Promise, asks_for_part
from shop.pages.themes import chosen_theme

logger = structlog.get_logger(__name__)

# Longer questions are answered, not kept.
_QUERY_LENGTH_MAX = 200
_MESSAGES_COOKIE = "messages"
_VARY = "Accept-Language, Accept-Encoding, Cookie, HX-Request"


class KeptPageMiddleware:
    """Stands below what every answer carries (policies, request numbers, share links) and above all else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return self._get_response(request)
        try:
            match = route_of(request.path_info)
        except Resolver404:
            return self._get_response(request)
        request.found_route = match  # type: ignore[attr-defined]
        if hasattr(match.func, "takes_short_path"):
            return self._at_once(request, match)
        promise = getattr(match.func, "same_for_all", None)
        # A message that waits for its reader is shown on her next page, so that page is hers alone.
        if promise is None or _MESSAGES_COOKIE in request.COOKIES:
            return self._get_response(request)
        return self._kept(request, match, promise)

    def _at_once(self, request: HttpRequest, match: ResolverMatch) -> HttpResponse:
        request.resolver_match = match
        try:
            response: HttpResponse = match.func(request, *match.args, **match.kwargs)
            return response
        except DomainError:
            return self._get_response(request)

    def _kept(self, request: HttpRequest, match: ResolverMatch, promise: Promise) -> HttpResponse:
        heeded = QueryDict(mutable=True)
        for name in promise.params:
            if value := request.GET.get(name):
                heeded[name] = value
        query = heeded.urlencode()
        request.GET = heeded  # type: ignore[assignment]
        try:
            place = f"{request.scheme}://{request.get_host()}{request.path}"
        except DisallowedHost:
            return self._get_response(request)
        if len(query) > _QUERY_LENGTH_MAX:
            return self._get_response(request)
        language = get_language_from_request(request)
        now, seconds, found = time.time(), settings.LINJIA_PAGE_SECONDS, kept.Found()
        if seconds:
            part = "part" if asks_for_part(request) else "page"
            key = kept.key_of(place, query, language, part, chosen_theme(request))
            names = (EVERYTHING, *promise.shows(match.kwargs))
            found = kept.find(key, [mark_key(name) for name in names], now=now)
        if found.answer is not None:
            request.resolver_match = match
            return _respond(request, found.answer)
        response, is_same = self._made_for_nobody(request, match, language)
        if not is_same:
            if found.slot is not None:
                kept.give_up(found.slot)
            return response
        answer = kept.make(response.content, content_type=response.headers["Content-Type"], language=language)
        if found.slot is not None and request.method == "GET":
            kept.keep(found.slot, answer, seconds=seconds, now=now)
        return _respond(request, answer)

    def _made_for_nobody(self, request: HttpRequest, match: ResolverMatch, language: str) -> tuple[HttpResponse, bool]:
        """Let the view answer without knowing who asks; return also whether the answer suits everybody."""
        person, has_looked = request.user, request.session.accessed
        request.user, request.session.accessed = AnonymousUser(), False
        try:
            response = _answered_at_once(request, match, language) or self._get_response(request)
            return response, _is_same_for_all(request, response)
        finally:
            request.user = person
            request.session.accessed |= has_looked


def _answered_at_once(request: HttpRequest, match: ResolverMatch, language: str) -> HttpResponse | None:
    """Return the good answer of a view of the API, which needs nothing below but the language; None for any other.

    What is refused is told the usual way, with its line in the log.
    """
    if not issubclass(getattr(match.func, "cls", object), APIView):
        return None
    request.resolver_match = match
    with override(language):
        response: Response = match.func(request, *match.args, **match.kwargs)
        return response.render() if response.status_code == 200 else None


def _is_same_for_all(request: HttpRequest, response: HttpResponse) -> bool:
    """Whether the view kept its promise; only a whole answer is worth keeping."""
    if response.status_code != 200 or response.streaming:
        return False
    signs = {
        "session": request.session.accessed,
        "form token": "CSRF_COOKIE_NEEDS_UPDATE" in request.META,
        "cookie": bool(response.cookies),
        "nonce": bool(getattr(request, "_csp_nonce", None)),
    }
    if any(signs.values()):
        route = request.resolver_match.route if request.resolver_match else ""
        logger.error("page_is_personal", route=route, signs=[sign for sign, is_there in signs.items() if is_there])
        return False
    return True


def _respond(request: HttpRequest, answer: kept.Answer) -> HttpResponse:
    accepts = request.META.get("HTTP_ACCEPT_ENCODING", "")
    goes_packed = answer.is_packed and "gzip" in accepts and "gzip;q=0" not in accepts.replace(" ", "")
    if answer.etag in request.META.get("HTTP_IF_NONE_MATCH", ""):
        response = HttpResponse(status=304)
        del response.headers["Content-Type"]
    else:
        body = answer.body if goes_packed or not answer.is_packed else gzip.decompress(answer.body)
        response = HttpResponse(body, content_type=answer.content_type)
        response.headers["Content-Length"] = str(len(body))
        if goes_packed:
            response.headers["Content-Encoding"] = "gzip"
    # The packed and the plain form are different bytes, so only the plain one has a strong tag.
    response.headers["ETag"] = f'W/"{answer.etag}"' if goes_packed else f'"{answer.etag}"'
    response.headers["Content-Language"] = answer.language
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Vary"] = _VARY
    response.is_kept_page = True  # type: ignore[attr-defined]
    return response
