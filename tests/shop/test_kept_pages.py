"""Pages that are the same for everybody: kept, renewed when something changes, and never anybody's own."""

import gzip
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.test import Client
from django.urls import path

from distributors.links import actions as links
from distributors.links.models import ShareLink, Touch
from distributors.stores import listings
from distributors.stores.models import Store
from shop.catalogue import actions as catalogue
from shop.catalogue.models import Product
from shop.pages import kept, marks
from shop.pages.promises import same_for_all
from shop.stock import actions as stock
from shop.suppliers import actions as suppliers
from tests import world

pytestmark = pytest.mark.django_db

CHINESE = {"HTTP_ACCEPT_LANGUAGE": "zh-CN"}
PART = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture(autouse=True)
def _pages_are_kept(settings: Any) -> Iterator[None]:
    settings.LINJIA_PAGE_SECONDS = 60
    kept._Rest.until = 0.0
    yield
    kept._Rest.until = 0.0


@pytest.fixture
def tea() -> Product:
    return world.product(world.yunling(), "云岭红茶", supply_fen=6_000, retail_fen=9_800)


def page(client: Client, address: str, **headers: str) -> str:
    response = client.get(address, **(CHINESE | headers))
    assert response.status_code == 200, (address, response.status_code)
    return response.content.decode()


def addresses(tea: Product, store: Store) -> list[str]:
    """Return one address of each kind of page that is kept."""
    return [
        "/",
        "/c/",
        f"/c/{tea.category.code}/",
        "/search/?q=红茶",
        f"/p/{tea.number}/",
        f"/store/{store.code}/",
        f"/store/{store.code}/p/{tea.number}/",
        "/api/v1/categories/",
        "/api/v1/products/",
        f"/api/v1/products/{tea.number}/",
        f"/api/v1/stores/{store.code}/",
        f"/api/v1/stores/{store.code}/listings/",
    ]


def test_a_kept_page_is_the_same_bytes_for_everybody_and_asks_the_database_nothing(
    tea: Product, django_assert_num_queries: Any
) -> None:
    store = world.ahe()
    listings.list_product(store=store, product=tea, now=world.now())
    su, nobody = Client(), Client()
    su.force_login(world.customer("苏 Su"))
    for address in addresses(tea, store):
        made = su.get(address, **CHINESE)
        with django_assert_num_queries(0):
            again, hers = nobody.get(address, **CHINESE), su.get(address, **CHINESE)
        assert made.content == again.content == hers.content, address
        assert (made["ETag"], again["ETag"]) == (hers["ETag"], hers["ETag"])
        assert again["Cache-Control"] == "no-cache"
        assert again["Vary"] == "Accept-Language, Accept-Encoding, Cookie, HX-Request"
        for response in (made, again, hers):
            assert dict(response.cookies) == {}, address
            assert "csrf" not in response.content.decode()
            assert "nonce" not in response.content.decode() + response["Content-Security-Policy"]


def test_what_every_answer_carries_kept_pages_carry_too(client: Client, tea: Product) -> None:
    names = {"Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy", "X-Request-ID"}
    made, again = (client.get(f"/p/{tea.number}/", **CHINESE) for _time in range(2))
    assert names <= set(made.headers)
    assert set(made.headers) == set(again.headers)
    assert made["X-Request-ID"] != again["X-Request-ID"]
    assert again.status_code == 200


def test_a_new_price_is_read_once_it_is_committed(
    client: Client, tea: Product, django_capture_on_commit_callbacks: Any
) -> None:
    place = f"/p/{tea.number}/"
    assert "98<small>.00</small>" in page(client, place)
    assert "98<small>.00</small>" in page(client, "/")
    with django_capture_on_commit_callbacks(execute=True):
        world.price(tea.skus.get(), supply_fen=6_000, retail_fen=10_800)
        # Not yet committed: nobody else may read it, so nothing is renewed.
        assert "98<small>.00</small>" in page(client, place)
    assert "108<small>.00</small>" in page(client, place)
    assert "108<small>.00</small>" in page(client, "/")


def test_another_products_page_stays(
    client: Client, tea: Product, django_capture_on_commit_callbacks: Any, django_assert_num_queries: Any
) -> None:
    peach = world.product(world.yangshan(), "阳山水蜜桃")
    page(client, f"/p/{peach.number}/")
    with django_capture_on_commit_callbacks(execute=True):
        world.price(tea.skus.get(), supply_fen=6_000, retail_fen=10_800)
    with django_assert_num_queries(0):
        page(client, f"/p/{peach.number}/")


def test_what_leaves_the_shelves_is_gone_at_once(
    client: Client, tea: Product, django_capture_on_commit_callbacks: Any
) -> None:
    place = f"/p/{tea.number}/"
    assert "云岭红茶" in page(client, "/") and page(client, place)
    with django_capture_on_commit_callbacks(execute=True):
        catalogue.take_off_sale(product=tea, actor="supplier:yunling", at=world.now())
    assert client.get(place, **CHINESE).status_code == 404
    assert "云岭红茶" not in page(client, "/")


