"""The whole path of a mini-program, from the first sign-in to money in WeChat, on the real API.

Su buys tea and peaches through Ahe's link; Lin invited Ahe. The examples of docs/api.md come from here.
"""

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from distributors.payouts import actions as payouts
from distributors.payouts.models import Withdrawal
from distributors.stores import actions as stores
from distributors.stores.models import Distributor, Store
from orders.aftersales.models import AfterSale, EvidencePhoto
from orders.flow import aftersale as flow
from orders.lifecycle.models import Order
from shop.accounts.models import AccessToken
from shop.gateways.sandbox.client import SandboxControl
from shop.gateways.sms import SandboxSms
from shop.ledger.queries import balance_fen
from shop.work.sweep import run_due
from tests import world
from tests.asking import Caller, new_key, refused, told
from tests.orders import trade
from tests.transcript import Transcript
from tests.uploads import photo

pytestmark = pytest.mark.django_db(transaction=True)

VISITOR = "su-phone-0123456789"
TEA_FEN, PEACH_FEN = 9_800, 5_000
TEA_FREIGHT, PEACH_FREIGHT = 1_000, 800
PAYABLE = 2 * TEA_FEN + TEA_FREIGHT + PEACH_FEN + PEACH_FREIGHT
TEA_LEVEL1, PEACH_LEVEL1 = 1_960, 500


class Teller(Caller):
    """A caller whose named requests become examples."""

    def __init__(self, script: Transcript, **more: Any) -> None:
        super().__init__(**more)
        self._script = script

    def ask(self, method: str, path: str, body: Any = None, *, example: str = "", **more: Any) -> Any:
        answer = super().ask(method, path, body, **more)
        if example:
            key = {"Idempotency-Key": more["key"]} if more.get("key") else {}
            url = path if path.startswith("/") else f"/api/v1/{path}"
            self._script.note(example, method, url, self.headers | key, body, answer)
        return answer


def join(sandbox: SandboxControl, script: Transcript) -> tuple[Teller, Store]:
    """Ahe signs in with WeChat, applies, is let in, picks tea at her own price; return her phone and store."""
    phone = Teller(script)
    codes = {"code": sandbox.login_code("ahe"), "phone_code": sandbox.phone_code("13800000003"), "device": "iPhone"}
    phone.carry(told(phone.post("auth/wechat-sign-in/", codes, example="wechat"))["access"])
    refused(phone.get("me/distributor/"), 404, "not_found")
    refused(phone.get("me/store/earnings/"), 403, "no_store")
    wish = {"store_name": "阿禾的厨房", "introduction": "每天一餐家常饭", "referrer": world.lin().code}
    applied = told(phone.post("me/distributor/", wish, example="apply"), 201)
    assert (applied["state"], applied["state_label"], applied["store"]["name"]) == ("applied", "applied", "阿禾的厨房")
    refused(phone.get(f"stores/{applied['store']['code']}/"), 404, "not_found")
    row = Distributor.objects.get(number=applied["number"])
    stores.approve(distributor=row, actor=world.STAFF, now=world.now())
    mine = told(phone.get("me/distributor/"))
    assert (mine["state"], mine["store"]["name"], mine["store"]["portrait"]) == ("active", "阿禾的厨房", "")
    return phone, Store.objects.get(code=mine["store"]["code"])


def test_from_sign_in_to_money_in_wechat(sandbox: SandboxControl, deliver_notices: Callable[..., list[int]]) -> None:
    script = Transcript()
    world.rule(1_000, 300)
    tea = world.product(world.yunling(), "云岭白茶", retail_fen=TEA_FEN, floor_fen=9_000, ceiling_fen=12_000)
    fruit = world.category("fruit", "鲜果")
    peaches = world.product(world.yangshan(), "阳山水蜜桃", retail_fen=PEACH_FEN, supply_fen=0, on=fruit)
    ahe, store = join(sandbox, script)
    link = pick_and_share(ahe, store, tea)
    su = visit_and_sign_in(script, store, tea, link, peaches)
    number = order_and_pay(script, su, store, sandbox, deliver_notices)
    after_delivery(su, number, sandbox, deliver_notices)
    earn(ahe, number, sandbox, deliver_notices)
    script.compare()


