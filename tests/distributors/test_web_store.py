"""A store's page, its products, and where a share link leads."""

import re

import pytest
from django.test import Client

from distributors.links import actions as links
from distributors.links.models import ShareLink
from distributors.stores.models import Listing, Store
from distributors.stores.states import DistributorState
from orders.checkout.cart import CartOwner, cart_of
from shop.catalogue import actions as catalogue
from shop.catalogue.models import Product
from tests import world

pytestmark = pytest.mark.django_db

CHINESE = {"HTTP_ACCEPT_LANGUAGE": "zh-CN"}
PART = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def ahe() -> Store:
    """The open store of 阿禾 Ahe."""
    return world.ahe()


def tea(title: str = "云岭红茶") -> Product:
    return world.product(
        world.yunling(), title, supply_fen=6_000, retail_fen=9_800, floor_fen=8_000, ceiling_fen=12_000
    )


def titles(html: str) -> list[str]:
    return re.findall(r'<h3 class="line-clamp-2[^"]*">(.*?)</h3>', html)


def html_of(client: Client, address: str, **headers: str) -> str:
    response = client.get(address, **(CHINESE | headers))
    assert response.status_code == 200, address
    return response.content.decode()


def test_a_store_shows_its_picks_in_its_own_words_and_prices(client: Client, ahe: Store) -> None:
    listing = world.own_price(ahe, tea(), 8_800)
    Listing.objects.filter(pk=listing.pk).update(title="阿禾每天喝的红茶", reason="香而不涩")
    world.product(world.yangshan(), "阳山水蜜桃", supply_fen=0)
    html = html_of(client, f"/store/{ahe.code}/")
    assert titles(html) == ["阿禾每天喝的红茶"]
    assert "“香而不涩”" in html
    assert "88<small>.00</small>" in html
    assert "阿禾的厨房" in html


def test_picks_keep_the_store_s_order_over_several_stretches(
    client: Client, ahe: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distributors.web.storefront.PAGE_SIZE", 2)
    for position in (3, 1, 2, 1, 0):
        number = Listing.objects.count()
        Listing.objects.create(store=ahe, product=tea(f"茶 {number}"), position=position)
    html, seen = html_of(client, f"/store/{ahe.code}/"), []
    while True:
        seen += titles(html)
        link = re.search(r'hx-get="([^"]+\?after=[^"]+)"', html)
        if link is None:
            break
        html = html_of(client, link.group(1), **PART)
    assert seen == ["茶 4", "茶 3", "茶 1", "茶 2", "茶 0"]


def test_a_store_s_product_sells_at_the_store_s_price(client: Client, ahe: Store) -> None:
    goods = tea()
    world.own_price(ahe, goods, 8_800)
    html = html_of(client, f"/store/{ahe.code}/p/{goods.number}/")
    assert '<span class="price text-3xl">88<small>.00</small></span>' in html
    assert f'name="store" value="{ahe.code}"' in html
    su = world.customer("苏 Su")
    client.force_login(su)
    client.post("/cart/put-in/", {"sku": world.sku_of(goods).number, "store": ahe.code})
    line = cart_of(CartOwner(user=su)).get()
    assert (line.store, line.seen_fen) == (ahe, 8_800)


def test_what_the_store_dropped_is_still_sold_by_the_shop(client: Client, ahe: Store) -> None:
    goods = tea()
    response = client.get(f"/store/{ahe.code}/p/{goods.number}/")
    assert response.headers["Location"] == f"/p/{goods.number}/"


def test_off_sale_goods_leave_the_store_by_themselves(client: Client, ahe: Store) -> None:
    goods = tea()
    world.own_price(ahe, goods, 8_800)
    catalogue.take_off_sale(product=goods, actor="supplier:yunling", at=world.now())
    html = html_of(client, f"/store/{ahe.code}/")
    assert titles(html) == []
    assert "还没有选品" in html
    assert client.get(f"/store/{ahe.code}/p/{goods.number}/").status_code == 404


def test_a_suspended_store_is_closed_with_a_way_out(client: Client, ahe: Store) -> None:
    type(ahe.distributor).objects.filter(pk=ahe.distributor.pk).update(state=DistributorState.SUSPENDED)
    response = client.get(f"/store/{ahe.code}/", **CHINESE)
    assert response.status_code == 404
    assert 'href="/"' in response.content.decode()


def test_share_links_lead_to_the_store_or_the_product(client: Client, ahe: Store) -> None:
    goods = tea()
    world.own_price(ahe, goods, 8_800)
    now = world.now()
    home = links.create_link(store=ahe, target="store", now=now)
    item = links.create_link(store=ahe, target="product", product=goods, channel="group", now=now)
    for address in (f"/s/{home.token}", f"/s/{home.token}/"):
        assert client.get(address).headers["Location"] == f"/store/{ahe.code}/"
    led = client.get(f"/s/{item.token}")
    assert led.headers["Location"] == f"/store/{ahe.code}/p/{goods.number}/"
    assert "no-store" in led.headers["Cache-Control"]
    assert "lj_visitor" in client.cookies


def test_a_dead_link_says_so(client: Client, ahe: Store) -> None:
    link = links.create_link(store=ahe, target="store", now=world.now())
    links.revoke_link(link=link, now=world.now())
    for token in (link.token, "nothing-here"):
        response = client.get(f"/s/{token}", **CHINESE)
        assert response.status_code == 404
        assert "这个链接已经失效" in response.content.decode()
    assert ShareLink.objects.filter(revoked_at=None).count() == 0


def test_words_of_a_store_are_shown_as_text(client: Client, ahe: Store) -> None:
    Store.objects.filter(pk=ahe.pk).update(name="<script>alert(1)</script>", announcement='"><img src=x>')
    html = html_of(client, f"/store/{ahe.code}/")
    assert "<script>alert" not in html
    assert "<img src=x" not in html
