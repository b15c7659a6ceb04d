"""A customer's orders and after-sales in the browser."""

import re
from io import BytesIO
from pathlib import Path

import pytest
from django.test import Client
from PIL import Image

from orders.aftersales.models import AfterSale
from orders.flow import aftersale as flow
from orders.lifecycle.models import Order
from shop.accounts.models import User
from shop.catalogue.models import Product
from shop.work.sweep import run_due
from tests import world
from tests.orders import trade

pytestmark = pytest.mark.django_db

CHINESE = {"HTTP_ACCEPT_LANGUAGE": "zh-CN"}


@pytest.fixture
def su(client: Client) -> User:
    """苏 Su, signed in."""
    person = world.customer("苏 Su")
    client.force_login(person)
    return person


@pytest.fixture
def tea() -> Product:
    return world.product(world.yunling(), "云岭红茶", retail_fen=9_800)


@pytest.fixture
def zhou_s() -> Order:
    """A shipped order of 周 Zhou."""
    order = trade.bought((world.product(world.yangshan(), "阳山水蜜桃", supply_fen=0), 1), name="周 Zhou")
    trade.ship(order)
    return order


def html_of(client: Client, address: str) -> str:
    response = client.get(address, **CHINESE)
    assert response.status_code == 200, address
    return response.content.decode()


def listed(client: Client, state: str = "") -> list[str]:
    page = html_of(client, f"/orders/?state={state}")
    return re.findall(r'<a href="/orders/(O\w+)/" class="block">', page)


def test_orders_by_state(client: Client, su: User, tea: Product, zhou_s: Order) -> None:
    waiting = world.place(su, [(tea, 1)])
    packed = trade.bought((tea, 1))
    sent = trade.bought((tea, 1))
    trade.ship(sent)
    arrived = trade.bought((tea, 1))
    trade.ship(arrived)
    trade.receive(arrived)
    assert listed(client) == [arrived.number, sent.number, packed.number, waiting.number]
    assert [listed(client, tab) for tab in ("placed", "to_ship", "shipped", "received", "closed")] == [
        [waiting.number],
        [packed.number],
        [sent.number],
        [arrived.number],
        [],
    ]
    assert listed(client, "nonsense") == listed(client)
    counts = html_of(client, "/orders/counts/")
    assert re.findall(r"nav-badge[^>]*>(\d+)<", counts) == ["1", "1", "1", "1"]


def test_order_page_shows_sum_parcels_and_history(client: Client, su: User, tea: Product) -> None:
    order = trade.bought((tea, 2))
    trade.ship(order)
    html = html_of(client, f"/orders/{order.number}/")
    assert "¥196.00" in html
    assert "顺丰速运" in html
    assert "云岭红茶 × 2" in html
    # Newest first.
    steps = re.findall(r'<p class="text-sm [^"]*">(.*?)</p>', html[html.index("订单进展") :])
    assert steps == ["已发货", "已支付", "下单"]
    assert "13800000001" not in html


def test_another_s_order_is_not_there(client: Client, su: User, zhou_s: Order) -> None:
    part = trade.parts(zhou_s)[0]
    number = zhou_s.number
    places = ["", "cancel/", "pay/", "pay/state/", "pay/result/", "lines/1/after-sale/"]
    answers = [client.get(f"/orders/{number}/{place}").status_code for place in places]
    assert answers == [404] * len(places)
    client.post(f"/orders/{number}/receive/{part.number}/")
    client.post(f"/orders/{number}/cancel/", {"reason": "mind"})
    client.post(f"/orders/{number}/lines/1/after-sale/", {"kind": "refund_only", "reason": "other", "quantity": 1})
    zhou_s.refresh_from_db()
    assert (zhou_s.state, trade.parts(zhou_s)[0].state) == ("paid", "shipped")
    assert not AfterSale.objects.exists()


def test_a_part_of_another_order_cannot_be_received_through_mine(
    client: Client, su: User, tea: Product, zhou_s: Order
) -> None:
    mine = trade.bought((tea, 1))
    part = trade.parts(zhou_s)[0]
    assert client.post(f"/orders/{mine.number}/receive/{part.number}/").status_code in (302, 404)
    assert trade.parts(zhou_s)[0].state == "shipped"


def test_cancelling_asks_first_and_says_why(client: Client, su: User, tea: Product) -> None:
    order = world.place(su, [(tea, 1)])
    address = f"/orders/{order.number}/cancel/"
    assert "取消这个订单" in html_of(client, address)
    order.refresh_from_db()
    assert order.state == "placed"
    client.post(address, {"reason": "address"}, **CHINESE)
    order.refresh_from_db()
    assert (order.state, order.cancel_reason) == ("cancelled", "地址填错了")
    assert world.on_hand(tea) == 100
    again = client.post(address, {"reason": "address"}, follow=True, **CHINESE)
    assert again.status_code == 200
    assert "不能取消" in again.content.decode()


