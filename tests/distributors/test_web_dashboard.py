"""A distributor's desk: who gets in, joining, picking, sharing, withdrawing, her own store."""

import re

import pytest
from django.test import Client

from distributors.links.actions import create_link, record_touch, store_openings
from distributors.links.models import ShareLink
from distributors.links.rules import Opening
from distributors.payouts.models import Withdrawal
from distributors.stores import actions as stores
from distributors.stores.models import Distributor, Listing, ListingPrice, Store
from distributors.stores.queries import store_of
from shop.base.numbers import token_hash
from shop.catalogue.models import Product
from shop.states.models import StateChange
from tests import world
from tests.distributors.desk import CHINESE, ENGLISH, earn, text

pytestmark = pytest.mark.django_db


PAGES = [
    "/dashboard/",
    "/dashboard/picks/",
    "/dashboard/picks/shelf/",
    "/dashboard/links/",
    "/dashboard/links/new/",
    "/dashboard/orders/",
    "/dashboard/earnings/",
    "/dashboard/books/",
    "/dashboard/withdrawals/",
    "/dashboard/payout-account/",
    "/dashboard/team/",
    "/dashboard/store/",
    "/dashboard/store/leave/",
]


@pytest.fixture
def ahe(client: Client) -> Store:
    """阿禾 Ahe's store, she is signed in."""
    store = world.ahe()
    client.force_login(store.distributor.user)
    return store


@pytest.fixture
def tea() -> Product:
    return world.product(world.yunling(), "云岭白茶")


