"""A review with photos, and a case with evidence: on a phone and a desk, with script and without."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from orders.aftersales.models import Evidence
from orders.lifecycle.models import Order
from orders.reviews.models import Review
from shop.work.sweep import run_due
from tests import world
from tests.browser.conftest import DESK, PHONE, Visitor
from tests.orders import trade
from tests.uploads import photo

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FILES = [{"name": f"tea-{n}.jpg", "mimeType": "image/jpeg", "buffer": photo(900, 600)} for n in range(2)]


def received() -> Order:
    order = trade.bought((world.product(world.yunling(), "云岭白茶"), 2))
    trade.ship(order)
    trade.receive(order)
    return order


def sign_in(page: Page, order: Order) -> None:
    page.fill("[name=phone]", order.user.phone)
    page.fill("[name=password]", world.PASSWORD)
    page.get_by_role("button", name="登录").click()


def keep(page: Page, name: str) -> None:
    """Keep a screenshot where somebody asked for it."""
    if folder := os.environ.get("LINJIA_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("scripts", [True, False], ids=["script", "plain"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_words_with_photos(visitor: Callable[..., Visitor], size: tuple[int, int], scripts: bool) -> None:
    order = received()
    su, tag = visitor(size, scripts=scripts), f"{size[0]}-{scripts}"
    page = su.open(f"/sign-in/?way=password&next=/orders/{order.number}/")
    sign_in(page, order)

    # A case with a photo: the amount explains itself before it is sent.
    page.get_by_role("link", name="退款 / 退货").first.click()
    expect(page.locator("#account")).to_contain_text("¥196.00")
    page.locator("[name=reason][value=damaged]").check(force=True)
    if scripts:
        # The supplier is at fault now: the delivery goes back, too.
        expect(page.locator("#account")).to_contain_text("206.00")
    page.fill("[name=text]", "罐子裂了")
    page.set_input_files("[name=images]", FILES[:1])
    keep(page, f"{tag}-ask")
    assert su.overflow() <= 0
    page.get_by_role("button", name="提交给供应商").click()
    page.wait_for_url("**/after-sales/**")
    run_due(rounds_max=2)
    page.reload()
    expect(page.locator("#thread [data-photo]")).to_have_count(1)
    expect(page.locator("#thread")).to_contain_text("罐子裂了")
    keep(page, f"{tag}-case")
    assert su.overflow() <= 0

    # A review with two photos; forgetting the stars loses nothing.
    page = su.open(f"/orders/{order.number}/lines/1/review/")
    page.fill("[name=text]", "很香，孩子也喜欢。")
    page.set_input_files("[name=images]", FILES)
    page.get_by_role("button", name="发布").click()
    expect(page.locator("[name=picture]")).to_have_count(2)
    for name in ("stars", "service_stars"):
        page.locator(f"[name={name}][value='4']").check(force=True)
    keep(page, f"{tag}-review")
    assert su.overflow() <= 0
    page.get_by_role("button", name="发布").click()
    page.wait_for_url("**/reviews/")
    run_due(rounds_max=2)
    page = su.open(f"/p/{Review.objects.get().product.number}/reviews/")
    expect(page.locator("[data-photo]")).to_have_count(2)
    if scripts:
        page.locator("[data-photo]").first.click()
        expect(page.locator("#viewer")).to_be_visible()
        page.keyboard.press("Escape")
    keep(page, f"{tag}-reviews")
    assert su.overflow() <= 0
    assert (Evidence.objects.count(), Review.objects.get().photo_count) == (1, 2)
    assert su.complaints == []
