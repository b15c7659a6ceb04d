"""Kept pages before Django: the same bytes for everybody, for a moment, and nothing that is somebody's own."""

import io
import re
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import RequestFactory

from distributors.links import actions as links
from distributors.links import buffer
from distributors.links.carry import unseal, window
from distributors.links.models import ShareLink, Touch
from settings.front import Front
from shop.base.numbers import token_hash
from shop.catalogue import actions as catalogue
from shop.catalogue.models import Product
from shop.pages import kept
from tests import world

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _pages_are_kept(settings: Any) -> Iterator[None]:
    settings.LINJIA_PAGE_SECONDS = 60
    kept._Rest.until = 0.0
    # The test's own connection outlives its requests, as with Django's test client.
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)
    kept._Rest.until = 0.0


@pytest.fixture
def tea() -> Product:
    return world.product(world.yunling(), "云岭红茶", supply_fen=6_000, retail_fen=9_800)


class Asked:
    """A front and how often what lies behind it was asked."""

    def __init__(self, *, seconds: int = 1) -> None:
        self.deeper = 0
        self.handler = WSGIHandler()
        self.front = Front(self._behind, seconds=seconds)

    def _behind(self, environ: Any, start_response: Any) -> Any:
        self.deeper += 1
        return self.handler(environ, start_response)

    def open(self, path: str, **more: str) -> tuple[str, list[tuple[str, str]]]:
        environ = RequestFactory().get(path, **more).environ
        said: list[Any] = []
        assert b"".join(self.front(environ, lambda status, found: said.extend((status, found)))) == b""
        return said[0], said[1]

    def cookies_of(self, path: str) -> str:
        said: list[Any] = []
        for _piece in self.front(RequestFactory().get(path).environ, lambda _status, found: said.extend(found)):
            pass
        return " ".join(value for name, value in said if name == "Set-Cookie")

    def get(self, path: str, *, method: str = "GET", **headers: str) -> tuple[str, dict[str, str], bytes]:
        environ = RequestFactory().generic(method, path, **headers).environ
        environ["wsgi.input"] = io.BytesIO()
        said: list[Any] = []
        body = b"".join(self.front(environ, lambda status, found: said.extend((status, dict(found)))))
        return said[0], said[1], body


def test_a_page_asked_again_is_answered_before_django(tea: Product) -> None:
    asked = Asked()
    first, again = (asked.get(f"/p/{tea.number}/") for _time in range(2))
    assert asked.deeper == 1
    assert first[0] == again[0] == "200 OK"
    assert first[2] == again[2]
    numbers = [headers.pop("X-Request-ID") for _status, headers, _body in (first, again)]
    assert len(set(numbers)) == 2
    assert first[1] == again[1]
    assert again[1]["Content-Security-Policy"]


def test_whoever_has_the_page_already_hears_so(tea: Product) -> None:
    asked = Asked()
    _status, headers, _body = asked.get("/")
    status, later, body = asked.get("/", HTTP_IF_NONE_MATCH=headers["ETag"])
    assert (status, body, asked.deeper) == ("304 Not Modified", b"", 1)
    assert later["ETag"] == headers["ETag"]
    assert "Content-Length" not in later


def test_a_change_is_seen_when_the_moment_is_over(tea: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    now = [100.0]
    monkeypatch.setattr(
        "settings.front.time", SimpleNamespace(monotonic=lambda: now[0], perf_counter=time.perf_counter)
    )
    asked.get(f"/p/{tea.number}/")
    catalogue.take_off_sale(product=tea, actor=world.STAFF, at=world.now())
    # What its commit would have told Redis.
    kept.client().flushdb()
    now[0] = 100.9
    assert asked.get(f"/p/{tea.number}/")[0] == "200 OK"
    now[0] = 101.1
    assert asked.get(f"/p/{tea.number}/")[0].startswith("404")


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_ACCEPT_LANGUAGE": "en"},
        {"HTTP_COOKIE": "lj_language=en"},
        {"HTTP_COOKIE": "lj_visitor=a; lj_theme=dark"},
        {"HTTP_HX_REQUEST": "true"},
        {"HTTP_ACCEPT_ENCODING": "gzip"},
        {"HTTP_HOST": "localhost"},
        {"HTTP_X_FORWARDED_PROTO": "https"},
        {"QUERY_STRING": "after=3"},
    ],
    ids=str,
)
def test_what_makes_another_page_is_told_apart(tea: Product, headers: dict[str, str]) -> None:
    asked = Asked()
    asked.get("/", HTTP_ACCEPT_LANGUAGE="zh-CN")
    asked.get("/", **({"HTTP_ACCEPT_LANGUAGE": "zh-CN"} | headers))
    assert asked.deeper == 2


