"""What a phone gets: the weight of pages, and when they stand still, in Chromium with a slowed processor."""

import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Response, sync_playwright

from shop.catalogue.models import Product
from tests.bench.case import Bench, case
from tests.bench.measure import Row, Series, absolute
from tests.bench.stack import PROJECT, Server

CHROMIUM = os.environ.get("LINJIA_CHROMIUM", "") or next(
    (path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), ""
)
SLOWER = 4
WEIGHED = {"document", "stylesheet", "script", "fetch", "xhr"}
# Buffered: both observers are told what happened before them.
WATCH = """
window.measured = {largest: 0, shift: 0};
new PerformanceObserver(list => { for (const e of list.getEntries()) window.measured.largest = e.startTime; })
  .observe({type: 'largest-contentful-paint', buffered: true});
new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput) window.measured.shift += e.value; })
  .observe({type: 'layout-shift', buffered: true});
"""


@case("storefront in a browser")
def storefront(bench: Bench) -> list[Row]:
    """Weight, largest contentful paint and layout shift of the demo's pages: a cold browser each time, a phone's size."""
    if not CHROMIUM:
        raise RuntimeError("no Chromium on this machine: install the package chromium")
    with _demo(bench) as (server, pages), sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        figures: dict[str, list[tuple[float, float, float]]] = {name: [] for name in pages}
        for _round in range(bench.rounds):
            for name, path in pages.items():
                figures[name].append(_visit(browser, f"http://127.0.0.1:{server.port}{path}"))
        browser.close()
    rows = []
    for name, found in figures.items():
        weight, largest, shift = (Series(one) for one in zip(*found, strict=True))
        rows += [
            absolute(f"{name}: HTML, CSS and scripts, packed", own=weight, unit="kB", at_most=120),
            absolute(f"{name}: largest contentful paint", own=largest, unit="ms", at_most=1_500),
            absolute(f"{name}: layout shift", own=shift, unit="", at_most=0.05),
        ]
    return rows


@contextmanager
def _demo(bench: Bench) -> Iterator[tuple[Server, dict[str, str]]]:
    """The demo, played by its own command, its pictures drawn, served as it always is."""
    database = bench.stack.fresh("browser")
    with bench.stack.sandbox() as sandbox, tempfile.TemporaryDirectory() as files:
        url, _, home = sandbox.partition(" ")
        places = {
            "LINJIA_SANDBOX_URL": url, "LINJIA_SANDBOX_HOME": home,
            "LINJIA_MEDIA": f"{files}/public", "LINJIA_PRIVATE_MEDIA": f"{files}/private",
        }  # fmt: skip
        env = bench.stack.environment(database, **places)
        for words in (["demo", "--days", "10"], ["sweep"]):
            subprocess.run(
                [sys.executable, "manage.py", *words], cwd=PROJECT, env=env, check=True, stdout=subprocess.DEVNULL
            )
        product = Product.objects.filter(state="on_sale").order_by("-sold_count", "pk").first()
        assert product is not None
        pages = {"home": "/", "category": f"/c/{product.category.code}/", "product": f"/p/{product.number}/"}
        with bench.stack.web(database, **places) as server:
            yield server, pages


def _visit(browser: Browser, url: str) -> tuple[float, float, float]:
    """Open a page as somebody who was never here: kB of packed text, ms, and the sum of shifts."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, locale="zh-CN", service_workers="block"
    )
    try:
        page = context.new_page()
        answers: list[Response] = []
        page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 - Playwright writes on its listeners
        page.add_init_script(WATCH)
        page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        page.goto(url, wait_until="networkidle")
        page.wait_for_function("window.measured.largest > 0")
        found = page.evaluate("window.measured")
        # Static files go out packed in production only, by the same levels; so all are weighed packed.
        texts = [answer.body() for answer in answers if answer.request.resource_type in WEIGHED]
    finally:
        context.close()
    return sum(len(gzip.compress(text)) for text in texts) / 1000, found["largest"], found["shift"]
