"""What a store sees of the trade: its figures, its orders with the customer masked, and why each is its sale."""

import re

import pytest
from django.test import Client

from distributors.commissions.models import Commission
from distributors.links.actions import create_link, record_touch, store_openings
from distributors.links.models import ShareLink
from distributors.links.rules import Opening
from distributors.stores.models import Store
from orders.flow import reversal
from orders.lifecycle.models import Order
from shop.base.numbers import token_hash
from shop.catalogue.models import Product
from tests import world
from tests.distributors.desk import ENGLISH, text
from tests.orders import trade
from tests.orders.trade import arrives, everything

pytestmark = pytest.mark.django_db

VISITOR = "visitor-of-su-0123456789"


def open_link(link: ShareLink) -> str:
    """Let Su's browser open a link; return the touch's number."""
    fact = record_touch(link=link, visitor_key=VISITOR, now=world.now())
    store_openings(openings=[Opening(fact, token_hash(VISITOR), None)])
    return fact.number


@pytest.fixture
def tea() -> Product:
    return world.product(world.yunling(), "云岭白茶")


@pytest.fixture
def ahe(client: Client) -> Store:
    """阿禾 Ahe's store, she is signed in; 10 % and 3 % are agreed."""
    world.rule(1_000, 300)
    store = world.ahe()
    client.force_login(store.distributor.user)
    return store


def bought_by_link(store: Store, tea: Product, *, pieces: int = 2) -> tuple[ShareLink, Order]:
    """Let Su open Ahe's link, then somebody else's, and buy."""
    link = create_link(store=store, target="store", channel="group", now=world.now())
    open_link(link)
    rival = create_link(store=world.store("陌 Mo", called="陌生小店"), target="store", now=world.now())
    open_link(rival)
    order = world.place(world.customer(), [(tea, pieces)], visitor_key=VISITOR, note="放门卫处")
    return link, order


def test_figures_come_from_what_happened(client: Client, ahe: Store, tea: Product) -> None:
    link, order = bought_by_link(ahe, tea)
    before = text(client.get("/dashboard/?days=1", **ENGLISH).content)
    assert "Visits 1 " in before
    assert "+ ¥19.60 when paid" in before
    assert "1 order waits for payment" in before
    trade.pay(order)
    for days in (1, 7, 30):
        page = text(client.get(f"/dashboard/?days={days}", **ENGLISH).content)
        assert "Orders 1 100% of visits" in page
        assert "Sales ¥196.00 ¥196.00 each" in page
        assert "Estimated commission ¥19.60" in page
        assert "when paid" not in page
    rows = client.get("/dashboard/?days=7").context["figures"].days
    assert [(day.visits, day.orders, day.sales_fen, day.earned_fen) for day in rows[-2:]] == [
        (0, 0, 0, 0),
        (1, 1, 19_600, 1_960),
    ]
    counts = client.get(f"/dashboard/orders/of-links/?tokens={link.token}").content.decode()
    assert re.findall(r">(\d+)<", counts) == ["1"]


def test_the_chart_has_a_table_of_the_same_numbers(client: Client, ahe: Store, tea: Product) -> None:
    _link, order = bought_by_link(ahe, tea)
    trade.pay(order)
    page = client.get("/dashboard/?days=7").content.decode()
    table = page[page.index("<table") : page.index("</table>")]
    assert table.count("<tr>") == 8
    assert "¥196.00" in table
    assert 'role="img"' in page
    # One day alone makes no line.
    assert 'role="img"' not in client.get("/dashboard/?days=1").content.decode()


@pytest.mark.parametrize("days", ["0", "-1", "365", "x", "", "7.5"])
def test_nonsense_days_are_the_usual_seven(client: Client, ahe: Store, days: str) -> None:
    assert client.get(f"/dashboard/?days={days}").context["days"] == 7


def test_orders_mask_the_customer(client: Client, ahe: Store, tea: Product) -> None:
    _link, order = bought_by_link(ahe, tea)
    trade.pay(order)
    for address in ("/dashboard/orders/", f"/dashboard/orders/{order.number}/"):
        page = client.get(address).content.decode()
        assert "苏***" in page
        assert "浙江省 杭州市" in page
        for private in ("苏 Su", "13800000001", "灵隐路", "西湖区", "放门卫处"):
            assert private not in page, private


