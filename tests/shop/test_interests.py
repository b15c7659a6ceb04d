"""Favourites and footprints: kept, shown, let go and forgotten, by their owner alone."""

import re
from datetime import datetime, timedelta

import pytest
from django.test import Client

from shop.accounts.actions import issue_tokens
from shop.catalogue.actions import take_off_sale
from shop.interests import actions, queries, telling
from shop.interests.models import Favourite, Footprint
from shop.notifications.models import Notification
from shop.pricing.actions import set_price
from shop.stock import actions as stock
from tests import world
from tests.distributors import sellers
from tests.shop.test_web_shelves import PART, page

ORIGIN = {"HTTP_ORIGIN": "http://testserver"}
pytestmark = pytest.mark.django_db


def names(client: Client, address: str) -> list[str]:
    return re.findall(r"line-clamp-2[^>]*>([^<]+)</", page(client, address))


def test_what_one_likes_and_looked_at_stays_ones_own(client: Client) -> None:
    tea, peach = world.product(world.yunling(), "云岭红茶"), world.product(world.yangshan(), "阳山水蜜桃")
    store = sellers.open_store("阿禾")
    su, hers = world.customer(), Client()
    hers.force_login(su, backend="django.contrib.auth.backends.ModelBackend")
    # Nobody's looks are noted, and the heart leads to the door.
    assert client.post(f"/p/{tea.number}/look/", **ORIGIN, **PART).status_code == 200
    assert client.post(f"/p/{tea.number}/favourite/", **ORIGIN)["Location"].startswith("/sign-in/")
    assert (Favourite.objects.count(), Footprint.objects.count()) == (0, 0)
    for product in (tea, peach, tea):
        assert 'aria-pressed="false"' in hers.post(f"/p/{product.number}/look/", **ORIGIN, **PART).content.decode()
    for _again in range(2):
        answer = hers.post(f"/p/{tea.number}/favourite/", {"keep": "yes"}, **ORIGIN, **PART)
        assert 'aria-pressed="true"' in answer.content.decode()
    assert hers.post("/p/nothing/favourite/", **ORIGIN, **PART).status_code == 404
    hers.post(f"/store/{store.code}/favourite/", {"keep": "yes"}, **ORIGIN)
    assert 'aria-pressed="true"' in hers.get(f"/store/{store.code}/heart/").content.decode()
    assert store.name in page(hers, "/me/favourite-stores/")
    assert names(hers, "/me/favourites/") == ["云岭红茶"]
    assert names(hers, "/me/footprints/") == ["云岭红茶", "阳山水蜜桃"]
    # What left sale is still hers, and says so.
    take_off_sale(product=tea, actor="supplier:yunling", at=world.now())
    assert "已下架" in page(hers, "/me/favourites/")
    headers = {"HTTP_AUTHORIZATION": f"Bearer {issue_tokens(user=su, device='t', now=world.now()).access}"}

    def told(address: str) -> list[tuple[str, bool]]:
        rows = client.get(f"/api/v1/me/{address}/", **headers).json()["results"]
        return [(row["title"], row["is_for_sale"]) for row in rows]

    assert told("favourites/products") == [("云岭红茶", False)]
    assert told("footprints") == [("云岭红茶", False), ("阳山水蜜桃", True)]
    assert client.get("/api/v1/me/favourites/stores/", **headers).json()["results"][0]["code"] == store.code
    assert client.put(f"/api/v1/me/favourites/products/{peach.number}/", **headers).status_code == 204
    assert told("favourites/products") == [("阳山水蜜桃", True), ("云岭红茶", False)]
    assert client.delete(f"/api/v1/me/favourites/products/{peach.number}/", **headers).status_code == 204
    hers.post(f"/p/{tea.number}/favourite/", {"keep": "no"}, **ORIGIN)
    assert told("favourites/products") == []
    # One is forgotten, all are, and none is noted any more.
    hers.post("/me/footprints/forget/", {"number": tea.number}, **ORIGIN)
    assert told("footprints") == [("阳山水蜜桃", True)]
    assert client.put(f"/api/v1/me/footprints/{peach.number}/", **headers).status_code == 204
    hers.post("/me/footprints/keeping/", {"wanted": "no"}, **ORIGIN)
    hers.post(f"/p/{peach.number}/look/", **ORIGIN, **PART)
    assert (told("footprints"), queries.keeps_footprints(su)) == ([], False)
    assert client.put("/api/v1/me/footprints/keeping/", **headers).status_code == 204
    hers.post(f"/p/{peach.number}/look/", **ORIGIN, **PART)
    assert told("footprints") == [("阳山水蜜桃", True)]
    Footprint.objects.update(seen_at=world.now() - timedelta(days=90))
    assert told("footprints") == []
    assert (actions.forget_old_looks(now=world.now()), Footprint.objects.count()) == (1, 0)
    actions.forget_everything(user=su)
    assert Favourite.objects.count() == 0


