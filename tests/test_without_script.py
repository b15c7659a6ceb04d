"""Without JavaScript every page of the shop still does its work: what htmx asks for, a link or a form asks for too."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core.files.storage import default_storage

from tests.two_worlds import Town, media_file, whole_pages

pytestmark = pytest.mark.django_db

VOID = {
    "area",
    "base",
    "br",
    "col",
    "embed",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "source",
    "track",
    "wbr",
    "path",
    "use",
}
# What is only said twice or only nicer: numbers on badges, what one looked for before, that somebody looked.
# and whether the payment has come, which the page behind "I have paid" says too.
SAID_TWICE = ("/cart/badge/", "/search/history/", "/look/", "/heart/", "/pay/state/")


class Page(HTMLParser):
    """The elements of a page, each with what is around it and in it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[dict[str, Any]] = []
        self.all: list[dict[str, Any]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        one = {"tag": tag, "attrs": dict(attrs), "around": list(self.open), "inside": []}
        for outer in self.open:
            outer["inside"].append(one)
        self.all.append(one)
        if tag not in VOID:
            self.open.append(one)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        for place in range(len(self.open) - 1, -1, -1):
            if self.open[place]["tag"] == tag:
                del self.open[place:]
                return


def is_way(one: dict[str, Any]) -> bool:
    """Whether a browser alone can go this way."""
    attrs = one["attrs"]
    if one["tag"] == "a":
        return bool(attrs.get("href"))
    if one["tag"] == "form":
        return "hidden" not in attrs
    return one["tag"] in ("button", "input") and any(outer["tag"] == "form" for outer in one["around"])


def lost(page: Page) -> Iterator[str]:
    """Yield the addresses that only a script would ask for."""
    ways = {(one["attrs"].get("href") or "").partition("?")[0] for one in page.all if one["tag"] == "a"}
    for one in page.all:
        attrs = one["attrs"]
        url = attrs.get("hx-get") or attrs.get("hx-post")
        if not url or any(part in url for part in SAID_TWICE):
            continue
        if url.partition("?")[0] in ways or is_way(one) or any(is_way(other) for other in one["inside"]):
            continue
        # A choice that is sent as soon as it is made: its form has a button for those without script.
        forms = [outer for outer in one["around"] if outer["tag"] == "form"]
        if any(inner["tag"] == "button" for form in forms for inner in form["inside"]):
            continue
        yield url


@pytest.fixture
def town(sandbox: Any) -> Iterator[Town]:
    yield Town()
    default_storage.delete(media_file())


def test_nothing_is_reached_by_script_alone(town: Town) -> None:
    looked_at, wrong = 0, []
    for _role, _route, url, html in whole_pages(town):
        page = Page()
        page.feed(html)
        looked_at += 1
        wrong += [f"{url}: {found}" for found in lost(page)]
    assert not wrong, "\n".join(wrong)
    assert looked_at > 50
