"""From the cart to a paid order in the browser."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.test import Client

from orders.checkout.cart import CartOwner, piece_count
from orders.lifecycle.models import Order
from orders.payments.models import Payment
from shop.accounts.models import Address, User
from shop.catalogue.models import Product
from tests import world

pytestmark = pytest.mark.django_db

CHINESE = {"HTTP_ACCEPT_LANGUAGE": "zh-CN"}
PHONE = {"HTTP_USER_AGENT": "Mozilla/5.0 (iPhone) Mobile Safari"}


@pytest.fixture
def su(client: Client) -> User:
    """苏 Su, signed in, with an address at West Lake."""
    person = world.customer("苏 Su")
    client.force_login(person)
    return person


@pytest.fixture
def tea() -> Product:
    return world.product(world.yunling(), "云岭红茶", retail_fen=9_800, pieces=5)


def put(client: Client, goods: Product, quantity: int = 1) -> None:
    client.post("/cart/put-in/", {"sku": world.sku_of(goods).number, "quantity": str(quantity)})


def hidden(html: str) -> dict[str, str]:
    """Return the hidden fields of the form that places the order."""
    form = re.search(r'<form id="place".*?</form>', html, re.DOTALL)
    assert form is not None
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form.group()))
    fields.pop("csrfmiddlewaretoken", None)
    return fields


def place(client: Client, **changes: str) -> Any:
    fields = hidden(client.get("/checkout/", **CHINESE).content.decode())
    return client.post("/checkout/place/", fields | changes, **CHINESE)


def test_checkout_explains_freight_per_supplier(client: Client, su: User, tea: Product) -> None:
    peach = world.product(world.yangshan(), "阳山水蜜桃", supply_fen=0, retail_fen=20_000)
    put(client, tea, 2)
    put(client, peach)
    html = client.get("/checkout/", **CHINESE).content.decode()
    assert "浙江省 杭州市 西湖区 灵隐路 1 号" in html
    # 云岭 takes ¥8 and ¥2, 阳山 delivers free from ¥199.
    assert "¥10.00" in html
    assert "包邮" in html
    assert hidden(html)["expected"] == str(2 * 9_800 + 20_000 + 1_000)


def test_without_an_address_the_page_asks_for_one(client: Client, su: User, tea: Product) -> None:
    Address.objects.all().delete()
    put(client, tea)
    html = client.get("/checkout/", **CHINESE).content.decode()
    assert "/me/addresses/new/?next=%2Fcheckout%2F" in html or "/me/addresses/new/?next=/checkout/" in html
    assert html.count("disabled") >= 1


def test_where_nobody_delivers_nothing_can_be_placed(client: Client, su: User, tea: Product) -> None:
    lhasa = world.address(su, region_code=world.LHASA, detail="北京中路 1 号")
    put(client, tea)
    html = client.get(f"/checkout/?address={lhasa.number}", **CHINESE).content.decode()
    assert "不支持配送到该地区" in html
    response = client.post("/checkout/place/", {"address": lhasa.number}, follow=True, **CHINESE)
    assert "不支持配送" in response.content.decode()
    assert not Order.objects.exists()


def test_placing_leads_to_the_cashier_and_empties_the_cart(client: Client, su: User, tea: Product) -> None:
    put(client, tea, 2)
    response = place(client, note="请放门口")
    order = Order.objects.get(user=su)
    assert response.headers["Location"] == f"/orders/{order.number}/pay/"
    assert (order.payable_fen, order.note, order.region_code) == (20_600, "请放门口", world.XIHU)
    assert piece_count(CartOwner(user=su)) == 0
    assert world.on_hand(tea) == 3


def test_back_from_the_cashier_leads_to_the_order(client: Client, su: User, tea: Product) -> None:
    put(client, tea)
    place(client)
    order = Order.objects.get(user=su)
    response = client.get("/checkout/", follow=True, **CHINESE)
    assert response.redirect_chain == [(f"/orders/{order.number}/", 302)]
    assert "订单已提交，请完成支付。" in response.content.decode()


def test_a_changed_price_is_shown_not_charged(client: Client, su: User, tea: Product) -> None:
    put(client, tea)
    fields = hidden(client.get("/checkout/").content.decode())
    world.price(world.sku_of(tea), supply_fen=6_000, retail_fen=12_000)
    response = client.post("/checkout/place/", fields, follow=True, **CHINESE)
    assert "应付金额已变为 ¥128.00" in response.content.decode()
    assert not Order.objects.exists()


def test_buy_now_leaves_the_cart_alone(client: Client, su: User, tea: Product) -> None:
    peach = world.product(world.yangshan(), "阳山水蜜桃", supply_fen=0, retail_fen=5_000)
    put(client, peach)
    sku = world.sku_of(tea).number
    response = client.post("/checkout/now/", {"sku": sku, "quantity": "2"}, follow=True)
    fields = hidden(response.content.decode())
    assert (fields["sku"], fields["quantity"]) == (sku, "2")
    client.post("/checkout/place/", fields)
    order = Order.objects.get(user=su)
    assert [(line.title, line.quantity) for line in order.lines.all()] == [("云岭红茶", 2)]
    assert piece_count(CartOwner(user=su)) == 1


def test_nothing_chosen_leads_back_to_the_cart(client: Client, su: User) -> None:
    assert client.get("/checkout/").headers["Location"] == "/cart/"


def test_another_s_address_is_refused(client: Client, su: User, tea: Product) -> None:
    theirs = world.address(world.person("周 Zhou"))
    put(client, tea)
    client.post("/checkout/place/", {"address": theirs.number})
    assert not Order.objects.exists()


def test_strangers_sign_in_before_they_check_out(client: Client, tea: Product) -> None:
    client.get("/")
    put(client, tea)
    assert client.get("/checkout/").headers["Location"] == "/sign-in/?next=%2Fcheckout%2F"


def test_wide_screens_get_a_code_to_scan(client: Client, su: User, tea: Product, sandbox: Any) -> None:
    order = world.place(su, [(tea, 1)])
    cashier = f"/orders/{order.number}/pay/"
    assert "<svg xmlns" not in client.get(cashier).content.decode()
    client.post(cashier)
    html = client.get(cashier, **CHINESE).content.decode()
    payment = Payment.objects.get(order=order)
    assert payment.kind == "native"
    assert re.search(r"<svg[^>]*>\s*<path", html)
    assert "用演练钱包支付" in html
    link = re.search(r'href="([^"]+redirect_url=[^"]+)"', html)
    assert link is not None
    back = parse_qs(urlsplit(link.group(1)).query)["redirect_url"]
    assert back == [f"http://testserver/orders/{order.number}/pay/result/"]


def test_phones_open_the_wallet(client: Client, su: User, tea: Product, sandbox: Any) -> None:
    order = world.place(su, [(tea, 1)])
    client.post(f"/orders/{order.number}/pay/", **PHONE)
    assert Payment.objects.get(order=order).kind == "h5"


def test_result_page_waits_honestly_then_tells_what_happened(
    client: Client, su: User, tea: Product, sandbox: Any, deliver_notices: Any
) -> None:
    order = world.place(su, [(tea, 1)])
    client.post(f"/orders/{order.number}/pay/")
    result = f"/orders/{order.number}/pay/result/"
    waiting = client.get(result, **CHINESE).content.decode()
    assert "正在确认支付结果" in waiting
    assert "支付成功" not in waiting
    late = client.get(result, {"since": int(world.now().timestamp()) - 60}, **CHINESE).content.decode()
    assert "还没有收到付款" in late
    payment = Payment.objects.get(order=order)
    requests.post(payment.code_url, data={"deed": "pay"}, timeout=5, allow_redirects=False)
    assert deliver_notices("payment") == [200]
    assert "支付成功" in client.get(result, **CHINESE).content.decode()
    state = client.get(f"/orders/{order.number}/pay/state/")
    assert state.headers["HX-Redirect"] == result


def test_result_page_asks_the_gateway_when_no_notice_comes(
    client: Client, su: User, tea: Product, sandbox: Any
) -> None:
    order = world.place(su, [(tea, 1)])
    client.post(f"/orders/{order.number}/pay/")
    payment = Payment.objects.get(order=order)
    requests.post(payment.code_url, data={"deed": "pay"}, timeout=5, allow_redirects=False)
    since = int(world.now().timestamp()) - 5
    html = client.get(f"/orders/{order.number}/pay/result/", {"since": since}, **CHINESE).content.decode()
    assert "支付成功" in html


def test_a_gateway_that_is_away_is_told(client: Client, su: User, tea: Product, sandbox: Any, settings: Any) -> None:
    settings.LINJIA_SANDBOX_URL = "http://127.0.0.1:1"
    order = world.place(su, [(tea, 1)])
    html = client.post(f"/orders/{order.number}/pay/", **CHINESE).content.decode()
    assert "支付渠道没有回应" in html
