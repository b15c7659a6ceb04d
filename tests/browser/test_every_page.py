"""Every page of the shop, looked at in Chromium as somebody who may see it, on a phone and on a desk.

Held for each: nothing against WCAG 2.2 A and AA that axe can see, nothing wider than the screen, one heading of the
first rank, no complaint in the console. The pictures stay in ``test-results/pages/`` to be looked at.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as current
from django.core.files.storage import default_storage

from tests.browser.conftest import DESK, PHONE, Visitor
from tests.routes import Route, access, routes
from tests.two_worlds import Town, media_file

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PICTURES = Path(current.BASE_DIR) / "test-results" / "pages"
# Django's and the panels' own pages, the machine's answers, and what changes who one is.
NOT_OURS = ("admin/", "supplier/", "api/", "media/", "metrics", "sign-out/", "i18n/")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}


@pytest.fixture
def town(sandbox: Any) -> Iterator[Town]:
    yield Town()
    default_storage.delete(media_file())


def pages(town: Town) -> Iterator[tuple[str, Route, str]]:
    """Yield role, route and address of every whole page, as the least of those who may see it."""
    rules = access()
    for route in routes():
        rule = rules.rule(route.pattern)
        if rule is None or rule.is_prefix or not rule.may or route.pattern.startswith(NOT_OURS):
            continue
        role = next(role for role in ("anonymous", "customer", "distributor") if role in rule.may)
        url = route.url(town.values(route, town.own[role]))
        answer = town.ask(role, "GET", url)
        is_page = answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
        if is_page and b"<html" in answer.content:
            yield role, route, url


def faults(visitor: Visitor, url: str, picture: Path) -> Iterator[str]:
    """Open a page, keep its picture, and yield what is wrong with it."""
    visitor.complaints.clear()
    page = visitor.open(url)
    page.wait_for_function("() => !document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling')")
    page.screenshot(path=picture, full_page=True, animations="disabled")
    if (wider := visitor.overflow()) > 0:
        yield f"{wider} px wider than the screen"
    if (headings := page.locator("h1").count()) != 1:
        yield f"{headings} headings of the first rank"
    yield from visitor.complaints
    for rule in Axe().run(page, options=RULES).response["violations"]:
        for node in rule["nodes"]:
            yield f"{rule['id']}: {node['html'][:160]} {node['failureSummary'].splitlines()[-1].strip()}"


@pytest.mark.parametrize(("size", "language"), [(PHONE, "zh-CN"), (DESK, "en-GB")], ids=["phone-zh", "desk-en"])
def test_every_page_can_be_used_by_everybody(
    visitor: Callable[..., Visitor], town: Town, size: tuple[int, int], language: str
) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    looked_at, wrong, now = 0, [], ""
    person = visitor(size, language=language)
    for role, route, url in sorted(pages(town), key=lambda found: found[0]):
        if role != now:
            now = role
            person.sign_in(None if role == "anonymous" else town.own[role].user)
        name = re.sub(r"\W+", "-", re.sub(r"<\w+:(\w+)>", r"\1", route.pattern)).strip("-") or "home"
        wrong += [f"{url} ({role}): {fault}" for fault in faults(person, url, PICTURES / f"{name}-{size[0]}.png")]
        looked_at += 1
    assert not wrong, "\n".join(wrong)
    assert looked_at > 45
