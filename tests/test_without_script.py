"""Without JavaScript every page of the shop still does its work: what htmx asks for, a link or a form asks for too."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core.files.storage import default_storage

from tests.routes import access, routes
from tests.two_worlds import Town, media_file

pytestmark = pytest.mark.django_db

NOT_OURS = ("admin/", "supplier/", "api/", "media/", "metrics", "sign-out/", "i18n/")
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
    rules, looked_at, wrong = access(), 0, []
    for route in routes():
        rule = rules.rule(route.pattern)
        if rule is None or rule.is_prefix or not rule.may or route.pattern.startswith(NOT_OURS):
            continue
        role = next(role for role in ("anonymous", "customer", "distributor") if role in rule.may)
        answer = town.ask(role, "GET", url := route.url(town.values(route, town.own[role])))
        if answer.status_code != 200 or not answer.headers["Content-Type"].startswith("text/html"):
            continue
        page = Page()
        page.feed(answer.content.decode())
        if not any(one["tag"] == "html" for one in page.all):
            continue  # a piece that htmx asked for
        looked_at += 1
        wrong += [f"{url}: {found}" for found in lost(page)]
    assert not wrong, "\n".join(wrong)
    assert looked_at > 50