def test_who_asks_is_told_once_that_it_is_back_or_cheaper(client: Client) -> None:
    """林 waits for a sold-out tea, 周 wants to hear of all she keeps, 苏 keeps it and wants to hear nothing."""
    tea, peach = world.product(world.yunling(), "云岭红茶", pieces=3), world.product(world.yangshan(), "阳山水蜜桃")
    sku, lin, zhou, su = world.sku_of(tea), world.customer("林 Lin"), world.customer("周 Zhou"), world.customer("苏 Su")
    stock.correct(sku=sku, on_hand=0, reason="盘点", at=world.now())
    actions.keep_product(user=su, number=tea.number, now=world.now())
    client.force_login(lin)
    assert "到货提醒我" in page(client, f"/p/{tea.number}/")
    for _twice in range(2):
        assert client.post(f"/p/{tea.number}/tell/", **ORIGIN).status_code == 302
    actions.keep_product(user=zhou, number=peach.number, now=world.now())
    headers = {"HTTP_AUTHORIZATION": f"Bearer {issue_tokens(user=zhou, device='t', now=world.now()).access}"}
    assert client.put("/api/v1/me/favourites/telling/", **headers).status_code == 204
    actions.keep_product(user=zhou, number=tea.number, now=world.now())
    kept = client.get("/api/v1/me/favourites/products/", **headers).json()["results"]
    assert [(row["title"], row["is_watched"]) for row in kept] == [("云岭红茶", True), ("阳山水蜜桃", True)]

    def told(at: datetime) -> list[tuple[int, str, int]]:
        Notification.objects.all().delete()
        place: int | None = 0
        while place is not None:
            _count, place = telling.tell_watchers(now=at, after=place, most=1)
        rows = Notification.objects.order_by("user_id", "pk")
        return [(row.user_id, row.kind, row.facts["amount_fen"]) for row in rows]

    at = world.now()
    everyone = sorted([lin.pk, zhou.pk])
    assert told(at) == []
    stock.correct(sku=sku, on_hand=5, reason="到货", at=at)
    assert told(at) == [(pk, "favourite_back", 9_800) for pk in everyone]
    client.force_login(lin)
    assert "到货了" in page(client, "/me/messages/?group=kept")
    assert told(at) == []
    # Gone and back within the hour is no news; a lower price is, once a week, and a higher one never.
    stock.correct(sku=sku, on_hand=0, reason="盘点", at=at)
    assert told(at) == []
    stock.correct(sku=sku, on_hand=5, reason="盘点", at=at)
    assert told(at + timedelta(hours=1)) == []
    for price, days, news in (
        (9_000, 1, True),
        (8_000, 2, False),
        (8_500, 3, False),
        (12_000, 9, False),
        (11_000, 10, True),
    ):
        set_price(sku=sku, supply_fen=6_000, retail_fen=price)
        found = told(at + timedelta(days=days))
        assert found == ([(pk, "favourite_cheaper", price) for pk in everyone] if news else []), price
    # Off sale is not back; back on sale is. Who wants to hear no more does not.
    client.post("/me/favourites/telling/", {"wanted": "no"}, **ORIGIN)
    take_off_sale(product=tea, actor="supplier:yunling", at=at)
    assert told(at + timedelta(days=11)) == []
    assert client.delete(f"/api/v1/me/favourites/products/{tea.number}/telling/", **headers).status_code == 204
    assert told(at + timedelta(days=12)) == []