# --- who gets in -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", PAGES)
def test_every_page_opens_for_the_owner_and_is_kept_by_nobody(client: Client, ahe: Store, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store, private"
    assert ahe.name in response.content.decode()


@pytest.mark.parametrize("address", PAGES)
def test_customers_are_shown_how_to_get_a_store(client: Client, address: str) -> None:
    client.force_login(world.person("苏 Su"))
    response = client.get(address)
    assert (response.status_code, response.headers.get("Location")) == (302, "/dashboard/join/")
    refused = client.post(address, {"name": "x"})
    assert refused.status_code in (403, 405)


@pytest.mark.parametrize("address", [*PAGES, "/dashboard/join/"])
def test_strangers_sign_in_first(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.headers["Location"] == f"/sign-in/?next={address.replace('/', '%2F')}"


@pytest.mark.parametrize("state", ["suspended", "left", "banned"])
def test_a_closed_store_still_shows_what_was_earned(client: Client, ahe: Store, state: str) -> None:
    earn(ahe, 12_345)
    who = ahe.distributor
    if state == "left":
        stores.leave(distributor=who, now=world.now())
    else:
        verb = stores.suspend if state == "suspended" else stores.ban
        verb(distributor=who, actor=world.STAFF, reason="test", now=world.now())
    assert "¥123.45" in client.get("/dashboard/withdrawals/").content.decode()
    assert 'href="/dashboard/links/new/"' not in client.get("/dashboard/").content.decode()


def test_pages_are_whole_in_both_languages(client: Client, ahe: Store) -> None:
    for address in PAGES:
        chinese, english = (text(client.get(address, **lang).content) for lang in (CHINESE, ENGLISH))
        assert chinese != english, address
        # What is left in Latin letters is a name, a code, or the way to the other language.
        own = chinese.replace(ahe.code, "")
        assert set(re.findall(r"[A-Za-z]{2,}", own)) <= {"English", "Ahe", "MB"}, address


# --- joining ---------------------------------------------------------------------------------------------------------


def test_applying_waiting_and_being_declined(client: Client) -> None:
    su = world.person("苏 Su")
    client.force_login(su)
    lin = world.lin()
    page = client.get(f"/dashboard/join/?from={lin.code}").content.decode()
    assert f'value="{lin.code}"' in page
    facts = {"store_name": "苏记", "introduction": "我懂茶", "referrer_code": lin.code}
    assert client.post("/dashboard/join/", facts).headers["Location"] == "/dashboard/join/"
    made = Distributor.objects.get(user=su)
    assert (made.state, made.store.name, made.referrer_code) == ("applied", "苏记", lin.code)
    waiting = client.get("/dashboard/join/", **ENGLISH).content.decode()
    assert "Your application" in waiting
    assert '<form method="post" class="mt-5' not in waiting
    stores.reject(distributor=made, actor=world.STAFF, reason="请写清楚一点", now=world.now())
    again = client.get("/dashboard/join/").content.decode()
    assert "请写清楚一点" in again
    client.post("/dashboard/join/", facts | {"introduction": "我卖了十年茶"})
    made.refresh_from_db()
    assert (made.state, made.introduction) == ("applied", "我卖了十年茶")


def test_wrong_words_are_told_beside_their_field(client: Client) -> None:
    client.force_login(world.person("苏 Su"))
    page = client.post("/dashboard/join/", {"store_name": "苏记", "referrer_code": "nobody"}).content.decode()
    assert 'id="id_referrer_code_error"' in page
    assert 'value="苏记"' in page
    assert 'id="id_store_name_error"' in client.post("/dashboard/join/", {"store_name": ""}).content.decode()
    assert not Distributor.objects.filter(user__name="苏 Su").exists()


def test_owners_do_not_apply_again(client: Client, ahe: Store) -> None:
    assert client.get("/dashboard/join/").headers["Location"] == "/dashboard/"
    client.post("/dashboard/join/", {"store_name": "另一家"})
    ahe.refresh_from_db()
    assert ahe.name == "阿禾的厨房"


def test_leaving_needs_a_tick(client: Client, ahe: Store) -> None:
    client.post("/dashboard/store/leave/", {})
    assert Distributor.objects.get(pk=ahe.distributor_id).state == "active"
    assert client.post("/dashboard/store/leave/", {"sure": "on"}).headers["Location"] == "/dashboard/earnings/"
    assert Distributor.objects.get(pk=ahe.distributor_id).state == "left"


# --- picking ---------------------------------------------------------------------------------------------------------


def test_picking_shows_what_a_piece_earns(client: Client, ahe: Store, tea: Product) -> None:
    world.rule(1_000, 300)
    shelf = client.get("/dashboard/picks/shelf/").content.decode()
    assert "云岭白茶" in shelf
    assert "¥9.80" in shelf
    client.post(f"/dashboard/picks/{tea.number}/pick/", {"next": "/dashboard/picks/shelf/?q=x"})
    assert list(Listing.objects.values_list("store__code", "product__number")) == [(ahe.code, tea.number)]
    assert "云岭白茶" not in client.get("/dashboard/picks/shelf/").content.decode()
    assert "云岭白茶" in client.get("/dashboard/picks/").content.decode()


def test_a_pick_s_words_and_price(client: Client, ahe: Store, tea: Product) -> None:
    world.rule(1_000, 300)
    listing = stores.list_product(store=ahe, product=tea, now=world.now())
    sku = world.sku_of(tea)
    address = f"/dashboard/picks/{tea.number}/"
    facts = {"title": "阿禾家的白茶", "reason": "我每天喝", f"price_{sku.number}": "99.00"}
    assert client.post(address, facts).headers["Location"] == "/dashboard/picks/"
    listing.refresh_from_db()
    assert (listing.title, listing.reason) == ("阿禾家的白茶", "我每天喝")
    assert ListingPrice.objects.get(listing=listing, sku=sku).retail_fen == 9_900
    page = client.get(address).content.decode()
    assert 'value="99.00"' in page
    # 10 % of her own price.
    assert "<b>¥9.90</b>" in page


@pytest.mark.parametrize("typed", ["1.00", "9999", "-5", "abc", "98.001"])
def test_a_price_outside_the_band_is_told_beside_it(client: Client, ahe: Store, tea: Product, typed: str) -> None:
    stores.list_product(store=ahe, product=tea, now=world.now())
    sku = world.sku_of(tea)
    page = client.post(f"/dashboard/picks/{tea.number}/", {f"price_{sku.number}": typed})
    assert page.status_code == 200
    assert f'id="id_price_{sku.number}_error"' in page.content.decode()
    assert not ListingPrice.objects.exists()


def test_taking_out_and_putting_first(client: Client, ahe: Store, tea: Product) -> None:
    other = world.product(world.yunling(), "云岭红茶")
    for product in (tea, other):
        stores.list_product(store=ahe, product=product, now=world.now())
    client.post(f"/dashboard/picks/{tea.number}/first/")
    order = re.findall(r"/dashboard/picks/(p\w+)/first/", client.get("/dashboard/picks/").content.decode())
    assert order == [tea.number, other.number]
    client.post(f"/dashboard/picks/{tea.number}/take-out/")
    assert list(Listing.objects.values_list("product__number", flat=True)) == [other.number]


def test_another_store_s_pick_is_not_there(client: Client, ahe: Store, tea: Product) -> None:
    stores.list_product(store=world.lin(), product=tea, title="林家的茶", now=world.now())
    for place, method in (("", "get"), ("", "post"), ("take-out/", "post"), ("first/", "post")):
        response = getattr(client, method)(f"/dashboard/picks/{tea.number}/{place}", {"title": "偷来的"})
        assert response.status_code in (302, 404), place
    assert list(Listing.objects.values_list("store__code", "title")) == [(world.lin().code, "林家的茶")]


# --- sharing ---------------------------------------------------------------------------------------------------------


def touch(link: ShareLink, visitor: str) -> str:
    """Let a visitor open a link, stored at once; return the touch's number."""
    fact = record_touch(link=link, visitor_key=visitor, now=world.now())
    store_openings(openings=[Opening(fact, token_hash(visitor), None)])
    return fact.number


def test_links_are_made_shown_and_stopped(client: Client, ahe: Store, tea: Product) -> None:
    stores.list_product(store=ahe, product=tea, now=world.now())
    facts = {"product": tea.number, "channel": "group", "label": "三楼群"}
    place = client.post("/dashboard/links/new/", facts).headers["Location"]
    made = ShareLink.objects.get(store=ahe)
    assert place == f"/dashboard/links/{made.token}/"
    assert (made.target, made.product, made.channel, made.label) == ("product", tea, "group", "三楼群")
    touch(made, "visitor-one-key-1234")
    touch(made, "visitor-two-key-1234")
    page = client.get(place).content.decode()
    assert f"http://testserver/s/{made.token}" in page
    assert "<svg" in page
    assert 'num mt-1 text-2xl font-semibold">2<' in page
    picture = client.get(f"{place}code.png")
    assert picture.content.startswith(b"\x89PNG")
    client.post(f"{place}revoke/")
    made.refresh_from_db()
    assert made.revoked_at is not None
    assert client.get(f"/s/{made.token}").status_code == 404
    assert made.token not in client.get("/dashboard/links/").content.decode()


def test_a_link_to_the_whole_store(client: Client, ahe: Store) -> None:
    client.post("/dashboard/links/new/", {"product": "", "channel": "link"})
    assert ShareLink.objects.get(store=ahe).target == "store"


def test_only_what_was_picked_can_be_chosen(client: Client, ahe: Store, tea: Product) -> None:
    page = client.post("/dashboard/links/new/", {"product": "p00000000000", "channel": "link"})
    assert 'id="id_product_error"' in page.content.decode()
    assert not ShareLink.objects.exists()


def test_another_store_s_link_is_not_there(client: Client, ahe: Store) -> None:
    theirs = create_link(store=world.lin(), target="store", label="林家暗号", now=world.now())
    for place, method in (("", "get"), ("code.png", "get"), ("revoke/", "post")):
        response = getattr(client, method)(f"/dashboard/links/{theirs.token}/{place}")
        assert response.status_code in (302, 404), place
        assert "林家暗号" not in response.content.decode()
    theirs.refresh_from_db()
    assert theirs.revoked_at is None
    fragment = client.get(f"/dashboard/orders/of-links/?tokens={theirs.token}").content.decode()
    assert theirs.token not in fragment


# --- team and store --------------------------------------------------------------------------------------------------


def test_team_shows_recruits_and_no_money_for_heads(client: Client) -> None:
    lin = world.lin()
    ahe = world.ahe()
    client.force_login(lin.distributor.user)
    page = text(client.get("/dashboard/team/", **ENGLISH).content)
    assert "阿禾的厨房" in page
    assert "阿***" in page
    assert "1 store" in page
    # Not a fen before somebody bought something.
    assert set(re.findall(r"¥[\d.,]+", page)) == {"¥0.00"}
    client.force_login(ahe.distributor.user)
    assert "林家小铺" not in client.get("/dashboard/team/").content.decode()


def test_store_settings(client: Client, ahe: Store) -> None:
    client.post("/dashboard/store/", {"name": "  阿禾的小厨房 ", "announcement": "今天有梨"})
    ahe.refresh_from_db()
    assert (ahe.name, ahe.announcement) == ("阿禾的小厨房", "今天有梨")
    page = client.post("/dashboard/store/", {"name": "长" * 41, "announcement": "x"}).content.decode()
    assert 'id="id_name_error"' in page
    hurt = client.post("/dashboard/store/", {"name": "<script>alert(1)</script>", "announcement": ""}, follow=True)
    assert "<script>alert(1)" not in hurt.content.decode()


def test_what_a_signed_out_form_cannot_do(client: Client) -> None:
    store = world.ahe()
    for address in PAGES:
        client.post(address, {"name": "x", "sure": "on", "amount_fen": "1.00"})
    found = store_of(store.distributor.user)
    assert found is not None
    assert (found.name, found.distributor.state) == ("阿禾的厨房", "active")
    assert not Withdrawal.objects.exists()
    assert StateChange.objects.filter(subject__startswith="withdrawal").count() == 0
