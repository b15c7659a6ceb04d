"""Every page of the shop, looked at in Chromium as somebody who may see it, on a phone and on a desk, in both languages.

What is held of each, and how to keep pictures of them, stands in ``looking.py``.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import RequestFactory

from settings.trouble import server_error
from shop.accounts.models import User
from tests import world
from tests.browser.conftest import DESK, PHONE, Visitor
from tests.browser.looking import faults
from tests.routes import Route
from tests.two_worlds import Town, media_file, whole_pages

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def town(sandbox: Any) -> Iterator[Town]:
    yield Town()
    default_storage.delete(media_file())


def name_of(route: Route) -> str:
    return re.sub(r"\W+", "-", re.sub(r"<\w+:(\w+)>", r"\1", route.pattern)).strip("-") or "home"


def people_with_nothing() -> dict[str, User | None]:
    """Somebody new, and somebody whose store has just opened: what they see is mostly empty."""
    return {
        "anonymous": None,
        "customer": world.customer("新 Xin"),
        "distributor": world.store("初 Chu", called="初来小店").distributor.user,
    }


@pytest.mark.parametrize(("size", "language"), [(PHONE, "zh-CN"), (DESK, "en-GB")], ids=["zh", "en"])
def test_every_page_can_be_used_by_everybody(
    visitor: Callable[..., Visitor], town: Town, size: tuple[int, int], language: str
) -> None:
    looked_at, wrong, now = 0, [], ""
    person = visitor(size, language=language)
    for role, route, url, _html in sorted(whole_pages(town), key=lambda one: one[0]):
        if role != now:
            now = role
            person.sign_in(None if role == "anonymous" else town.own[role].user)
        person.open(url)
        wrong += [f"{url} ({role}): {fault}" for fault in faults(person, name_of(route))]
        looked_at += 1
    assert not wrong, "\n".join(wrong)
    assert looked_at > 45


def test_a_page_without_anything_is_a_page_too(visitor: Callable[..., Visitor], town: Town) -> None:
    looked_at, wrong, now = 0, [], ""
    empty = people_with_nothing()
    person = visitor(PHONE)
    for role, route, url, _html in sorted(whole_pages(town), key=lambda one: one[0]):
        if role == "anonymous" or route.parameters:
            continue
        if role != now:
            now = role
            person.sign_in(empty[role])
        person.open(url)
        wrong += [f"{url} ({role}): {fault}" for fault in faults(person, f"empty-{name_of(route)}", other_size=False)]
        looked_at += 1
    assert not wrong, "\n".join(wrong)
    assert looked_at > 25


def test_a_refusal_has_a_way_out(visitor: Callable[..., Visitor], rf: RequestFactory) -> None:
    """What is not there, what may not be sent, and what failed on our side."""
    wrong = []
    person = visitor(PHONE)
    try:
        raise RuntimeError("tea is spilt")
    except RuntimeError:
        broken = server_error(rf.get("/broken/"))
    person.page.route(
        "**/broken/", lambda route: route.fulfill(status=500, body=broken.content, content_type="text/html")
    )
    # First what is not there at all: later the service worker asks in the page's place.
    for url, status in (("/broken/", 500), ("/nothing-here/", 404), ("/p/nothing/", 404)):
        answer = person.page.goto(person.address + url)
        assert answer is not None
        assert answer.status == status, url
        # The browser itself writes down that an answer was a refusal.
        person.complaints[:] = [one for one in person.complaints if f"status of {status}" not in one]
        wrong += [f"{url}: {fault}" for fault in faults(person, f"refused{url.strip('/')}".replace("/", "-"))]
        assert person.page.locator("main a[href]").count() >= 1, url
    assert not wrong, "\n".join(wrong)


def test_what_is_wrong_with_a_page_is_seen(visitor: Callable[..., Visitor]) -> None:
    """Everything that is held of a page, spoilt once: looking at pages can turn red."""
    person = visitor(PHONE)
    person.open("/").evaluate("""() => {
      const pale = document.createElement('p');
      pale.textContent = '春茶';
      Object.assign(pale.style, {width: '2000px', color: '#eee', background: '#fff'});
      const dark = document.createElement('p');
      dark.textContent = '秋茶';
      // Black on what is white by day.
      Object.assign(dark.style, {color: '#000', background: 'var(--color-base-100)'});
      document.querySelector('main').append(pale, dark, document.createElement('img'), document.createElement('h1'));
      console.error('tea is spilt');
    }""")
    seen = [
        re.sub(r"390×844:? |\d+ px ", "", fault).partition(": ")[0]
        for fault in faults(person, "spoilt", other_size=False)
    ]
    assert sorted(seen) == [
        "2 headings of the first rank", "by night", "by night", "color-contrast", "image-alt", "tea is spilt",
        "wider than the screen",
    ]  # fmt: skip
