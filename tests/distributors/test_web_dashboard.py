"""A distributor's desk: who gets in, joining, picking, sharing, withdrawing, her own store."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from distributors.links.actions import create_link, record_touch, store_openings
from distributors.links.models import ShareLink
from distributors.links.rules import Opening
from distributors.payouts import actions as payouts
from distributors.payouts.models import PayoutAccount, Withdrawal
from distributors.stores import actions as stores
from distributors.stores.models import Distributor, Listing, ListingPrice, Store
from distributors.stores.queries import store_of
from shop.accounts.models import User, WechatIdentity
from shop.base.numbers import token_hash
from shop.catalogue.models import Product
from shop.ledger import chart
from shop.ledger.actions import Entry, post
from shop.states.machine import move
from shop.states.models import StateChange
from tests import world

pytestmark = pytest.mark.django_db

CHINESE = {"HTTP_ACCEPT_LANGUAGE": "zh-CN"}
ENGLISH = {"HTTP_ACCEPT_LANGUAGE": "en"}
APP = "wx0000linjiasandbox"

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


def text(html: bytes) -> str:
    """Return a page's words, one blank between them."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.decode()))


def earn(store: Store, fen: int) -> None:
    """Let a store have this much available, by the moves a sale makes. In fen."""
    order = f"O{store.code}{fen}"
    steps = [
        (chart.JournalKind.PAYMENT_RECEIVED, chart.gateway("sandbox"), chart.clearing(order)),
        (chart.JournalKind.COMMISSION_ACCRUED, chart.clearing(order), chart.store_frozen(store.code)),
        (chart.JournalKind.COMMISSION_SETTLED, chart.store_frozen(store.code), chart.store_available(store.code)),
    ]
    for kind, debit, credit in steps:
        post(kind=kind, reference=order, key=f"{kind}:{order}", entries=[Entry(debit, credit, fen)], at=world.now())


def wechat(user: User) -> None:
    """Let WeChat have proved who somebody is."""
    WechatIdentity.objects.create(user=user, app_id=APP, openid=f"openid-{user.pk}")


def payee(store: Store, name: str = "何阿禾") -> PayoutAccount:
    """Say where a store's owner is paid."""
    wechat(store.distributor.user)
    return payouts.save_payout_account(store=store, real_name=name, now=world.now())


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


# --- withdrawing -----------------------------------------------------------------------------------------------------


def test_withdrawing_from_the_form_to_the_books(client: Client, ahe: Store) -> None:
    earn(ahe, 10_000)
    payee(ahe)
    place = client.post("/dashboard/withdrawals/", {"amount_fen": "25.50"}).headers["Location"]
    made = Withdrawal.objects.get(store=ahe)
    assert (made.amount_fen, made.state) == (2_550, "requested")
    assert place == f"/dashboard/withdrawals/{made.number}/"
    page = client.get(place).content.decode()
    assert "¥25.50" in page
    # The name is masked: the first character only.
    assert "何阿禾" not in page
    assert "何**" in page
    books = text(client.get("/dashboard/books/?book=available", **ENGLISH).content)
    assert "-¥25.50" in books
    assert "¥74.50" in books
    assert "Withdrawal asked for" in books


@pytest.mark.parametrize(
    ("typed", "words"),
    [("0.50", "¥1.00"), ("200.01", "¥200.00"), ("", ""), ("abc", ""), ("-3", ""), ("1.005", "")],
)
def test_what_cannot_be_withdrawn_is_told_beside_the_field(client: Client, ahe: Store, typed: str, words: str) -> None:
    earn(ahe, 20_000)
    payee(ahe)
    response = client.post("/dashboard/withdrawals/", {"amount_fen": typed})
    page = response.content.decode()
    assert response.status_code == 400
    assert 'id="id_amount_fen_error"' in page
    assert words in page
    assert not Withdrawal.objects.exists()


