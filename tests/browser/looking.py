"""What is held of every page that a browser shows: the same for the shop and for the back offices.

``LINJIA_LOOK=1`` keeps a picture of each page in ``test-results/pages/`` to be looked at; otherwise only of what is wrong.
``LINJIA_LOOK=full`` does so for all pages of the back offices, too, in both sizes (three minutes).
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import Page

from tests.browser.conftest import DESK, PHONE, Visitor

LOOK = os.environ.get("LINJIA_LOOK", "").strip()
PICTURES = Path(settings.BASE_DIR) / "test-results" / "pages"
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "resultTypes": ["violations"],
    "preload": False,  # none of these rules reads style sheets from elsewhere, and our pages have none
}
AXE = Axe().axe_script
# When nothing is being fetched or swapped any more: is axe here, how wide is the page, how many headings has it?
_LOOK = """async () => {
  while (document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling')) await new Promise(requestAnimationFrame);
  return ['axe' in window, document.documentElement.scrollWidth, document.querySelectorAll('h1').length];
}"""
# Colours are the same in every language: contrasts, half of axe's work, are looked at in the first.
RULES_OF = {"zh-CN": RULES, "en-GB": RULES | {"rules": {"color-contrast": {"enabled": False}}}}
# What fades from one colour to the other is at its end at once; what goes round for ever has none.
_STILL = "for (const one of document.getAnimations()) { try { one.finish(); } catch { one.cancel(); } }"
_JUDGE = f"async (rules) => {{ {_STILL} return (await axe.run(rules)).violations; }}"
# The shop by night: only colours differ, so only contrasts are looked at again. The back offices have a night of their own.
_NIGHT = f"""async () => {{
  const root = document.documentElement, chosen = root.dataset.theme;
  if (!document.querySelector('link[href*="/app."], link[href$="/app.css"]')) return [];
  root.dataset.theme = 'shop-night';
  {_STILL}
  const found = await axe.run({{runOnly: {{type: 'rule', values: ['color-contrast']}}, resultTypes: ['violations'], preload: false}});
  if (chosen) root.dataset.theme = chosen; else delete root.dataset.theme;
  return found.violations;
}}"""


def faults(visitor: Visitor, name: str, *, other_size: bool = True) -> Iterator[str]:
    """Yield what is wrong with the page that stands open, in this size and then in the other.

    Held: nothing against WCAG 2.2 A and AA that axe can see, nothing wider than the screen, one heading of the first
    rank, no complaint in the console.
    """
    yield from _seen(visitor, name)
    if other_size:
        before = visitor.size
        visitor.resize(PHONE if before == DESK else DESK)
        yield from _seen(visitor, name)
        visitor.resize(before)
    yield from visitor.complaints
    visitor.complaints.clear()


def _seen(visitor: Visitor, name: str) -> Iterator[str]:
    page, size = visitor.page, "×".join(map(str, visitor.size))
    has_axe, width, headings = page.evaluate(_LOOK)
    if not has_axe:
        # From now on the browser reads it with every page: a third of what handing it over anew would cost.
        page.context.add_init_script(AXE)
        page.evaluate(AXE)
    wrong = []
    if width > visitor.size[0]:
        wrong.append(f"{size}: {width - visitor.size[0]} px wider than the screen")
    if headings != 1:
        wrong.append(f"{headings} headings of the first rank")
    wrong += _told(page.evaluate(_JUDGE, RULES_OF[visitor.language]), size)
    if LOOK or wrong:
        _keep(page, f"{name}-{visitor.language}-{visitor.size[0]}")
    yield from wrong
    if visitor.language == "zh-CN" and visitor.size == PHONE:
        # Once is enough: the other size has the same colours.
        yield from _told(page.evaluate(_NIGHT), f"{size} by night")


def _keep(page: Page, name: str) -> None:
    """Keep a picture of the whole page."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.jpg", type="jpeg", quality=85, full_page=True, animations="disabled")


def _told(violations: list[dict[str, Any]], where: str) -> Iterator[str]:
    for rule in violations:
        for node in rule["nodes"]:
            yield f"{where}: {rule['id']}: {node['html'][:160]} {node['failureSummary'].splitlines()[-1].strip()}"
