"""Visitors at the door: keys, openings, machines, and what a visitor carries until it is stored."""

from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import pytest
import redis
from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from distributors.links import actions as links
from distributors.links import buffer
from distributors.links.attribution import credit
from distributors.links.middleware import ShareMiddleware
from distributors.links.models import Bond, Touch, Visitor
from distributors.links.queries import credit_facts
from distributors.links.reopening import TOUCH_COOKIE, VISITOR_COOKIE
from shop.base.numbers import token_hash
from tests.distributors.sellers import moment, open_store, share, tea
from tests.world import person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_buffer():
    buffer._Rest.until = 0.0


def _forget_everything() -> None:
    """Redis dies and comes back empty."""
    redis.Redis.from_url(settings.LINJIA_REDIS_URL).flushdb()


class Browser:
    """A browser before the real chain of middleware: sessions, people, then ours."""

    def __init__(self, **headers: str) -> None:
        self.cookies: SimpleCookie = SimpleCookie()
        self.headers = headers
        self.request: Any = None
        self.view: Callable[[HttpRequest], HttpResponse] = lambda request: HttpResponse("ok")

    def go(self, path: str, *, method: str = "GET", **headers: str) -> HttpResponse:
        factory = RequestFactory(headers={**self.headers, **headers})
        factory.cookies = self.cookies
        self.request = factory.generic(method, path)
        chain: Callable[[HttpRequest], Any] = SessionMiddleware(AuthenticationMiddleware(ShareMiddleware(self.view)))
        response: HttpResponse = chain(self.request)
        for name, morsel in response.cookies.items():
            if morsel["max-age"] == 0:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value
        return response

    @property
    def key(self) -> str:
        return self.cookies[VISITOR_COOKIE].value


def test_a_visitor_gets_a_random_key_that_scripts_cannot_read(settings: Any):
    settings.SESSION_COOKIE_SECURE = True
    browser = Browser()
    response = browser.go("/cart/put-in/", method="POST")
    cookie = response.cookies[VISITOR_COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Lax", True)
    assert (len(cookie.value), browser.request.visitor_key) == (32, cookie.value)
    assert browser.go("/").cookies.get(VISITOR_COOKIE) is None
    assert browser.request.visitor_key == cookie.value
    assert Browser().go("/", method="POST").cookies[VISITOR_COOKIE].value != cookie.value


def test_reading_gives_no_key_that_could_come_after_anothers():
    """The fragments of a first page are asked for side by side; the last answer may come after something was put in."""
    browser = Browser()
    assert dict(browser.go("/").cookies) == {}
    assert dict(browser.go("/cart/badge/").cookies) == {}
    assert dict(browser.go("/cart/badge/", method="HEAD").cookies) == {}


@pytest.mark.parametrize("key", ["", "short", "x" * 65, "with space in it....", "<script>alert(1)</script>"])
def test_a_key_nobody_made_is_replaced(key):
    browser = Browser()
    browser.cookies[VISITOR_COOKIE] = key
    browser.go("/", method="POST")
    assert browser.request.visitor_key != key
    assert len(browser.key) == 32


def test_the_mini_program_brings_its_own_key_and_gets_no_cookie():
    browser = Browser(**{"X-Visitor-Key": "m" * 24})
    response = browser.go("/api/v1/cart/")
    assert (browser.request.visitor_key, dict(response.cookies)) == ("m" * 24, {})


@pytest.mark.parametrize("path", ["/s/{}", "/s/{}/", "/?s={}", "/product/p1/?a=b&s={}"])
def test_a_share_link_is_an_opening_wherever_its_token_stands(path):
    link = share(open_store("阿禾 Ahe"))
    browser = Browser()
    browser.go(path.format(link.token))
    assert (browser.request.touch.token, browser.request.touch.store_id) == (link.token, link.store_id)
    assert links.flush_touches(limit=10) == 1
    assert Touch.objects.get().visitor_hash == token_hash(browser.key)


@pytest.mark.parametrize("token", ["unknown12345", "../../etc", "a" * 40, "%00"])
def test_a_token_that_stands_for_nothing_is_no_opening(token):
    browser = Browser()
    browser.go(f"/?s={token}")
    assert (browser.request.touch, buffer.waiting()) == (None, 0)


def test_a_revoked_link_is_no_opening():
    link = share(open_store("阿禾 Ahe"))
    links.revoke_link(link=link, now=moment())
    browser = Browser()
    browser.go(f"/s/{link.token}")
    assert browser.request.touch is None


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", {}),
        ("POST", {}),
        ("GET", {"User-Agent": "Mozilla/5.0 (compatible; Baiduspider/2.0)"}),
        ("GET", {"User-Agent": "facebookexternalhit/1.1"}),
        ("GET", {"User-Agent": "TelegramBot (like TwitterBot)"}),
        ("GET", {"Sec-Purpose": "prefetch;prerender"}),
        ("GET", {"Purpose": "prefetch"}),
        ("GET", {"X-Moz": "prefetch"}),
    ],
)
def test_machines_and_prefetches_open_nothing(method, headers):
    link = share(open_store("阿禾 Ahe"))
    browser = Browser()
    browser.go(f"/s/{link.token}", method=method, **headers)
    assert (browser.request.touch, buffer.waiting(), TOUCH_COOKIE in browser.cookies) == (None, 0, False)