def test_debt_is_shown_and_nothing_can_be_withdrawn(client: Client, ahe: Store) -> None:
    earn(ahe, 1_000)
    payee(ahe)
    entry = Entry(
        chart.store_available(ahe.code), chart.clearing("Odebt"), 1_500, debit_rest=chart.store_debt(ahe.code)
    )
    kind = chart.JournalKind.COMMISSION_CLAWED_BACK
    post(kind=kind, reference="Odebt", key="clawed:Odebt", entries=[entry], at=world.now())
    for address in ("/dashboard/", "/dashboard/withdrawals/", "/dashboard/earnings/"):
        assert "¥5.00" in client.get(address).content.decode(), address
    earn(ahe, 200)
    page = client.post("/dashboard/withdrawals/", {"amount_fen": "2.00"})
    assert page.status_code == 400
    assert "¥5.00" in page.content.decode()
    assert not Withdrawal.objects.exists()


def test_without_a_payout_account_the_way_there_is_shown(client: Client, ahe: Store) -> None:
    earn(ahe, 1_000)
    page = client.get("/dashboard/withdrawals/").content.decode()
    assert 'name="amount_fen"' not in page
    assert page.count('href="/dashboard/payout-account/"') == 1
    # And without WeChat there is nothing to type in.
    assert 'name="real_name"' not in client.get("/dashboard/payout-account/").content.decode()


def test_payout_account_is_her_own_wechat(client: Client, ahe: Store) -> None:
    wechat(ahe.distributor.user)
    client.post("/dashboard/payout-account/", {"real_name": "何阿禾", "openid": "openid-of-a-thief"})
    saved = PayoutAccount.objects.get(distributor=ahe.distributor)
    assert (saved.real_name, saved.openid) == ("何阿禾", f"openid-{ahe.distributor.user_id}")
    page = client.post("/dashboard/payout-account/", {"real_name": "别人"}).content.decode()
    assert 'id="id_real_name_error"' in page
    assert "openid-" not in page


def waiting_user(withdrawal: Withdrawal) -> None:
    """Put a withdrawal where WeChat waits for its owner, as a gateway's answer would."""
    payouts.approve(withdrawal=withdrawal, actor=world.STAFF, now=world.now())
    at = world.now()
    move(withdrawal, "sending", actor="system", at=at, changes={"sent_at": at})
    until = at + timedelta(hours=24)
    move(withdrawal, "waiting_user", actor="system", at=at, changes={"confirm_until": until})


def test_confirming_shows_the_time_left_and_the_sandbox(client: Client, ahe: Store, settings: object) -> None:
    settings.LINJIA_SANDBOX_URL = "http://127.0.0.1:8010"  # type: ignore[attr-defined]
    earn(ahe, 1_000)
    payee(ahe)
    made = payouts.request(store=ahe, amount_fen=1_000, now=world.now())
    place = f"/dashboard/withdrawals/{made.number}/"
    assert "data-until" not in client.get(place).content.decode()
    waiting_user(made)
    page = client.get(place).content.decode()
    assert "data-until=" in page
    back = f"redirect_url=http%3A%2F%2Ftestserver%2Fdashboard%2Fwithdrawals%2F{made.number}%2F"
    assert f'href="http://127.0.0.1:8010/transfer/{made.number}?{back}"' in page
    settings.LINJIA_SANDBOX = False  # type: ignore[attr-defined]
    assert "127.0.0.1" not in client.get(place).content.decode()
    assert place in client.get("/dashboard/").content.decode()


def test_another_store_s_withdrawal_is_not_there(client: Client, ahe: Store) -> None:
    lin = world.lin()
    earn(lin, 1_000)
    payee(lin, "林小林")
    theirs = payouts.request(store=lin, amount_fen=1_000, now=world.now())
    assert client.get(f"/dashboard/withdrawals/{theirs.number}/").status_code == 404
    theirs.refresh_from_db()
    assert theirs.state == "requested"
    for address in ("/dashboard/withdrawals/", "/dashboard/", "/dashboard/books/?book=paying"):
        page = client.get(address).content.decode()
        assert theirs.number not in page
        assert "¥10.00" not in page


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
