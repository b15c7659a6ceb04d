"""Bad input, foreign numbers and tampered facts in what moves goods and money: refused, and nothing written."""

from collections.abc import Iterator
from typing import Any

import pytest

from orders.lifecycle.models import Order
from tests import world
from tests.asking import Caller, changed, fingerprint, new_key, refused, told
from tests.orders import trade
from tests.standing import standing

pytestmark = pytest.mark.django_db

HUGE = 10**30
QUANTITIES = [0, -1, 1.5, 1_000, HUGE, "two", "1.5", "", None, True, [], {}, "٣x"]
AMOUNTS = [0, -1, 1.5, 10**12 + 1, HUGE, "much", None, True, []]


@pytest.fixture(scope="module")
def at_home(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A tea, a customer and a store, made once for this module: asking for them again finds them."""
    with standing(django_db_blocker):
        world.product(world.yunling(), "云岭白茶")
        world.customer()
        world.ahe()
        yield


@pytest.fixture
def su(at_home: None, db: None) -> Caller:
    return Caller(world.customer())


@pytest.fixture
def tea(at_home: None, db: None) -> Any:
    return world.product(world.yunling(), "云岭白茶")


def wish(tea: Any, **changes: Any) -> dict[str, Any]:
    item = {"sku": world.sku_of(tea).number, "quantity": 1}
    return {"address": world.address(world.person("苏 Su")).number, "items": [item]} | changes


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_a_quantity_that_cannot_be_is_refused_by_name(su: Caller, tea: Any, quantity: Any) -> None:
    sku = world.sku_of(tea).number
    item = {"sku": sku, "quantity": quantity}
    told(su.post("cart/lines/", {"sku": sku}), 201)
    before = fingerprint()
    refused(su.post("cart/lines/", item), 400, field="quantity")
    refused(su.patch(f"cart/lines/{sku}/", {"quantity": quantity}), 400, field="quantity")
    refused(su.post("quotes/", {"items": [item]}), 400, field="items.0.quantity")
    body = wish(tea, items=[{"sku": sku, "quantity": 1}, item])
    refused(su.post("orders/", body, key=new_key()), 400, field="items.1.quantity")
    assert changed(before) == []


@pytest.mark.parametrize("amount", AMOUNTS)
def test_an_amount_that_cannot_be_is_refused_by_name(su: Caller, tea: Any, amount: Any) -> None:
    ahe = Caller(world.ahe().distributor.user)
    body = wish(tea, expected_payable_fen=amount)
    sku = world.sku_of(tea).number
    pick = {"product": tea.number, "prices": [{"sku": sku, "retail_fen": amount}]}
    before = fingerprint()
    refused(su.post("orders/", body, key=new_key()), 400, field="expected_payable_fen")
    refused(ahe.post("me/store/withdrawals/", {"amount_fen": amount}, key=new_key()), 400, field="amount_fen")
    refused(ahe.post("me/store/listings/", pick), 400, field="prices.0.retail_fen")
    assert changed(before) == []


ITEMS = [
    ([], "items"),
    ("k9", "items"),
    (None, "items"),
    ([None], "items.0"),
    (["k9"], "items.0"),
    ([{"quantity": 1}], "items.0.sku"),
    ([{"sku": "", "quantity": 1}], "items.0.sku"),
    ([{"sku": "k" * 17, "quantity": 1}], "items.0.sku"),
    ([{"sku": "k\x00", "quantity": 1}], "items.0.sku"),
    ([{"sku": 7.5, "quantity": []}], "items.0.quantity"),
    ([{"sku": "k1", "quantity": 1}] * 101, "items"),
]


@pytest.mark.parametrize(("items", "field"), ITEMS)
def test_items_that_cannot_be_are_refused_by_name(su: Caller, tea: Any, items: Any, field: str) -> None:
    before = fingerprint()
    problem = refused(su.post("orders/", wish(tea, items=items), key=new_key()), 400)
    assert field in [error["field"] for error in problem["errors"]], problem
    assert changed(before) == []


def test_goods_that_cannot_be_bought_are_named(su: Caller, tea: Any) -> None:
    gone = world.product(world.yunling(), "卖完的茶", pieces=1)
    before = fingerprint()
    few = wish(tea, items=[{"sku": world.sku_of(gone).number, "quantity": 2}])
    refused(su.post("orders/", few, key=new_key()), 409)
    unknown = wish(tea, items=[{"sku": "kAAAAAAAAAAA", "quantity": 1}])
    answer = su.post("orders/", unknown, key=new_key())
    assert answer.status_code in (404, 409)
    refused(answer, answer.status_code)
    quoted = told(su.post("quotes/", {"items": few["items"], "region_code": world.XIHU}))
    assert (quoted["is_placeable"], quoted["problems"][0]["left"]) == (False, 1)
    assert changed(before) == []


@pytest.mark.parametrize("region", ["999999", "33", "", "33010600000000000", "x\x00", -1])
def test_a_place_that_is_none_is_refused(su: Caller, tea: Any, region: Any) -> None:
    item = {"sku": world.sku_of(tea).number, "quantity": 1}
    before = fingerprint()
    answer = su.post("quotes/", {"items": [item], "region_code": region})
    assert answer.status_code in (400, 404)
    refused(answer, answer.status_code, field="region_code")
    assert changed(before) == []


def test_prices_and_read_only_facts_are_not_taken_from_a_body(su: Caller, tea: Any) -> None:
    item = {"sku": world.sku_of(tea).number, "quantity": 2, "unit_fen": 1, "discount_fen": 9_000, "paid_fen": 1}
    body = wish(
        tea,
        items=[item],
        payable_fen=1,
        goods_fen=1,
        freight_fen=0,
        state="paid",
        paid_at="2026-01-01T00:00:00Z",
        number="O0000000000000000",
        user=1,
        store_id=1,
        level1_bp=9_999,
    )
    order = told(su.post("orders/", body, key=new_key()), 201)
    assert (order["goods_fen"], order["freight_fen"], order["payable_fen"]) == (19_600, 1_000, 20_600)
    assert (order["state"], order["paid_at"], order["paid_fen"]) == ("placed", None, 0)
    assert order["number"] != "O0000000000000000"
    row = Order.objects.get(number=order["number"])
    assert row.user == world.person("苏 Su")
    assert [(line.unit_fen, line.level1_bp) for line in row.lines.all()] == [(9_800, 0)]


def test_foreign_numbers_are_not_there(su: Caller, tea: Any) -> None:
    """Every number of another person, in every place that takes one."""
    zhou = Caller(world.customer("周 Zhou"))
    order = trade.bought((tea, 2), name="周 Zhou")
    waiting = trade.placed((tea, 1), name="周 Zhou")
    trade.ship(order)
    part, mine = trade.parts(order)[0], trade.bought((tea, 1))
    payment = trade.start(waiting)
    case_wish = {"order": order.number, "line": 1, "kind": "refund_only", "reason": "other", "quantity": 1}
    case = told(zhou.post("aftersales/", case_wish, key=new_key()), 201)["number"]
    theirs = world.address(order.user).number
    before = fingerprint()
    foreign = [
        ("GET", f"orders/{order.number}/", None),
        ("POST", f"orders/{waiting.number}/cancel/", {}),
        ("POST", f"orders/{waiting.number}/payments/", {"kind": "native"}),
        ("GET", f"orders/{waiting.number}/payments/", None),
        ("POST", f"orders/{waiting.number}/payments/{payment.number}/check/", {}),
        ("POST", f"orders/{mine.number}/payments/{payment.number}/check/", {}),
        ("POST", f"orders/{order.number}/parts/{part.number}/receive/", {}),
        ("POST", f"orders/{mine.number}/parts/{part.number}/receive/", {}),
        ("POST", "aftersales/", case_wish | {"line": 2}),
        ("GET", f"aftersales/{case}/", None),
        ("POST", f"aftersales/{case}/withdraw/", {}),
        ("POST", f"aftersales/{case}/escalate/", {"text": "!"}),
        ("POST", f"aftersales/{case}/evidence/", {"text": "!"}),
        ("POST", f"aftersales/{case}/send-back/", {"carrier": "顺丰", "tracking_number": "1"}),
        ("POST", "orders/", wish(tea, address=theirs)),
        ("POST", "quotes/", {"items": wish(tea)["items"], "address": theirs}),
    ]
    for method, path, body in foreign:
        refused(su.ask(method, path, body, key=new_key()), 404, "not_found")
    assert changed(before) == []
    assert [row["number"] for row in told(su.get("orders/"))["results"]] == [mine.number]
    assert told(su.get("aftersales/"))["results"] == []


def test_a_store_that_is_none_earns_nothing(su: Caller, tea: Any) -> None:
    item = {"sku": world.sku_of(tea).number, "quantity": 1, "store": "bNoSuchStore"}
    order = told(su.post("orders/", wish(tea, items=[item]), key=new_key()), 201)
    assert Order.objects.get(number=order["number"]).lines.get().store is None


CASES = [
    ("line", 9),
    ("line", 0),
    ("line", HUGE),
    ("line", "one"),
    ("kind", "gift"),
    ("reason", ""),
    ("quantity", 3),
    ("quantity", -1),
    ("quantity", 0.5),
    ("text", "x" * 501),
    ("text", "\x00"),
    ("order", "O0000000000000000"),
    ("order", "x" * 33),
]


@pytest.mark.parametrize(("field", "value"), CASES)
def test_a_case_that_cannot_be_is_refused_by_name(tea: Any, field: str, value: Any) -> None:
    order = trade.bought((tea, 2))
    trade.ship(order)
    good = {"order": order.number, "line": 1, "kind": "refund_only", "reason": "other", "quantity": 1}
    phone = Caller(order.user)
    before = fingerprint()
    answer = phone.post("aftersales/", good | {field: value}, key=new_key())
    assert answer.status_code in (400, 404)
    problem = refused(answer, answer.status_code)
    assert [error["field"] for error in problem["errors"]] == [
        "line" if field == "order" and answer.status_code == 404 else field
    ]
    assert changed(before) == []


def test_more_than_was_paid_is_never_asked_back(tea: Any) -> None:
    order = trade.bought((tea, 2))
    trade.ship(order)
    phone = Caller(order.user)
    body = {
        "order": order.number,
        "line": 1,
        "kind": "refund_only",
        "reason": "other",
        "quantity": 2,
        "amount_fen": HUGE,
    }
    case = told(phone.post("aftersales/", body, key=new_key()), 201)
    assert case["amount_fen"] <= order.payable_fen
    refused(phone.post("aftersales/", body, key=new_key()), 409)


def test_a_visitor_needs_a_key_to_keep_something(tea: Any) -> None:
    sku = world.sku_of(tea).number
    nobody = Caller()
    assert told(nobody.get("cart/"))["groups"] == []
    for method, path in (("POST", "cart/lines/"), ("PATCH", f"cart/lines/{sku}/"), ("DELETE", "cart/")):
        refused(nobody.ask(method, path, {"sku": sku}), 400, field="X-Visitor-Key")
    assert told(nobody.post("quotes/", {"items": [{"sku": sku, "quantity": 1}]}))["goods_fen"] == 9_800
    refused(nobody.post("quotes/", {}), 400, field="X-Visitor-Key")
    refused(nobody.post("quotes/", {"items": [{"sku": sku, "quantity": 1}], "address": "A1"}), 400, field="address")
    for bad in ("short", "x" * 65, "with spaces in it", "ключ-ключ-ключ-1"):
        refused(Caller(visitor=bad).get("cart/"), 400, field="X-Visitor-Key")


def test_two_visitors_have_two_carts(tea: Any) -> None:
    sku = world.sku_of(tea).number
    one, two = Caller(visitor="visitor-one-000001"), Caller(visitor="visitor-two-000002")
    told(one.post("cart/lines/", {"sku": sku}), 201)
    assert told(two.get("cart/"))["piece_count"] == 0
    refused(two.patch(f"cart/lines/{sku}/", {"quantity": 5}), 404, field="sku")
    two.sign_in(world.person("周 Zhou"))
    assert told(two.get("cart/"))["piece_count"] == 0
    one.sign_in(world.person("苏 Su"))
    assert told(one.get("cart/"))["piece_count"] == 1
    assert told(one.delete(f"cart/lines/{sku}/"))["piece_count"] == 0
