"""After buying: finding the order, its receipt, and buying the same again."""

import pytest
from django.test import Client

from orders.checkout.cart import CartOwner, cart_view
from orders.checkout.models import Cart
from shop.catalogue.actions import take_off_sale
from tests import world
from tests.orders import trade
from tests.shop.test_web_shelves import page

ORIGIN = {"HTTP_ORIGIN": "http://testserver"}


@pytest.mark.django_db
def test_an_order_is_found_shown_on_paper_and_bought_again() -> None:
    su, hers = world.customer(), Client()
    hers.force_login(su, backend="django.contrib.auth.backends.ModelBackend")
    tea, peach = world.product(world.yunling(), "云岭红茶"), world.product(world.yangshan(), "阳山水蜜桃")
    order, other = world.place(su, [(tea, 2), (peach, 1)]), world.place(su, [(peach, 1)])
    for words, found in (("红茶", {order}), ("水蜜桃", {order, other}), (other.number.lower(), {other}), ("%", set())):
        html = page(hers, f"/orders/?q={words}")
        assert {one for one in (order, other) if f'href="/orders/{one.number}/"' in html} == found, words
    # There is a receipt of what is paid, and of nothing else.
    assert hers.get(f"/orders/{order.number}/receipt/").status_code == 404
    trade.pay(order)
    html = page(hers, f"/orders/{order.number}/receipt/")
    assert all(text in html for text in (order.number, "云岭红茶", "云岭茶业", "× 2", "不是发票"))
    # What left sale is not bought again, and it is said; the rest is in the cart, as often as before.
    take_off_sale(product=peach, actor="supplier:yangshan", at=world.now())
    answer = hers.post(f"/orders/{order.number}/again/", HTTP_ACCEPT_LANGUAGE="zh-CN", **ORIGIN)
    assert answer["Location"] == "/cart/"
    assert "未加入购物车：阳山水蜜桃" in page(hers, "/cart/")
    lines = cart_view(CartOwner(user=su), now=world.now()).lines
    assert [(line.title, line.quantity) for line in lines] == [("云岭红茶", 2)]
    # Nothing to be had at all: one stays where one is.
    assert hers.post(f"/orders/{other.number}/again/", **ORIGIN)["Location"] == f"/orders/{other.number}/"
    stranger = Client()
    stranger.force_login(world.person("王"), backend="django.contrib.auth.backends.ModelBackend")
    assert stranger.get(f"/orders/{order.number}/receipt/").status_code == 404
    stranger.post(f"/orders/{order.number}/again/", **ORIGIN)
    assert Cart.objects.exclude(user=su).count() == 0
