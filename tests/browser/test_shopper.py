"""The shopper's way in a real browser: look, choose, put in the cart, sign in, order, pay."""

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from orders.checkout.cart import CartOwner, put_in
from orders.lifecycle.models import Order
from shop.catalogue import actions as catalogue
from shop.catalogue.models import Product
from shop.catalogue.rules import SkuDraft
from shop.regions.actions import import_regions
from tests import world
from tests.browser.conftest import DESK, PHONE, Visitor
from tests.shop.coupons import coupon

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Arrive = Callable[..., Visitor]


@pytest.fixture
def shirt() -> Product:
    """A shirt with three options; white S slim is sold out."""
    world.places()
    import_regions(source=BytesIO("code,name\n330106109,留下街道\n330106109001,东岳社区居委会\n".encode()))
    options = [(c, s, f) for c in ("白", "蓝") for s in ("S", "M") for f in ("修身", "宽松")]
    made = catalogue.create_product(
        supplier=world.yunling(),
        category=world.category("wear", "服饰"),
        title="素色 T 恤",
        skus=[SkuDraft(values) for values in options],
        option_names=["颜色", "尺码", "版型"],
        actor="supplier:yunling",
        at=world.now(),
    )
    for sku in made.skus.all():
        world.price(sku, supply_fen=3_000, retail_fen=9_900 if sku.option_values[0] == "白" else 10_900)
        if sku.option_values != ["白", "S", "修身"]:
            world.receive(sku, 9)
    made.refresh_from_db()
    catalogue.submit_for_review(product=made, actor="supplier:yunling", at=world.now())
    catalogue.approve_product(product=made, actor=world.STAFF, at=world.now())
    return made


def sign_in(su: Visitor, phone: str) -> None:
    page = su.page
    page.fill("[name=phone]", phone)
    page.get_by_role("button", name=su.says("Send code")).click()
    code = re.search(
        su.says("Practice mode: no message is sent. Your code is %(code)s.", code=r"(\d{6})"), page.inner_text("body")
    )
    assert code is not None
    page.fill("[name=code]", code.group(1))
    page.get_by_role("button", name=su.says("Sign in"), exact=True).click()


def to_checkout(su: Visitor) -> Locator:
    name = re.escape(su.says("Check out (%(count)s)", count=0)).replace("0", r"\d+")
    return su.page.get_by_role("link", name=re.compile(name))


def new_address(su: Visitor) -> None:
    page = su.page
    page.get_by_role("link", name=su.says("Add an address")).click()
    page.fill("[name=name]", "苏晓")
    page.fill("[name=phone]", "13800000001")
    way = ("浙江省", "杭州市", "西湖区", "留下街道", "东岳社区居委会")
    for level, place in enumerate(way, start=1):
        page.select_option(f"[name=level{level}]", label=place)
        if level < len(way):
            # A person is never faster than the next list; a test is.
            page.wait_for_selector(f"[name=level{level + 1}]")
            page.wait_for_function("() => !document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling')")
    page.fill("[name=detail]", "灵隐路 1 号")
    page.get_by_role("button", name=su.says("Save"), exact=True).click()


@pytest.mark.parametrize(("size", "language"), [(PHONE, "zh-CN"), (DESK, "en-GB")], ids=["phone", "desk"])
def test_from_the_shelf_to_a_paid_order(
    visitor: Arrive, shirt: Product, sandbox: Any, deliver_notices: Any, size: tuple[int, int], language: str
) -> None:
    su = visitor(size, language=language)
    page = su.open("/")
    page.get_by_role("link", name="素色 T 恤").first.click()
    # Slim white S is sold out: the page stands at the first that is not.
    expect(page.locator("[aria-current=true]")).to_have_text(["白", "S", "宽松"])
    page.get_by_role("link", name="蓝", exact=True).click()
    expect(page.locator("#buy-box .price").first).to_have_text("109.00")
    page.get_by_role("button", name=su.says("One more")).click()
    page.get_by_role("button", name=su.says("Add to cart"), exact=True).click()
    expect(page.locator("#toasts")).to_contain_text(su.says("It is in your cart."))
    expect(page.locator(".nav-badge:visible").first).to_contain_text("2")

    page = su.open("/cart/")
    expect(page.locator("#cart")).to_contain_text("蓝 / S / 宽松")
    assert su.overflow() <= 0
    to_checkout(su).click()
    sign_in(su, "13811112222")
    new_address(su)
    expect(page.locator("#content")).to_contain_text(su.says("Prices and delivery include VAT."))
    expect(page.locator("#content")).to_contain_text(su.says("Free delivery from ¥%(amount)s.", amount="199.00"))
    assert su.overflow() <= 0
    page.locator(f"button:has-text('{su.says('Place the order')}'):visible").click()

    page.get_by_role("button", name=su.says("WeChat Pay"), exact=True).click()
    if size == DESK:
        expect(page.get_by_role("img", name=su.says("Code to scan with WeChat"))).to_be_visible()
    page.get_by_role("link", name=su.says("Pay in the practice wallet")).click()
    page.get_by_role("button", name=re.compile("^支付 Pay")).click()
    # Back in the shop: nobody knows yet, and the page says so until the notice has come.
    expect(page.locator("#payment-result")).to_contain_text(su.says("We are asking the bank"))
    assert deliver_notices("payment") == [200]
    expect(page.locator("#payment-result")).to_contain_text(su.says("Paid. Thank you!"))

    order = Order.objects.get()
    assert (order.state, order.paid_fen) == ("paid", 21_800)
    assert order.region_names == "浙江省 杭州市 西湖区 留下街道 东岳社区"
    page.get_by_role("link", name=su.says("See the order")).click()
    expect(page.locator("h1")).to_have_text(su.says("Being packed"))
    assert su.overflow() <= 0
    assert su.complaints == []