def pick_and_share(ahe: Teller, store: Store, tea: Any) -> dict[str, Any]:
    sku = world.sku_of(tea).number
    wish = {
        "product": tea.number,
        "reason": "回甘很久",
        "prices": [{"sku": sku, "retail_fen": TEA_FEN}],
    }
    picked = told(ahe.post("me/store/listings/", wish, example="pick"), 201)
    assert (picked["price_fen"], picked["is_on_sale"]) == (TEA_FEN, True)
    assert picked["prices"] == wish["prices"]
    assert [row["product"] for row in told(ahe.get("me/store/listings/"))["results"]] == [tea.number]
    too_low = {"product": tea.number, "prices": [{"sku": sku, "retail_fen": 8_999}]}
    refused(ahe.post("me/store/listings/", too_low), 400, field="prices")
    share = {"target": "product", "product": tea.number, "channel": "group", "label": "邻居群"}
    link: dict[str, Any] = told(ahe.post("me/store/links/", share, example="share"), 201)
    assert link["url"] == f"http://testserver/s/{link['token']}"
    assert [row["token"] for row in told(ahe.get("me/store/links/"))["results"]] == [link["token"]]
    return link


def visit_and_sign_in(script: Transcript, store: Store, tea: Any, link: dict[str, Any], peaches: Any) -> Teller:
    """Su looks around as nobody, opens the link, fills a cart, and signs in with a code."""
    su = Teller(script, visitor=VISITOR)
    shelves = told(su.get("categories/"))
    assert [shelf["code"] for shelf in shelves] == ["tea", "fruit"]
    page = told(su.get("products/?page_size=1&category=tea", example="products"))
    assert [card["number"] for card in page["results"]] == [tea.number]
    found = told(su.get("products/?q=白茶"))
    assert [card["title"] for card in found["results"]] == ["云岭白茶"]
    answer = su.get(f"products/{tea.number}/", example="product")
    assert told(answer)["skus"][0]["available"] == 100
    assert su.get(f"products/{tea.number}/", If_None_Match=answer["ETag"]).status_code == 304
    assert told(su.get(f"stores/{store.code}/"))["name"] == "阿禾的厨房"
    assert [one["product"] for one in told(su.get(f"stores/{store.code}/listings/"))["results"]] == [tea.number]
    opened = told(su.post(f"links/{link['token']}/touches/", example="touch"), 201)
    assert (opened["store"], opened["product"], opened["visitor_key"]) == (store.code, tea.number, VISITOR)
    su.headers["X-Share-Touch"] = opened["share_touch"]
    put = {"sku": world.sku_of(tea).number, "quantity": 2, "store": store.code}
    cart = told(su.post("cart/lines/", put, example="put-in"), 201)
    assert (cart["goods_fen"], cart["piece_count"]) == (2 * TEA_FEN, 2)
    told(su.post("cart/lines/", {"sku": world.sku_of(peaches).number}), 201)
    line = f"cart/lines/{world.sku_of(peaches).number}/"
    assert told(su.patch(line, {"is_selected": False}))["goods_fen"] == 2 * TEA_FEN
    assert told(su.patch(line, {"is_selected": True, "quantity": 1}))["goods_fen"] == 2 * TEA_FEN + PEACH_FEN

    assert su.post("auth/codes/", {"phone": "13800000001"}, example="code").status_code == 204
    code = SandboxSms.last_code("13800000001")
    refused(su.post("auth/code-sign-in/", {"phone": "13800000001", "code": "000000"}), 401, field="code")
    tokens = told(su.post("auth/code-sign-in/", {"phone": "13800000001", "code": code}))
    su.carry(tokens["access"])
    assert told(su.get("me/"))["phone"] == "138****0001"
    assert told(su.patch("me/", {"name": "苏 Su"}))["name"] == "苏 Su"
    fresh = told(su.post("auth/refresh/", {"refresh": tokens["refresh"]}, example="refresh"))
    refused(su.get("me/"), 401)
    su.carry(fresh["access"])
    # What the visitor put in came along.
    assert told(su.get("cart/"))["piece_count"] == 3
    return su