def test_wechat_on_a_phone_is_a_person():
    link = share(open_store("阿禾 Ahe"))
    browser = Browser(**{"User-Agent": "Mozilla/5.0 (Linux; Android 14) MicroMessenger/8.0.50"})
    browser.go(f"/s/{link.token}")
    assert browser.request.touch is not None


def test_a_sale_does_not_depend_on_redis():
    store, su, white = open_store("阿禾 Ahe"), person("苏 Su"), tea()
    browser = Browser()
    browser.go(f"/s/{share(store).token}")
    number = browser.request.touch.number
    _forget_everything()
    assert (links.flush_touches(limit=10), Touch.objects.count()) == (0, 0)

    browser.go("/cart/put-in/", method="POST")

    assert Touch.objects.get().number == number
    assert TOUCH_COOKIE not in browser.cookies
    given = credit_facts(user=su, visitor_key=browser.key, product_ids=[white.pk], now=moment())
    found = credit(facts=given)[white.pk]
    assert (found.store_id, found.reason) == (store.pk, "protected_bond")
    browser.go("/cart/put-in/", method="POST")
    assert Touch.objects.count() == 1


def test_what_is_carried_is_stored_once_even_if_the_flush_came_first():
    browser = Browser()
    browser.go(f"/s/{share(open_store('阿禾 Ahe')).token}")
    assert links.flush_touches(limit=10) == 1
    browser.go("/cart/put-in/", method="POST")
    assert (Touch.objects.count(), Bond.objects.count()) == (1, 1)


def test_another_persons_or_a_forged_carrier_is_worth_nothing():
    browser, thief = Browser(), Browser()
    browser.go(f"/s/{share(open_store('阿禾 Ahe')).token}")
    _forget_everything()
    thief.go("/")
    for text in (browser.cookies[TOUCH_COOKIE].value, "forged", browser.cookies[TOUCH_COOKIE].value[:-2] + "xx"):
        thief.cookies[TOUCH_COOKIE] = text
        thief.go("/cart/put-in/", method="POST")
    assert Touch.objects.count() == 0


def test_the_mini_program_carries_its_openings_in_a_header():
    browser = Browser()
    browser.go(f"/s/{share(open_store('阿禾 Ahe')).token}")
    _forget_everything()
    phone = Browser(**{"X-Visitor-Key": browser.key, "X-Share-Touch": browser.cookies[TOUCH_COOKIE].value})
    phone.go("/api/v1/orders/", method="POST")
    assert Touch.objects.count() == 1


def test_signing_in_makes_the_visitors_openings_the_persons():
    store, su = open_store("阿禾 Ahe"), person("苏 Su")
    browser = Browser()
    browser.go(f"/s/{share(store).token}")
    links.flush_touches(limit=10)

    def sign_in(request):
        login(request, su, backend="django.contrib.auth.backends.ModelBackend")
        return HttpResponse()

    browser.view = sign_in
    browser.go("/sign-in/", method="POST")
    assert Bond.objects.get().user == su
    assert Visitor.objects.get().user == su


def test_signing_out_makes_a_new_visitor_of_the_next_person():
    su = person("苏 Su")
    browser = Browser()

    def sign_in(request):
        login(request, su, backend="django.contrib.auth.backends.ModelBackend")
        return HttpResponse()

    def sign_out(request):
        logout(request)
        return HttpResponse()

    browser.view = sign_in
    browser.go("/sign-in/", method="POST")
    hers = browser.key
    browser.view = sign_out
    browser.go("/sign-out/", method="POST")
    assert browser.key != hers
    assert TOUCH_COOKIE not in browser.cookies


def test_a_page_for_nobody_looks_into_no_session():
    browser = Browser()
    response = browser.go("/")
    assert (browser.request.session.accessed, response.headers.get("Vary")) == (False, None)