def test_a_suspended_suppliers_goods_are_gone_at_once(
    client: Client, tea: Product, django_capture_on_commit_callbacks: Any
) -> None:
    place = f"/p/{tea.number}/"
    page(client, place)
    with django_capture_on_commit_callbacks(execute=True):
        suppliers.suspend(supplier=tea.supplier, actor=world.STAFF, at=world.now(), reason="审计")
    assert client.get(place, **CHINESE).status_code == 404


def test_new_stock_is_seen_at_once(client: Client, django_capture_on_commit_callbacks: Any) -> None:
    goods = world.product(world.yunling(), "云岭白茶")
    place = f"/p/{goods.number}/"
    assert "售罄" not in page(client, place)
    with django_capture_on_commit_callbacks(execute=True):
        stock.correct(sku=goods.skus.get(), on_hand=0, reason="盘点", at=world.now())
    assert "售罄" in page(client, place)
    with django_capture_on_commit_callbacks(execute=True):
        world.receive(goods.skus.get(), 50)
    assert "售罄" not in page(client, place)


def test_a_store_that_changes_its_pick_changes_its_pages(
    client: Client, tea: Product, django_capture_on_commit_callbacks: Any
) -> None:
    store = world.ahe()
    listings.list_product(store=store, product=tea, now=world.now())
    both = (f"/store/{store.code}/", f"/store/{store.code}/p/{tea.number}/")
    assert all("香而不涩" not in page(client, place) for place in both)
    with django_capture_on_commit_callbacks(execute=True):
        listings.list_product(store=store, product=tea, reason="香而不涩", now=world.now())
    assert all("香而不涩" in page(client, place) for place in both)
    with django_capture_on_commit_callbacks(execute=True):
        listings.unlist(store=store, product=tea)
    assert client.get(both[1], **CHINESE).status_code == 302


def test_each_language_and_each_form_of_a_page_is_kept_by_itself(client: Client, tea: Product) -> None:
    chinese, english = page(client, "/"), page(client, "/", HTTP_ACCEPT_LANGUAGE="en")
    assert ('lang="zh-hans"' in chinese, 'lang="en"' in english) == (True, True)
    part = page(client, "/", **PART)
    assert ("<html" in chinese, "<html" in part) == (True, False)
    assert page(client, "/", **PART, HTTP_HX_HISTORY_RESTORE_REQUEST="true") == chinese
    client.cookies["lj_language"] = "en"
    assert page(client, "/") == english


def test_what_a_view_does_not_heed_makes_no_other_page(
    client: Client, tea: Product, django_assert_num_queries: Any
) -> None:
    made = page(client, f"/p/{tea.number}/")
    with django_assert_num_queries(0):
        assert page(client, f"/p/{tea.number}/?from=singlemessage&isappinstalled=0&sku=") == made


def test_a_link_opened_on_a_kept_page_is_an_opening(client: Client, tea: Product) -> None:
    store = world.ahe()
    listings.list_product(store=store, product=tea, now=world.now())
    link = links.create_link(store=store, target=ShareLink.Target.PRODUCT, product=tea, now=world.now())
    place = f"/store/{store.code}/p/{tea.number}/"
    made = page(Client(), place)
    response = client.get(f"{place}?s={link.token}", **CHINESE)
    assert response.content.decode() == made
    assert sorted(response.cookies) == ["lj_touch", "lj_visitor"]
    # Cookies are hers alone: nothing between us may keep this answer.
    assert response["Cache-Control"] == "private, no-store"
    assert links.flush_touches(limit=10) == 1
    assert Touch.objects.get().token == link.token


def test_the_landing_of_a_link_knows_it_from_its_opening(client: Client, django_assert_num_queries: Any) -> None:
    store = world.ahe()
    link = links.create_link(store=store, target=ShareLink.Target.STORE, now=world.now())
    assert client.get(f"/s/{link.token}").headers["Location"] == f"/store/{store.code}/"
    with django_assert_num_queries(0):
        client.cookies.clear()
        again = client.get(f"/s/{link.token}")
    assert (again.status_code, "lj_touch" in again.cookies) == (302, True)
    assert client.get("/s/nobodysLink1", **CHINESE).status_code == 404


def test_a_waiting_message_is_read_once_and_by_its_reader_only(client: Client, tea: Product) -> None:
    page(Client(), f"/p/{tea.number}/")
    client.force_login(world.customer("苏 Su"))
    client.post("/cart/put-in/", {"sku": tea.skus.get().number, "quantity": "1"}, HTTP_REFERER="/")
    assert "messages" in client.cookies
    hers = page(client, f"/p/{tea.number}/")
    assert len(re.findall("data-toast-text", hers)) == 2
    assert page(Client(), f"/p/{tea.number}/").count("data-toast-text") == 1
    assert page(client, f"/p/{tea.number}/").count("data-toast-text") == 1