def test_receiving(client: Client, su: User, tea: Product) -> None:
    order = trade.bought((tea, 1))
    trade.ship(order)
    part = trade.parts(order)[0]
    assert "确认收货" in html_of(client, f"/orders/{order.number}/")
    client.post(f"/orders/{order.number}/receive/{part.number}/")
    assert trade.parts(order)[0].state == "received"
    assert "已收货" in html_of(client, f"/orders/{order.number}/")


def picture() -> BytesIO:
    file = BytesIO()
    Image.new("RGB", (40, 40), "red").save(file, "PNG")
    file.seek(0)
    file.name = "broken.png"
    return file


def test_asking_for_a_return_with_words_and_a_picture(
    client: Client, su: User, tea: Product, media_folder: Path
) -> None:
    order = trade.bought((tea, 3))
    trade.ship(order)
    trade.receive(order)
    address = f"/orders/{order.number}/lines/1/after-sale/"
    html = html_of(client, address)
    assert "最多 3 件" in html and "¥294.00" in html
    assert re.findall(r'name="(kind|reason|quantity|text|images)"', html).count("quantity") == 1
    assert 'form="' not in html
    form = {"kind": "return_refund", "reason": "damaged", "quantity": "1", "text": "罐子裂了", "images": picture()}
    response = client.post(address, form)
    case = AfterSale.objects.get(order=order)
    assert response.headers["Location"] == f"/after-sales/{case.number}/"
    assert (case.kind, case.reason, case.quantity, case.amount_fen) == ("return_refund", "damaged", 1, 9_800)
    html = html_of(client, f"/after-sales/{case.number}/")
    assert "罐子裂了" in html and "图片生成中" in html
    run_due(rounds_max=2)
    html = html_of(client, f"/after-sales/{case.number}/")
    assert html.count("data-photo ") == 1 and "图片生成中" not in html


def test_wrong_answers_are_told_beside_their_fields(client: Client, su: User, tea: Product) -> None:
    order = trade.bought((tea, 1))
    trade.ship(order)
    trade.receive(order)
    address = f"/orders/{order.number}/lines/1/after-sale/"
    html = client.post(address, {"kind": "steal", "reason": "", "quantity": "9"}, **CHINESE).content.decode()
    assert html.count("field-error") == 2
    html = client.post(address, {"kind": "refund_only", "reason": "other", "quantity": "9"}, **CHINESE).content.decode()
    assert "请选择 0 到 1 件" in html
    not_a_picture = BytesIO(b"<svg onload=alert(1)>")
    not_a_picture.name = "x.png"
    client.post(address, {"kind": "refund_only", "reason": "other", "quantity": "1", "images": not_a_picture})
    assert not AfterSale.objects.exists()


def opened(su: User, tea: Product) -> AfterSale:
    order = trade.bought((tea, 1))
    trade.ship(order)
    trade.receive(order)
    return flow.open_aftersale(
        user=su,
        order_number=order.number,
        line=1,
        kind="return_refund",
        reason="quality",
        quantity=1,
        now=world.now(),
    )


def test_the_way_of_a_return(client: Client, su: User, tea: Product) -> None:
    case = opened(su, tea)
    address = f"/after-sales/{case.number}/"
    client.post(f"{address}say/", {"text": "有照片为证"})
    assert "有照片为证" in html_of(client, address)
    flow.agree(aftersale=case, actor="supplier:yunling", now=world.now())
    assert "退货物流" not in html_of(client, address)
    missing = client.post(f"{address}send-back/", {"carrier": ""}, **CHINESE).content.decode()
    assert "请填写快递公司" in missing
    client.post(f"{address}send-back/", {"carrier": "中通", "tracking_number": "ZT1"})
    case.refresh_from_db()
    assert (case.state, case.return_tracking_number) == ("returning", "ZT1")
    assert case.number in html_of(client, "/after-sales/")


def test_refused_then_escalated(client: Client, su: User, tea: Product) -> None:
    case = opened(su, tea)
    flow.reject(aftersale=case, actor="supplier:yunling", text="已拆封", now=world.now())
    html = html_of(client, f"/after-sales/{case.number}/")
    assert "供应商未同意" in html
    assert "已拆封" in html
    client.post(f"/after-sales/{case.number}/escalate/", {"text": "没有拆封"})
    case.refresh_from_db()
    assert case.state == "escalated"


def test_taking_a_request_back(client: Client, su: User, tea: Product) -> None:
    case = opened(su, tea)
    client.post(f"/after-sales/{case.number}/withdraw/")
    case.refresh_from_db()
    assert case.state == "withdrawn"


def test_another_s_case_is_not_there(client: Client, su: User, tea: Product) -> None:
    case = opened(su, tea)
    zhou = Client()
    zhou.force_login(world.customer("周 Zhou"))
    assert zhou.get(f"/after-sales/{case.number}/").status_code == 404
    for deed in ("withdraw", "escalate", "send-back", "say"):
        zhou.post(f"/after-sales/{case.number}/{deed}/", {"text": "x", "carrier": "a", "tracking_number": "b"})
    case.refresh_from_db()
    assert (case.state, case.evidence.count()) == ("opened", 0)
    assert case.number not in html_of(zhou, "/after-sales/")