def test_the_story_of_a_line_names_winner_and_losers(client: Client, ahe: Store, tea: Product) -> None:
    _link, order = bought_by_link(ahe, tea)
    trade.pay(order)
    page = text(client.get(f"/dashboard/orders/{order.number}/", **ENGLISH).content)
    assert "The customer belongs to your store for now" in page
    assert re.search(r"Customer of a store · yours [\d: -]+ won", page)
    assert re.search(r"Link to a store · WeChat group · yours [\d: -]+ lost: the customer was protected", page)
    assert re.search(r"Link to a store · link · another store's [\d: -]+ lost: the customer was protected", page)
    # Which other store it was stays that store's matter.
    assert "陌生小店" not in page
    assert world.store("陌 Mo").code not in page
    assert "¥196.00 × 10% = ¥19.60" in page


def test_a_refund_is_told_line_by_line(client: Client, ahe: Store, tea: Product) -> None:
    _link, order = bought_by_link(ahe, tea)
    trade.pay(order)
    lines = {line: (quantity - 1, fen // 2) for line, (quantity, fen) in everything(order).items()}
    refund = reversal.refund(
        order_number=order.number,
        lines=lines,
        freight_fen=0,
        cause="aftersale",
        restock=False,
        actor=world.STAFF,
        now=world.now(),
    )
    arrives(refund)
    story = text(client.get(f"/dashboard/orders/{order.number}/", **ENGLISH).content)
    assert "¥98.00 went back to the customer" in story
    assert "taken back: the customer was refunded -¥9.80" in story
    earned = text(client.get("/dashboard/earnings/", **ENGLISH).content)
    assert "-¥9.80" in earned
    assert "+¥9.80" in earned
    only = text(client.get("/dashboard/earnings/?state=clawed_back", **ENGLISH).content)
    assert order.number in only
    books = text(client.get("/dashboard/books/?book=frozen", **ENGLISH).content)
    assert "Balance now ¥9.80" in books
    assert "+¥19.60" in books
    assert "-¥9.80" in books


def test_settling_shows_in_every_place(client: Client, ahe: Store, tea: Product) -> None:
    _link, order = bought_by_link(ahe, tea)
    trade.pay(order)
    trade.settle(trade.complete(order))
    assert Commission.objects.get(order_number=order.number, store=ahe).state == "settled"
    assert order.number in client.get("/dashboard/earnings/?state=settled").content.decode()
    assert order.number not in client.get("/dashboard/earnings/?state=frozen").content.decode()
    assert "¥19.60" in client.get("/dashboard/withdrawals/").content.decode()
    # And the referrer sees her level 2 of the same sale, in her team and nowhere as an order.
    lin = world.lin()
    client.force_login(lin.distributor.user)
    team = text(client.get("/dashboard/team/", **ENGLISH).content)
    assert "Sales ¥196.00 Your level 2 ¥5.88" in team
    assert order.number not in client.get("/dashboard/orders/").content.decode()
    assert client.get(f"/dashboard/orders/{order.number}/").status_code == 404


def test_another_store_s_order_is_not_there(client: Client, ahe: Store, tea: Product) -> None:
    _link, order = bought_by_link(ahe, tea)
    trade.pay(order)
    client.force_login(world.store("陌 Mo").distributor.user)
    assert client.get(f"/dashboard/orders/{order.number}/").status_code == 404
    for address in ("/dashboard/", "/dashboard/orders/", "/dashboard/earnings/", "/dashboard/books/?book=frozen"):
        page = client.get(address).content.decode()
        assert order.number not in page
        assert "¥196.00" not in page


def test_lists_go_on_page_by_page(client: Client, ahe: Store, tea: Product) -> None:
    create = create_link(store=ahe, target="store", channel="group", now=world.now())
    open_link(create)
    numbers = []
    for _round in range(11):
        order = world.place(world.customer(), [(tea, 1)], visitor_key=VISITOR)
        trade.pay(order)
        trade.settle(trade.complete(order))
        numbers.append(order.number)
    seen: list[str] = []
    address = "/dashboard/books/?book=frozen"
    for _page in range(4):
        html = client.get(address).content.decode()
        seen += re.findall(r"· (O[0-9A-Z]+)</span>", html)
        more = re.search(r'href="([^"]*after=[^"]*)"', html)
        if more is None:
            break
        address = more.group(1).replace("&amp;", "&")
    # Each order was frozen once and settled once.
    assert sorted(seen) == sorted(numbers * 2)


@pytest.mark.parametrize("after", ["x", "2026~", "2026-01-01T00:00:00+00:00~x", "~~~", "9" * 40, "2026-13-01T00:00~1"])
def test_a_position_of_nonsense_is_the_beginning(client: Client, ahe: Store, after: str) -> None:
    for address in ("/dashboard/books/", "/dashboard/orders/", "/dashboard/earnings/", "/dashboard/picks/"):
        assert client.get(address, {"after": after}).status_code == 200