def test_a_reader_who_has_the_page_is_told_so(client: Client, tea: Product) -> None:
    for tries in range(2):
        first = client.get("/", **CHINESE)
        known = client.get("/", HTTP_IF_NONE_MATCH=first["ETag"], **CHINESE)
        assert (known.status_code, known.content, known["ETag"]) == (304, b"", first["ETag"]), tries
        assert "Content-Type" not in known.headers


def test_a_kept_page_is_sent_packed_to_who_understands_it(client: Client, tea: Product) -> None:
    plain = page(client, "/")
    packed = client.get("/", HTTP_ACCEPT_ENCODING="gzip, br", **CHINESE)
    assert packed["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content).decode() == plain
    assert packed["ETag"].startswith("W/")
    assert client.head("/", **CHINESE).content == b""


def test_without_redis_pages_come_from_the_database(client: Client, tea: Product, settings: Any) -> None:
    settings.LINJIA_REDIS_URL = "unix:///nowhere/valkey.sock"
    assert "云岭红茶" in page(client, "/")
    world.price(tea.skus.get(), supply_fen=6_000, retail_fen=10_800)
    assert "108<small>.00</small>" in page(client, f"/p/{tea.number}/")


def test_a_page_made_while_something_changed_is_not_believed() -> None:
    key, mark = kept.key_of("page"), marks.mark_key(marks.product_mark("p1"))
    found = kept.find(key, [mark], now=time.time())
    assert found.slot is not None
    marks._renew_now([marks.product_mark("p1")])
    kept.keep(found.slot, kept.make(b"old", content_type="text/html", language="en"), seconds=60, now=time.time())
    assert kept.find(key, [mark], now=time.time()).answer is None


def test_one_makes_an_outdated_page_anew_and_the_others_get_the_old_one() -> None:
    key, now = kept.key_of("page"), time.time()
    first = kept.find(key, [], now=now)
    assert first.slot is not None
    kept.keep(first.slot, kept.make(b"old", content_type="text/html", language="en"), seconds=5, now=now)
    later = now + 6
    one, other = kept.find(key, [], now=later), kept.find(key, [], now=later)
    assert (one.answer, one.slot is not None) == (None, True)
    assert other.answer is not None and gzip.decompress(other.answer.body) == b"old"
    kept.give_up(first.slot)
    assert kept.find(key, [], now=later).slot is not None


# --- views that break their promise ----------------------------------------------------------------


def _looks_into_session(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.session.get("name", "nobody"))


def _makes_a_form(request: HttpRequest) -> HttpResponse:
    return HttpResponse(get_token(request))


def _sets_a_cookie(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("hello")
    response.set_cookie("name", "Su")
    return response


def _says_something(request: HttpRequest) -> HttpResponse:
    messages.info(request, "hello")
    return HttpResponse("hello")


def _asks_who(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(request.user.is_authenticated))


def _nothing(_address: object) -> tuple[str, ...]:
    return ()


BROKEN = [_looks_into_session, _makes_a_form, _sets_a_cookie, _says_something]
urlpatterns = [
    path(f"{view.__name__}/", same_for_all(shows=_nothing)(view))
    for view in (_looks_into_session, _makes_a_form, _sets_a_cookie, _says_something, _asks_who)
]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("view", BROKEN)
def test_a_page_that_turns_out_to_be_somebodys_own_is_never_kept(client: Client, view: Any) -> None:
    for _time in range(2):
        response = client.get(f"/{view.__name__}/")
        assert response.status_code == 200
        assert "ETag" not in response.headers
        client.cookies.clear()
    assert kept.client().keys("linjia:page:*") == []


@pytest.mark.urls(__name__)
def test_a_view_that_asks_who_is_reading_hears_nobody(client: Client) -> None:
    client.force_login(world.person("苏 Su"))
    assert client.get("/_asks_who/").content == b"False"


def test_day_or_night_by_hand_is_on_every_page_and_on_nobody_elses(tea: Product) -> None:
    su, nobody = Client(), Client()
    made = su.post("/theme/", {"theme": "dark"}, HTTP_REFERER="http://testserver/c/")
    assert made.headers["Location"] == "http://testserver/c/"
    cookie = su.cookies["lj_theme"]
    assert (cookie.value, cookie["httponly"], cookie["samesite"], cookie["path"]) == ("dark", True, "Lax", "/")
    for address in (f"/p/{tea.number}/", "/sign-in/"):
        for _time in range(2):
            assert '<html lang="zh-hans" data-theme="shop-night">' in page(su, address)
            assert '<html lang="zh-hans">' in page(nobody, address)
    assert su.post("/theme/", {"theme": ""}, HTTP_REFERER="https://elsewhere.example/").headers["Location"] == "/"
    su.cookies["lj_theme"] = "<script>"
    assert '<html lang="zh-hans">' in page(su, "/")