def order_and_pay(
    script: Transcript,
    su: Teller,
    store: Store,
    sandbox: SandboxControl,
    deliver_notices: Callable[..., list[int]],
) -> str:
    provinces = told(su.get("regions/"))
    assert [place["code"] for place in provinces] == ["330000", "540000"]
    assert [place["code"] for place in told(su.get("regions/?parent=330100"))] == ["330106"]
    where = {"name": "苏", "phone": "13800000001", "region_code": "330106", "detail": "灵隐路 1 号"}
    address = told(su.post("me/addresses/", where, example="address"), 201)
    assert (address["region_names"], address["is_default"]) == ("浙江省 杭州市 西湖区", True)
    quote = told(su.post("quotes/", {"address": address["number"]}, example="quote"))
    assert (quote["payable_fen"], quote["is_placeable"], quote["problems"]) == (PAYABLE, True, [])
    wish = {"address": address["number"], "note": "放门口", "expected_payable_fen": PAYABLE}
    stale = wish | {"expected_payable_fen": PAYABLE - 1}
    answer = su.post("orders/", stale, key="order-2d80aa11", example="refused")
    refused(answer, 409, "price_changed", field="expected_payable_fen")
    order = told(su.post("orders/", wish, key="order-7c1f20ab", example="place"), 201)
    assert (order["state"], order["payable_fen"], order["parcels"], order["refunds"]) == ("placed", PAYABLE, [], [])
    assert [part["supplier"] for part in order["supplier_orders"]] == ["yangshan", "yunling"]
    assert told(su.get("cart/"))["piece_count"] == 0
    number: str = order["number"]
    assert [row["number"] for row in told(su.get("orders/?state=placed"))["results"]] == [number]

    path = f"orders/{number}/payments/"
    refused(su.post(path, {"kind": "jsapi"}, key=new_key()), 400, field="kind")
    codes = {"code": sandbox.login_code("su"), "phone_code": sandbox.phone_code("13800000001")}
    su.carry(told(su.post("auth/wechat-sign-in/", codes))["access"])
    payment = told(su.post(path, {"kind": "jsapi"}, key="pay-91d3e05f", example="pay"), 201)
    assert (payment["state"], payment["amount_fen"], payment["order_state"]) == ("started", PAYABLE, "placed")
    assert payment["client_params"]["signType"] == "RSA"
    again = told(su.post(path, {"kind": "jsapi"}, key=new_key()), 201)
    assert again["number"] == payment["number"]
    sandbox.pay(payment["number"])
    assert deliver_notices("payment") == [200]
    assert [row["state"] for row in told(su.get(path))] == ["succeeded"]
    checked = told(su.post(f"{path}{payment['number']}/check/", example="check"))
    assert (checked["state"], checked["is_applied"], checked["order_state"]) == ("succeeded", True, "paid")
    return number


def after_delivery(su: Teller, number: str, sandbox: SandboxControl, deliver_notices: Callable[..., list[int]]) -> None:
    """Both suppliers send; Su receives, gives one tea back, and takes a second case back."""
    order = Order.objects.get(number=number)
    trade.ship(order)
    shown = told(su.get(f"orders/{number}/", example="order"))
    assert [parcel["carrier"] for parcel in shown["parcels"]] == ["顺丰速运", "顺丰速运"]
    refused(su.post(f"orders/{number}/cancel/", {}, key=new_key()), 409, "not_cancellable")
    for part in shown["supplier_orders"]:
        told(su.post(f"orders/{number}/parts/{part['number']}/receive/"))
    case = {"order": number, "line": 2, "kind": "refund_only", "reason": "damaged", "quantity": 1, "text": "罐子瘪了"}
    opened = told(su.post("aftersales/", case, key="case-55ab01c9", example="aftersale"), 201)
    assert (opened["state"], opened["amount_fen"], opened["evidence"][0]["text"]) == ("opened", TEA_FEN, "罐子瘪了")
    path = f"aftersales/{opened['number']}/"
    more = told(su.post(f"{path}evidence/", {"text": "照片随后"}), 201)
    assert [said["author"] for said in more["evidence"]] == ["customer", "customer"]
    assert [said["photos"] for said in more["evidence"]] == [[], []]
    assert told(su.post(f"{path}withdraw/"))["state"] == "withdrawn"
    assert [row["state"] for row in told(su.get("aftersales/"))["results"]] == ["withdrawn"]
    refused(su.post(f"{path}escalate/", {"text": "!"}), 409)
    messages = told(su.get("me/notifications/?page_size=3", example="messages"))["results"]
    assert messages[0]["is_read"] is False and messages[0]["title"] and messages[0]["text"]
    assert su.post("me/notifications/read/").status_code == 204
    assert {one["is_read"] for one in told(su.get("me/notifications/"))["results"]} == {True}