def test_openings_messages_and_forms_go_deeper(tea: Product) -> None:
    link: ShareLink = world.link(world.ahe())
    asked = Asked()
    for _time in range(2):
        assert "lj_visitor" in asked.cookies_of(f"/?s={link.token}")
        asked.get("/", HTTP_COOKIE="messages=hello")
        asked.get("/", method="HEAD")
        asked.get("/cart/")
        asked.get("/", HTTP_ACCEPT_LANGUAGE="x" * 500)
    assert asked.deeper == 10


def test_other_answers_are_never_remembered(tea: Product) -> None:
    asked = Asked()
    for _time in range(2):
        assert asked.get("/p/p00000000000/")[0].startswith("404")
        assert asked.get("/sign-in/")[0] == "200 OK"
    assert asked.deeper == 4
    off = Asked(seconds=0)
    for _time in range(2):
        off.get("/")
    assert off.deeper == 2


def test_the_front_does_not_grow_without_end(tea: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("settings.front._PAGES_MAX", 3)
    asked = Asked()
    for number in range(8):
        asked.get(f"/?after={number}")
    assert len(asked.front._pages) <= 3


def _plain(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Headers without what is random or of its second in them."""
    of_its_own = re.compile(r"(lj_\w+)=[^;]+; expires=[^;]+")
    rest = [(name, of_its_own.sub(r"\1=…", value).strip()) for name, value in headers]
    return sorted(one for one in rest if one[0] not in ("X-Request-ID", "Expires"))


def test_a_share_link_opened_again_is_noted_before_django(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SESSION_COOKIE_SECURE = True
    settings.LINJIA_PROXIES = 1
    buffer._Rest.until = 0.0
    link: ShareLink = world.link(world.ahe())
    asked, path = Asked(), f"/s/{link.token}"
    first, again = (asked.open(path, HTTP_X_FORWARDED_FOR=f"10.0.0.{turn}") for turn in range(2))
    assert (asked.deeper, first[0], again[0], buffer.waiting()) == (1, "302 Found", "302 Found", 2)
    assert _plain(first[1]) == _plain(again[1])
    cookies = SimpleCookie()
    for value in (value for name, value in again[1] if name == "Set-Cookie"):
        cookies.load(value)
    hers = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())
    (opening,) = buffer.pending_of(token_hash(cookies["lj_visitor"].value))
    kept = unseal(cookies["lj_touch"].value, visitor_hash=opening.visitor_hash, max_age=window())
    assert [one.number for one in kept] == [opening.touch.number]

    # The same person again: her key stays, and what she carries grows.
    status, headers = asked.open(path, HTTP_COOKIE=hers)
    (sealed,) = [value for name, value in headers if name == "Set-Cookie"]
    kept = unseal(SimpleCookie(sealed)["lj_touch"].value, visitor_hash=opening.visitor_hash, max_age=window())
    assert (status, asked.deeper, len(kept), kept[0].number) == ("302 Found", 1, 2, opening.touch.number)

    deeper = [
        {"HTTP_COOKIE": "lj_session=abc"},
        {"HTTP_USER_AGENT": "Baiduspider/2.0"},
        {"HTTP_SEC_PURPOSE": "prefetch;prerender"},
        {"HTTP_X_VISITOR_KEY": "m" * 24},
        {"HTTP_X_FORWARDED_PROTO": "https"},
    ]
    for place, one in enumerate(deeper):
        asked.open(path, **one)
        assert asked.deeper == 2 + place, one
    # Redis is away: the long way stores the opening at once.
    monkeypatch.setattr(buffer._Rest, "until", time.monotonic() + 60)
    asked.open(path)
    assert (asked.deeper, Touch.objects.count()) == (7, 1)
    monkeypatch.setattr(buffer._Rest, "until", 0.0)
    # Closed: as soon as this process looks again, nothing is noted any more.
    links.revoke_link(link=link, now=world.now())
    later = time.monotonic() + 6
    clock = SimpleNamespace(monotonic=lambda: later, perf_counter=time.perf_counter)
    for module in ("settings.front.time", "distributors.links.middleware.time"):
        monkeypatch.setattr(module, clock)
    assert asked.get(path)[0].startswith("404")