@pytest.mark.parametrize(("size", "language"), [(PHONE, "en-GB"), (DESK, "zh-CN")], ids=["phone", "desk"])
def test_the_same_way_without_script(visitor: Arrive, shirt: Product, size: tuple[int, int], language: str) -> None:
    person = world.customer("苏 Su")
    su = visitor(size, scripts=False, language=language)
    page = su.open(f"/p/{shirt.number}/")
    page.get_by_role("link", name="蓝", exact=True).click()
    page.fill("[name=quantity]", "2")
    page.get_by_role("button", name=su.says("Add to cart"), exact=True).click()
    expect(page.locator("#toasts")).to_contain_text(su.says("It is in your cart."))
    page.get_by_role("link", name=re.compile(su.says("Cart"))).first.click()
    to_checkout(su).click()
    page.get_by_role("tab", name=su.says("By password")).click()
    page.fill("[name=phone]", person.phone)
    page.fill("[name=password]", world.PASSWORD)
    page.get_by_role("button", name=su.says("Sign in"), exact=True).click()
    page.locator(f"button:has-text('{su.says('Place the order')}'):visible").click()
    expect(page.locator("h1")).to_have_text(su.says("To pay"))
    order = Order.objects.get(user=person)
    assert [(line.option_text, line.quantity) for line in order.lines.all()] == [("蓝 / S / 宽松", 2)]


def test_cart_changes_in_place_and_can_be_undone(visitor: Arrive, shirt: Product) -> None:
    su = visitor(PHONE)
    page = su.open(f"/p/{shirt.number}/")
    page.get_by_role("button", name="加入购物车").click()
    expect(page.locator("#toasts")).to_contain_text("已加入购物车")
    page = su.open("/cart/")
    page.get_by_role("button", name="加一件").click()
    expect(page.locator("#cart aside .price")).to_have_text("198.00")
    page.locator("[name=selected]").uncheck()
    expect(page.locator("#cart aside .price")).to_have_text("0.00")
    page.get_by_role("button", name=re.compile("^删除")).click()
    expect(page.locator("#cart")).to_contain_text("购物车还是空的")
    page.get_by_role("button", name="撤销").click()
    expect(page.locator("#cart")).to_contain_text("素色 T 恤")
    assert su.complaints == []


def test_coupons_are_chosen_in_place(visitor: Arrive, shirt: Product) -> None:
    person = world.customer("苏 Su")
    coupon("SPRING")
    world.address(person)
    sku = shirt.skus.last()
    assert sku is not None
    put_in(owner=CartOwner(user=person), sku_number=sku.number, quantity=2, now=world.now())
    su = visitor(PHONE)
    su.sign_in(person)
    page = su.open("/coupons/")
    page.locator("form[action*=claim] button").click()
    expect(page.locator("#toasts")).to_be_visible()
    page = su.open("/checkout/")
    expect(page.locator("#coupons")).to_contain_text("-¥20.00")
    page.fill("#coupon-code", "NOBODYS")
    page.locator("form[action='/codes/enter/'] button").click()
    expect(page.locator("#toasts")).to_contain_text("NOBODYS")
    page.locator("#coupons [name=coupon]").uncheck()
    expect(page.locator("#coupons")).not_to_contain_text("-¥20.00")
    page.locator("#coupons [name=coupon]").check()
    expect(page.locator("#coupons")).to_contain_text("-¥20.00")
    assert su.complaints == []


def test_a_question_comes_before_what_cannot_be_undone(visitor: Arrive, shirt: Product) -> None:
    person = world.customer("苏 Su")
    su = visitor(DESK)
    page = su.open("/sign-in/?way=password&next=/me/")
    page.fill("[name=phone]", person.phone)
    page.fill("[name=password]", world.PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.get_by_role("button", name="退出登录").click()
    page.get_by_role("button", name="再想想").click()
    expect(page).to_have_url(re.compile("/me/$"))
    page.get_by_role("button", name="退出登录").click()
    page.get_by_role("button", name="确定").click()
    expect(page.get_by_role("link", name="登录", exact=True)).to_be_visible()
    assert su.complaints == []


def test_english_is_whole_on_every_open_page(visitor: Arrive, shirt: Product) -> None:
    reader = visitor(DESK, language="en-GB")
    for path in (
        "/",
        "/c/",
        "/c/wear/",
        "/search/?q=nothing",
        f"/p/{shirt.number}/",
        "/cart/",
        "/sign-in/",
        "/register/",
    ):
        page = reader.open(path)
        ours = page.evaluate(
            "[...document.querySelectorAll('button, label, h2, nav a, [aria-label]')]"
            ".filter(e => !e.closest('.card-surface a, [lang], #buy-box')).map(e => e.textContent).join(' ')"
        )
        chinese = re.findall(r"[\u4e00-\u9fff]+", ours.replace("服饰", "").replace("素色 T 恤", ""))
        assert chinese == [], path
    assert reader.complaints == []
