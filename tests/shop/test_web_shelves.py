"""Home, categories, search and product pages as a shopper's browser meets them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from shop.catalogue import actions as catalogue
from shop.catalogue import pictures
from shop.catalogue.categories import create_category
from shop.catalogue.models import Product
from shop.catalogue.rules import SkuDraft, picture_of_options
from shop.web import shelf
from shop.work.sweep import run_due
from tests import world
from tests.uploads import photo

pytestmark = pytest.mark.django_db

CHINESE = {"HTTP_ACCEPT_LANGUAGE": "zh-CN"}
PART = {"HTTP_HX_REQUEST": "true"}


def titles(html: str) -> list[str]:
    """Return the titles of the cards on a page, in order."""
    return re.findall(r'<h3 class="line-clamp-2[^"]*">(.*?)</h3>', html)


def page(client: Client, address: str, **headers: str) -> str:
    response = client.get(address, **(CHINESE | headers))
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def shirt(options: Sequence[tuple[str, str]], *, sold_out: Sequence[tuple[str, str]] = ()) -> Product:
    """A product of 云岭茶业 with two axes; what is sold out has no stock."""
    made = catalogue.create_product(
        supplier=world.yunling(),
        category=world.category("wear", "服饰"),
        title="素色 T 恤",
        skus=[SkuDraft(values) for values in options],
        option_names=["颜色", "尺码"],
        actor="supplier:yunling",
        at=world.now(),
    )
    for index, sku in enumerate(made.skus.order_by("position")):
        world.price(sku, supply_fen=3_000, retail_fen=9_900 + 100 * index)
        if tuple(sku.option_values) not in sold_out:
            world.receive(sku, 5)
    made.refresh_from_db()
    catalogue.submit_for_review(product=made, actor="supplier:yunling", at=world.now())
    catalogue.approve_product(product=made, actor=world.STAFF, at=world.now())
    return made


def picks(choice: shelf.Choice) -> list[tuple[str, list[tuple[str, bool, bool]]]]:
    return [(axis.name, [(pick.label, pick.is_chosen, pick.is_gone) for pick in axis.picks]) for axis in choice.axes]


def test_home_shows_what_is_on_sale_newest_first(client: Client) -> None:
    world.product(world.yunling(), "云岭红茶")
    peach = world.product(world.yangshan(), "阳山水蜜桃")
    world.product(world.yangshan(), "阳山蓝莓")
    catalogue.take_off_sale(product=peach, actor="supplier:yangshan", at=world.now())
    assert titles(page(client, "/")) == ["阳山蓝莓", "云岭红茶"]


def test_empty_home_says_so_and_does_not_break(client: Client) -> None:
    html = page(client, "/")
    assert titles(html) == []
    assert "货架还是空的" in html


def test_more_continues_where_the_first_stretch_ended(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf.stretch, "__defaults__", (2,))
    for number in range(5):
        world.product(world.yunling(), f"茶 {number}")
    html, seen = page(client, "/"), []
    while True:
        seen += titles(html)
        link = re.search(r'hx-get="(/\?after=\d+)"', html)
        if link is None:
            break
        html = page(client, link.group(1), **PART)
        assert "<html" not in html
    assert seen == ["茶 4", "茶 3", "茶 2", "茶 1", "茶 0"]


def test_nonsense_position_begins_at_the_beginning(client: Client) -> None:
    world.product(world.yunling(), "云岭红茶")
    for nonsense in ("x", "-1", "9" * 40, "1;drop"):
        assert titles(page(client, f"/?after={nonsense}")) == ["云岭红茶"]


def test_a_category_holds_what_is_below_it(client: Client) -> None:
    tea = world.category("tea", "茶叶")
    red = create_category(code="red", name="红茶", parent=tea)
    world.product(world.yunling(), "云岭红茶", on=red)
    world.product(world.yunling(), "云岭白茶", on=tea)
    world.product(world.yunling(), "茶杯", on=world.category("home", "家居"))
    assert titles(page(client, "/c/tea/")) == ["云岭白茶", "云岭红茶"]
    assert titles(page(client, "/c/red/")) == ["云岭红茶"]
    assert client.get("/c/nothing/").status_code == 404


def test_search_finds_by_words_and_offers_a_way_out_when_it_finds_nothing(client: Client) -> None:
    world.product(world.yunling(), "云岭红茶")
    world.product(world.yangshan(), "阳山水蜜桃")
    assert titles(page(client, "/search/?q=红茶")) == ["云岭红茶"]
    empty = page(client, "/search/?q=自行车")
    assert titles(empty) == []
    assert reverse("categories") in empty


def test_search_text_is_shown_as_text(client: Client) -> None:
    html = page(client, "/search/?q=<script>alert(1)</script>")
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


def test_product_page_tells_price_stock_and_supplier(client: Client) -> None:
    tea = world.product(world.yunling(), "云岭红茶", retail_fen=9_850, pieces=7)
    html = page(client, f"/p/{tea.number}/")
    assert '<span class="price text-3xl">98<small>.50</small></span>' in html
    assert "仅剩 7 件" in html
    assert "云岭茶业" in html
    assert f'name="sku" value="{world.sku_of(tea).number}"' in html


def test_off_sale_product_is_a_page_with_a_way_out(client: Client) -> None:
    tea = world.product(world.yunling(), "云岭红茶")
    catalogue.take_off_sale(product=tea, actor="supplier:yunling", at=world.now())
    response = client.get(f"/p/{tea.number}/", **CHINESE)
    assert response.status_code == 404
    assert 'href="/"' in response.content.decode()


def test_choice_stands_at_the_first_sku_in_stock() -> None:
    made = shirt([("白", "S"), ("白", "M"), ("蓝", "M")], sold_out=[("白", "S")])
    choice = shelf.choose(made, wanted="", page_url="/p/x/")
    assert choice.sku is not None
    assert choice.sku.option_values == ["白", "M"]
    assert choice.price_fen == 10_000
    assert choice.available == 5
    assert picks(choice) == [
        ("颜色", [("白", True, False), ("蓝", False, False)]),
        ("尺码", [("S", False, True), ("M", True, False)]),
    ]


def test_choosing_one_option_keeps_the_others_where_it_can() -> None:
    made = shirt([("白", "S"), ("白", "M"), ("蓝", "S"), ("蓝", "M"), ("灰", "S")])
    by_values = {tuple(sku.option_values): sku.number for sku in made.skus.all()}
    choice = shelf.choose(made, wanted=by_values["白", "M"], page_url="/p/x/")
    colours = {pick.label: pick.url for pick in choice.axes[0].picks}
    assert colours == {
        "白": f"/p/x/?sku={by_values['白', 'M']}",
        "蓝": f"/p/x/?sku={by_values['蓝', 'M']}",
        # There is no grey M: the only grey one it is.
        "灰": f"/p/x/?sku={by_values['灰', 'S']}",
    }
    # And it says so before it is chosen.
    assert [pick.instead for pick in choice.axes[0].picks] == ["", "", "S"]


@pytest.mark.parametrize(
    ("descriptions", "chosen", "index"),
    [
        (["全家福", "白色正面", "深蓝色", "蓝色 M 码"], ("蓝", "M"), 3),
        (["全家福", "白色正面", "深蓝色", "蓝色 M 码"], ("深蓝", "S"), 2),
        (["白与蓝对比", "M 码尺寸图"], ("白", "M"), 1),
        (["silk shirt", ""], ("白", "S"), None),
    ],
)
def test_a_picture_shows_the_option_its_description_names(
    descriptions: list[str], chosen: tuple[str, str], index: int | None
) -> None:
    assert picture_of_options(descriptions, [["白", "蓝", "深蓝"], ["S", "M"]], chosen) == index


def test_choosing_an_option_shows_its_picture(client: Client, media_folder: Path) -> None:
    made = shirt([("白", "S"), ("蓝", "S")])
    for alt in ("白色", "蓝色"):
        pictures.add_picture(product=made, data=photo(40, 40), alt=alt, now=world.now())
    run_due(rounds_max=3)
    blue = made.skus.get(option_values=["蓝", "S"])
    part = page(client, f"/p/{made.number}/?sku={blue.number}", **PART)
    whole = page(client, f"/p/{made.number}/?sku={blue.number}")
    (shown,) = re.findall(r'data-shows="([^"]+)"', part)
    assert re.findall(r'href="([^"]+)" data-photo ', whole)[0] == shown
    assert re.findall(r'href="([^"]+)" data-photo ', page(client, f"/p/{made.number}/"))[1] == shown


def test_a_store_s_own_price_replaces_the_retail_price() -> None:
    made = shirt([("白", "S")])
    sku = made.skus.get()
    choice = shelf.choose(made, wanted="", page_url="/", own_prices_fen={sku.pk: 8_800})
    assert choice.price_fen == 8_800


def test_htmx_gets_only_the_buying_part(client: Client) -> None:
    made = shirt([("白", "S"), ("蓝", "S")])
    blue = made.skus.get(option_values=["蓝", "S"])
    html = page(client, f"/p/{made.number}/?sku={blue.number}", **PART)
    assert html.lstrip().startswith('<div id="buy-box"')
    assert f'name="sku" value="{blue.number}"' in html


def test_pages_obey_their_own_policy(client: Client) -> None:
    tea = world.product(world.yunling(), "云岭红茶")
    for address in ("/", "/c/", "/search/?q=茶", f"/p/{tea.number}/", "/sign-in/", "/register/"):
        response = client.get(address, **CHINESE)
        html = response.content.decode()
        policy = response.headers["Content-Security-Policy"]
        assert "unsafe-inline" not in policy
        assert "unsafe-eval" not in policy
        assert re.findall(r"\son\w+=", html) == []
        assert re.findall(r"\sstyle=", html) == []
        # A data block is read by search engines and runs nowhere.
        assert re.findall(r'<script(?![^>]*\bsrc=)(?! type="application/ld\+json">)[^>]*>', html) == []


def test_both_languages_are_whole(client: Client) -> None:
    assert "邻居们挑的好货" in page(client, "/")
    english = client.get("/", HTTP_ACCEPT_LANGUAGE="en").content.decode()
    assert "Chosen by your neighbours" in english
    changed = client.post("/i18n/setlang/", {"language": "en", "next": "/c/"})
    assert changed.status_code == 302
    assert changed.headers["Location"] == "/c/"
    assert ">Categories<" in page(client, "/c/")


def test_pages_take_so_many_statements_whatever_there_is(client: Client, django_assert_num_queries: Any) -> None:
    """A list one and the categories one; a product its row, its SKUs, its neighbours."""
    made = world.product(world.yunling(), "茶 0")

    def counted() -> None:
        for address, statements in (
            ("/", 2),
            ("/c/tea/", 2),
            ("/search/?q=茶", 2),
            (f"/p/{made.number}/", 3),
            ("/api/v1/products/", 1),
            ("/api/v1/products/?sort=sold", 1),
            ("/api/v1/products/?q=茶", 1),
            ("/api/v1/products/?category=tea", 2),
            (f"/api/v1/products/{made.number}/", 2),
            ("/api/v1/categories/", 1),
        ):
            with django_assert_num_queries(statements, info=address):
                page(client, address)

    counted()
    for number in range(1, 8):
        world.product(world.yunling(), f"茶 {number}", options=("小", "大"))
    counted()


def test_unknown_address_is_a_page_with_a_way_out(client: Client) -> None:
    response = client.get("/no-such-page/", **CHINESE)
    assert response.status_code == 404
    assert "页面不存在" in response.content.decode()


def test_browsers_find_a_picture_of_the_shop_where_they_look_unasked(client: Client) -> None:
    assert client.get("/favicon.ico")["Location"] == "/static/img/mark.svg"


def test_offline_page_and_its_keeper(client: Client) -> None:
    assert "网络断开了" in page(client, "/offline/")
    script = client.get("/sw.js")
    assert script.headers["Content-Type"] == "text/javascript"
    assert '"/offline/"' in script.content.decode()