def earn(ahe: Teller, number: str, sandbox: SandboxControl, deliver_notices: Callable[..., list[int]]) -> None:
    """The windows close; Ahe reads why she earned, and takes the money out."""
    waiting = told(ahe.get("me/store/earnings/"))
    assert (waiting["available_fen"], waiting["frozen_fen"]) == (0, TEA_LEVEL1 + PEACH_LEVEL1)
    trade.settle(trade.complete(Order.objects.get(number=number)))
    earned = told(ahe.get("me/store/earnings/", example="earnings"))
    assert (earned["available_fen"], earned["settled_fen"]) == (TEA_LEVEL1 + PEACH_LEVEL1,) * 2
    (sale,) = told(ahe.get("me/store/orders/"))["results"]
    assert (sale["number"], sale["buyer"], sale["earns_fen"]) == (number, "苏*", TEA_LEVEL1 + PEACH_LEVEL1)
    why = told(ahe.get(f"me/store/orders/{number}/explain/", example="explain"))
    assert [(one["line"], one["amount_fen"]) for one in why["commissions"]] == [(1, PEACH_LEVEL1), (2, TEA_LEVEL1)]
    rows = told(ahe.get("me/store/commissions/"))["results"]
    assert [(row["order"], row["state"]) for row in rows] == [(number, "settled")] * 2
    lines = told(ahe.get("me/store/statement/?book=available", example="statement"))["results"]
    assert sorted(line["amount_fen"] for line in lines) == [PEACH_LEVEL1, TEA_LEVEL1]

    wish = {"amount_fen": TEA_LEVEL1}
    refused(ahe.post("me/store/withdrawals/", wish, key=new_key()), 409, "no_payout_account")
    refused(ahe.get("me/store/payout-account/"), 404)
    refused(ahe.put("me/store/payout-account/", {"real_name": "何禾"}), 400, field="agrees")
    account = told(ahe.put("me/store/payout-account/", {"real_name": "何禾", "agrees": True}, example="payee"))
    assert (account["channel"], account["real_name"]) == ("wechat", "何*")
    taken_back = told(ahe.post("me/store/withdrawals/", wish, key=new_key()), 201)["number"]
    assert told(ahe.post(f"me/store/withdrawals/{taken_back}/cancel/"))["state"] == "cancelled"
    asked = told(ahe.post("me/store/withdrawals/", wish, key="withdraw-0b6e7d11", example="withdraw"), 201)
    row = Withdrawal.objects.get(number=asked["number"])
    payouts.approve(withdrawal=row, actor=world.STAFF, now=world.now())
    payouts.send(number=row.number, now=world.now())
    path = f"me/store/withdrawals/{row.number}/"
    confirm = told(ahe.get(path, example="confirm"))
    assert confirm["state"] == "waiting_user" and confirm["package_info"]
    sandbox.confirm_transfer(row.number)
    assert deliver_notices("transfer") == [200]
    assert told(ahe.get(path))["state"] == "paid"
    assert [one["state"] for one in told(ahe.get("me/store/withdrawals/"))["results"]] == ["paid", "cancelled"]
    assert balance_fen(f"store/{row.store.code}/available") == PEACH_LEVEL1
    assert ahe.post("auth/sign-out/").status_code == 204
    refused(ahe.get("me/"), 401)


def test_an_order_is_cancelled_before_and_after_it_was_paid(
    sandbox: SandboxControl, deliver_notices: Callable[..., list[int]]
) -> None:
    tea = world.product(world.yunling(), "云岭白茶")
    su = world.customer()
    phone = Caller(su)
    first = world.place(su, [(tea, 1)])
    gone = told(phone.post(f"orders/{first.number}/cancel/", {"reason": "点错了"}, key=new_key()))
    assert (gone["state"], gone["cancel_reason"], gone["paid_fen"]) == ("cancelled", "点错了", 0)
    refused(phone.post(f"orders/{first.number}/payments/", {"kind": "native"}, key=new_key()), 409)

    second = world.place(su, [(tea, 1)])
    path = f"orders/{second.number}/"
    payment = told(phone.post(f"{path}payments/", {"kind": "native"}, key=new_key()), 201)
    assert payment["code_url"] and payment["client_params"] == {}
    sandbox.pay(payment["number"])
    assert deliver_notices("payment") == [200]
    assert told(phone.get(path))["state"] == "paid"
    cancelled = told(phone.post(f"{path}cancel/", {}, key=new_key()))
    assert cancelled["refunded_fen"] == second.payable_fen
    assert [refund["cause"] for refund in cancelled["refunds"]] == ["cancelled"]
    assert world.on_hand(tea) == 100


