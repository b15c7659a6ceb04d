"""Chromium, driven by Playwright, against the whole shop with the sandbox WeChat."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from shop.accounts.models import User

# Nothing here needs a graphics card, and pretending to have one takes a tenth of the time.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
FRONTEND = Path(settings.BASE_DIR) / "frontend"
CHROMIUM = os.environ.get("LINJIA_CHROMIUM", "") or next(
    (path for path in ("chromium", "chromium-browser", "google-chrome") if shutil.which(path)), ""
)
PHONE, DESK = (390, 844), (1280, 800)
PHONE_AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605 Mobile Safari/604"


@pytest.fixture(scope="session", autouse=True)
def _front_end() -> None:
    """Build styles and icons if nobody has."""
    if not (FRONTEND / "static" / "build" / "app.css").exists():
        subprocess.run(["npm", "ci", "--omit=dev"], cwd=FRONTEND, check=True)
        subprocess.run(["npm", "run", "build"], cwd=FRONTEND, check=True)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium."""
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine: install the package chromium")
    # Playwright runs an event loop in this thread; the test's own queries are not asynchronous.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


class Visitor:
    """Somebody with a browser. ``complaints`` are console errors, script errors and refused content."""

    def __init__(self, context: BrowserContext, address: str, size: tuple[int, int], language: str) -> None:
        self.context = context
        self.address = address
        self.size = size
        self.language = language
        self.complaints: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _listen(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def sign_in(self, user: User | None) -> None:
        """Be this person from now on (None: nobody), without the sign-in page."""
        self.context.clear_cookies()
        if user is not None:
            client = Client()
            client.force_login(user)
            name = settings.SESSION_COOKIE_NAME
            self.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": self.address}])

    def says(self, message: str, **facts: object) -> str:
        """What the shop says in this person's language."""
        with translation.override("zh-hans" if self.language == "zh-CN" else "en"):
            return gettext(message) % facts

    def open(self, path: str) -> Page:
        """Open a page of the shop."""
        self.page.goto(self.address + path)
        return self.page

    def resize(self, size: tuple[int, int]) -> None:
        """Turn the device: the page that stands open is laid out anew."""
        self.size = size
        self.page.set_viewport_size({"width": size[0], "height": size[1]})

    def overflow(self) -> int:
        """How many pixels the page is wider than the screen."""
        return int(self.page.evaluate("document.documentElement.scrollWidth")) - self.size[0]


@pytest.fixture
def visitor(chromium: Browser, live_server: Any) -> Iterator[Callable[..., Visitor]]:
    """A function that gives a new browser: ``visitor(PHONE)``, ``visitor(DESK, scripts=False)``."""
    contexts: list[BrowserContext] = []

    def arrive(size: tuple[int, int] = PHONE, *, scripts: bool = True, language: str = "zh-CN") -> Visitor:
        width, height = size
        is_phone = size == PHONE
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            locale=language,
            is_mobile=is_phone,
            has_touch=is_phone,
            java_script_enabled=scripts,
            user_agent=PHONE_AGENT if is_phone else None,
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        return Visitor(context, live_server.url, size, language)

    yield arrive
    for context in contexts:
        context.close()
