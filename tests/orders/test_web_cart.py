"""The cart in the browser: with and without script, before and after signing in."""

import re

import pytest
from django.test import Client

from orders.checkout.cart import CartOwner, cart_of, piece_count, put_in
from shop.accounts.models import User
from shop.catalogue import actions as catalogue
from shop.catalogue.models import Product
from tests import world

pytestmark = pytest.mark.django_db

CHINESE = {"HTTP_ACCEPT_LANGUAGE": "zh-CN"}
PART = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def tea() -> Product:
    return world.product(world.yunling(), "云岭红茶", retail_fen=9_800, pieces=5)


@pytest.fixture
def su(client: Client) -> User:
    """苏 Su, signed in."""
    person = world.customer("苏 Su")
    client.force_login(person)
    return person


def lines(user: User) -> list[tuple[str, int, bool]]:
    return [(line.sku.product.title, line.quantity, line.is_selected) for line in cart_of(CartOwner(user=user))]


def sku(goods: Product) -> str:
    return world.sku_of(goods).number


def test_putting_in_without_script_says_so_and_goes_back(client: Client, su: User, tea: Product) -> None:
    page = f"http://testserver/p/{tea.number}/"
    response = client.post("/cart/put-in/", {"sku": sku(tea), "quantity": "2"}, HTTP_REFERER=page, **CHINESE)
    assert response.headers["Location"] == page
    assert lines(su) == [("云岭红茶", 2, True)]
    assert "已加入购物车" in client.get("/cart/", **CHINESE).content.decode()


def test_putting_in_with_script_answers_with_a_toast(client: Client, su: User, tea: Product) -> None:
    response = client.post("/cart/put-in/", {"sku": sku(tea), "quantity": "1"}, **PART, **CHINESE)
    assert response.headers["HX-Trigger"] == "cart-changed"
    assert "data-toast" in response.content.decode()
    assert client.get("/cart/badge/").content.decode().strip().startswith('<span class="nav-badge">1<')


def test_sold_out_is_told_and_nothing_goes_in(client: Client, su: User, tea: Product) -> None:
    response = client.post("/cart/put-in/", {"sku": sku(tea), "quantity": "6"}, **PART, **CHINESE)
    assert response.status_code == 409
    assert "%E4%BB%85%E5%89%A9" in response.headers["X-Message"]  # 仅剩
    assert lines(su) == []


@pytest.mark.parametrize("quantity", ["", "0", "-3", "x", "1e9", "9" * 30])
def test_nonsense_quantities_count_as_one(client: Client, su: User, tea: Product, quantity: str) -> None:
    client.post("/cart/put-in/", {"sku": sku(tea), "quantity": quantity})
    assert lines(su) == [("云岭红茶", 1, True)]


def test_unknown_sku_is_a_message(client: Client, su: User) -> None:
    response = client.post("/cart/put-in/", {"sku": "k-nothing"}, follow=True, **CHINESE)
    assert "没有这件商品" in response.content.decode()


def test_changing_choosing_taking_out_and_undoing(client: Client, su: User, tea: Product) -> None:
    number = sku(tea)
    client.post("/cart/put-in/", {"sku": number, "quantity": "1"})
    client.post(f"/cart/{number}/quantity/", {"quantity": "3"})
    assert lines(su) == [("云岭红茶", 3, True)]
    client.post(f"/cart/{number}/select/", {})
    assert lines(su) == [("云岭红茶", 3, False)]
    taken = client.post(f"/cart/{number}/take-out/", **PART, **CHINESE).content.decode()
    assert lines(su) == []
    undo = dict(re.findall(r'<input type="hidden" name="(sku|quantity|store|undo)" value="([^"]*)">', taken))
    assert undo == {"sku": number, "quantity": "3", "store": "", "undo": "yes"}
    back = client.post("/cart/put-in/", undo, **PART)
    assert 'id="cart"' in back.content.decode()
    assert lines(su) == [("云岭红茶", 3, True)]


def test_cart_groups_by_supplier_and_sums_what_is_chosen(client: Client, su: User, tea: Product) -> None:
    peach = world.product(world.yangshan(), "阳山水蜜桃", supply_fen=2_000, retail_fen=4_990)
    for goods, quantity in ((tea, 2), (peach, 1)):
        client.post("/cart/put-in/", {"sku": sku(goods), "quantity": str(quantity)})
    html = client.get("/cart/", **CHINESE).content.decode()
    assert re.findall(r'<section class="card-surface" aria-label="([^"]+)"', html) == ["阳山果园", "云岭茶业"]
    assert '<span class="price text-xl">245<small>.90</small></span>' in html
    client.post(f"/cart/{sku(tea)}/select/", {})
    html = client.get("/cart/", **CHINESE).content.decode()
    assert '<span class="price text-xl">49<small>.90</small></span>' in html


def test_what_changed_since_is_shown(client: Client, su: User, tea: Product) -> None:
    client.post("/cart/put-in/", {"sku": sku(tea)})
    world.price(world.sku_of(tea), supply_fen=6_000, retail_fen=10_800)
    assert "比加入时贵了 ¥10.00" in client.get("/cart/", **CHINESE).content.decode()
    catalogue.take_off_sale(product=tea, actor="supplier:yunling", at=world.now())
    html = client.get("/cart/", **CHINESE).content.decode()
    assert "已下架" in html
    assert "请选择商品" in html


def test_empty_cart_leads_to_the_shelves(client: Client) -> None:
    html = client.get("/cart/", **CHINESE).content.decode()
    assert "购物车还是空的" in html
    assert 'href="/"' in html


def test_a_visitor_s_cart_comes_along_at_sign_in(client: Client, tea: Product) -> None:
    su = world.customer("苏 Su")
    client.get("/")
    client.post("/cart/put-in/", {"sku": sku(tea), "quantity": "2"})
    assert "云岭红茶" in client.get("/cart/").content.decode()
    form = {"phone": su.phone, "password": world.PASSWORD, "next": "/checkout/"}
    response = client.post("/sign-in/?way=password", form, follow=True)
    assert response.redirect_chain[-1][0] == "/checkout/"
    assert lines(su) == [("云岭红茶", 2, True)]


def test_carts_are_one_s_own(client: Client, su: User, tea: Product) -> None:
    zhou = world.person("周 Zhou")
    put_in(owner=CartOwner(user=zhou), sku_number=sku(tea), quantity=1, now=world.now())
    for deed in ("quantity", "select", "take-out"):
        client.post(f"/cart/{sku(tea)}/{deed}/", {"quantity": "4"})
    assert lines(zhou) == [("云岭红茶", 1, True)]
    assert piece_count(CartOwner(user=su)) == 0


def test_welcome_never_leaves_the_site(client: Client, su: User) -> None:
    assert client.get("/welcome/", {"next": "https://evil.example/"}).headers["Location"] == "/"