def test_a_rejected_case_goes_to_the_platform_and_returned_goods_are_announced() -> None:
    tea = world.product(world.yunling(), "云岭白茶", options=("50 g", "250 g"))
    order = trade.bought((world.sku_of(tea, "50 g"), 2), (world.sku_of(tea, "250 g"), 1))
    trade.ship(order)
    trade.receive(order)
    phone = Caller(order.user, language="zh-hans")
    wish = {"order": order.number, "kind": "return_refund", "reason": "quality", "quantity": 1}
    numbers = [told(phone.post("aftersales/", {**wish, "line": line}, key=new_key()), 201)["number"] for line in (1, 2)]
    first, second = (AfterSale.objects.get(number=number) for number in numbers)

    flow.reject(aftersale=first, actor="supplier:yunling", text="没有问题", now=world.now())
    told_off = told(phone.post(f"aftersales/{first.number}/escalate/", {"text": "请看照片"}))
    assert [(said["author"], said["text"]) for said in told_off["evidence"]] == [
        ("supplier", "没有问题"),
        ("customer", "请看照片"),
    ]
    assert told_off["state"] == "escalated"

    flow.agree(aftersale=second, actor="supplier:yunling", now=world.now())
    parcel = {"carrier": "顺丰速运", "tracking_number": "SF1234567890"}
    sent = told(phone.post(f"aftersales/{second.number}/send-back/", parcel))
    assert (sent["state"], sent["return_carrier"], sent["return_tracking_number"]) == (
        "returning",
        "顺丰速运",
        "SF1234567890",
    )
    assert {row["kind_label"] for row in told(phone.get("aftersales/"))["results"]} == {"退货退款"}


def test_pictures_of_a_case_are_drawn_anew() -> None:
    tea = world.product(world.yunling(), "云岭白茶")
    order = trade.bought((tea, 1))
    trade.ship(order)
    phone = Caller(order.user)
    wish = {"order": order.number, "line": 1, "kind": "refund_only", "reason": "damaged", "quantity": 0}
    path = f"aftersales/{told(phone.post('aftersales/', wish, key=new_key()), 201)['number']}/evidence/"

    def send(data: bytes, name: str) -> Any:
        form = {"text": "看", "images": SimpleUploadedFile(name, data, content_type="image/png")}
        return phone.client.post(f"/api/v1/{path}", form, headers=phone.headers)

    said = told(send(photo(40, 30), "../../evil.html"), 201)["evidence"][-1]
    assert said["photos"] == [{"url": "", "width": 30, "height": 40}]
    run_due(rounds_max=2)
    (shown,) = told(phone.get(path.replace("evidence/", "")))["evidence"][-1]["photos"]
    answer = phone.client.get(shown["url"], headers=phone.headers)
    assert (answer.status_code, answer["Content-Type"], answer["Cache-Control"]) == (
        200,
        "image/webp",
        "no-store, private",
    )
    assert b"home" not in answer.content and Image.open(BytesIO(answer.content)).size == (30, 40)
    refused(send(b"<svg onload='alert(1)'/>", "a.svg"), 400, field="images")
    for stranger in (Caller(), Caller(world.person("周 Zhou"))):
        assert stranger.client.get(shown["url"], headers=stranger.headers).status_code in (401, 404)
    assert EvidencePhoto.objects.count() == 1


def test_a_lapsed_access_token_is_refused() -> None:
    phone = Caller(world.person("苏 Su"))
    assert told(phone.get("me/"))["name"] == "苏 Su"
    AccessToken.objects.update(expires_at=world.now() - timedelta(seconds=1))
    refused(phone.get("me/"), 401, "authentication_failed")
