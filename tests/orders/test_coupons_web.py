"""Coupons on the pages and through the API: taken, proposed, chosen, refused with the way out."""

import re

import pytest
from django.test import Client

from distributors.codes.actions import make_code
from orders.checkout import cart
from orders.lifecycle.models import Order
from shop.accounts.actions import issue_tokens
from shop.coupons.models import Coupon, CouponClaim
from tests import world
from tests.shop.coupons import coupon

pytestmark = pytest.mark.django_db


def test_a_customer_takes_uses_and_sees_her_coupons() -> None:
    world.rule()
    tea = world.product(world.yunling(), "云岭白茶", supply_fen=6_000, retail_fen=9_800)
    su, ahe = world.customer("苏 Su"), world.ahe()
    coupon("SPRING")
    coupon("FARM", name="云岭茶券", amount_fen=500, min_fen=5_000, supplier=world.yunling(), platform_bp=0,
           supplier_bp=10_000, stacking_group="supplier")  # fmt: skip
    shared = coupon("TOLD", name="邻里口令", amount_fen=300, min_fen=0, by_code_only=True, for_distributors=True)
    make_code(store=ahe, coupon=shared, code="AHE3", now=world.now())
    browser = Client()
    assert "云岭茶券" in browser.get(f"/p/{tea.number}/coupons/").content.decode()
    browser.force_login(su)
    shown = browser.get("/coupons/").content.decode()
    assert "春日满减" in shown and "邻里口令" not in shown
    for code in ("SPRING", "FARM"):
        assert browser.post(f"/coupons/{code}/claim/", {"next": "/coupons/"}).url == "/coupons/"
    again = browser.post("/coupons/SPRING/claim/", follow=True)
    assert "每人限领" in again.content.decode()

    cart.put_in(owner=cart.CartOwner(user=su), sku_number=world.sku_of(tea).number, quantity=1, now=world.now())
    assert "5.00" in browser.get("/cart/coupons/").content.decode()
    page = browser.get("/checkout/").content.decode()
    # ¥98 is below ¥100: 春日满减 says what is missing, the supplier's is chosen.
    assert "再买 ¥2.00" in page and "-¥5.00" in page
    unknown = browser.post("/codes/enter/", {"code": "NOWHERE", "next": "/checkout/"}, follow=True)
    assert "没有优惠码“NOWHERE”" in unknown.content.decode()
    told = browser.post("/codes/enter/", {"code": "ahe3", "next": "/checkout/"}, follow=True).content.decode()
    # Of one stacking group one is used; the code's adds up with the supplier's.
    assert "-¥8.00" in told
    fields = dict(re.findall(r'name="(address|expected)" value="(\w+)"', told))
    pieces = {claim.coupon.code: claim.number for claim in CouponClaim.objects.select_related("coupon")}
    chosen = browser.get("/checkout/", {"coupons": "chosen", "coupon": pieces["TOLD"]}).content.decode()
    assert "最优惠的组合可减 ¥8.00" in chosen
    bad = browser.post("/checkout/place/", fields | {"coupons": "chosen", "coupon": pieces["SPRING"]}, follow=True)
    assert "再买 ¥2.00" in bad.content.decode()
    both = [pieces["TOLD"], pieces["FARM"]]
    assert browser.post("/checkout/place/", fields | {"coupons": "chosen", "coupon": both}).status_code == 302
    order = Order.objects.get()
    assert order.discount_fen == 800
    assert {line.credit_reason for line in order.lines.all()} == {"coupon_code"}
    assert "云岭茶券" in browser.get(f"/orders/{order.number}/").content.decode()
    assert "云岭茶券" in browser.get("/me/coupons/?tab=used").content.decode()
    assert "没有过期的优惠券" in browser.get("/me/coupons/?tab=expired").content.decode()

    desk = Client()
    desk.force_login(ahe.distributor.user)
    assert "AHE3" in desk.get("/dashboard/codes/").content.decode()
    assert (
        "code-sold-AHE3"
        in desk.get("/dashboard/codes/sold/?codes=AHE3,OTHER", headers={"HX-Request": "true"}).content.decode()
    )
    taken = desk.post("/dashboard/codes/new/", {"coupon": "TOLD", "code": "AHE4"}).content.decode()
    assert "你已经有优惠码了" in taken
    desk.post("/dashboard/codes/AHE3/end/")
    assert browser.get("/k/AHE3/").status_code == 404


def test_the_mini_program_does_the_same() -> None:
    tea = world.product(world.yunling(), "云岭白茶", supply_fen=6_000, retail_fen=9_800)
    su, ahe = world.customer("苏 Su"), world.ahe()
    coupon("SPRING", for_distributors=True)
    token = issue_tokens(user=su, device="phone", now=world.now()).access
    api = Client(headers={"Authorization": f"Bearer {token}", "Accept-Language": "en"})
    seller = Client(
        headers={
            "Authorization": f"Bearer {issue_tokens(user=ahe.distributor.user, device='x', now=world.now()).access}"
        }
    )

    def post(client: Client, path: str, body: dict[str, object], **headers: str):
        return client.post(f"/api/v1/{path}", body, content_type="application/json", headers=headers)

    assert [row["code"] for row in seller.get("/api/v1/me/store/codes/").json()["offered"]] == ["SPRING"]
    made = post(seller, "me/store/codes/", {"coupon": "SPRING", "code": "AHE20"})
    assert (made.status_code, made.json()["url"].endswith("/k/AHE20/")) == (201, True)
    (offered,) = api.get("/api/v1/coupons/").json()["results"]
    assert (offered["text"], offered["held"]) == ("¥20 off goods from ¥100", 0)
    entered = post(api, "codes/", {"code": "AHE20"}).json()
    piece = entered["piece"]["number"]
    refused = post(api, "coupons/SPRING/claim/", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "limit_reached")
    items = [{"sku": world.sku_of(tea).number, "quantity": 2}]
    found = post(api, "quotes/", {"items": items}).json()
    assert (found["coupon_fen"], found["best_coupon_fen"]) == (2_000, 2_000)
    assert found["coupons"][0]["lines"] == [{"line": 1, "discount_fen": 2_000}]
    without = post(api, "quotes/", {"items": items, "coupons": []}).json()
    assert (without["coupon_fen"], without["coupons"][0]["alone_fen"]) == (0, 2_000)
    body = {"items": items, "address": world.address(su).number, "coupons": [piece]}
    order = post(api, "orders/", body, **{"Idempotency-Key": "coupons-first"})
    assert (order.status_code, order.json()["discount_fen"]) == (201, 2_000)
    shares = [{"line": 1, "discount_fen": 2_000}]
    facts = {"code": "SPRING", "name": "春日满减", "supplier": "", "discount_fen": 2_000, "is_returned": False}
    assert (order.json()["coupon_fen"], order.json()["coupons"]) == (2_000, [facts | {"lines": shares}])
    assert api.get(f"/api/v1/orders/{order.json()['number']}/").json() == order.json()
    again = post(api, "orders/", body, **{"Idempotency-Key": "coupons-first"})
    assert again.json() == order.json()
    used = post(api, "orders/", body, **{"Idempotency-Key": "coupons-second"})
    assert (used.status_code, used.json()["code"], used.json()["reason"]) == (409, "coupon_refused", "unknown")
    (mine,) = api.get("/api/v1/me/coupons/?state=used").json()["results"]
    assert (mine["order"], mine["code"]) == (order.json()["number"], "AHE20")


def test_a_supplier_makes_opens_and_closes_her_coupon() -> None:
    browser = Client()
    browser.force_login(world.yunling().members.get().user)
    terms = {
        "code": "TEA5", "name": "新茶五元", "kind": "amount", "amount_fen": "5", "min_fen": "3", "scope": "all",
        "claim_until": "2036-01-01T00:00", "use_days": 7, "per_person_max": 1, "pieces_max": 100, "budget_fen": "500",
        "stacking_group": "supplier",
    }  # fmt: skip
    wrong = browser.post("/supplier/coupons/coupon/add/", terms)
    assert (wrong.status_code, "使用门槛须高于优惠金额" in wrong.content.decode()) == (400, True)
    browser.post("/supplier/coupons/coupon/add/", terms | {"min_fen": "30"})
    made = Coupon.objects.get()
    assert (made.supplier, made.supplier_bp, made.state) == (world.yunling(), 10_000, "draft")
    base = f"/supplier/coupons/coupon/{made.pk}/act"
    # A draft is changed in the form it was made in, with what it says so far.
    shown = browser.get(f"{base}/edit/").content.decode()
    assert ('value="5"' in shown or 'value="5.00"' in shown) and 'value="TEA5"' in shown
    changed = terms | {"code": "TEA6", "amount_fen": "6", "min_fen": "30", "scope": "products", "scope_keys": "P1， P2"}
    assert browser.post(f"{base}/edit/", changed | {"amount_fen": "40"}).status_code == 400
    assert browser.post(f"{base}/edit/", changed).status_code == 302
    made.refresh_from_db()
    assert (made.code, made.amount_fen, made.scope_keys, made.supplier_bp) == ("TEA6", 600, ["P1", "P2"], 10_000)
    for act, data, state in (
        ("open", {}, "open"),
        ("pause", {"reason": "盘点"}, "paused"),
        ("open", {}, "open"),
        ("grow", {"budget_fen": "800"}, "open"),
        ("close", {"reason": "茶季结束"}, "closed"),
    ):
        assert browser.get(f"{base}/{act}/").status_code == 200
        assert browser.post(f"{base}/{act}/", data | {"do": "1"}).status_code == 302
        made.refresh_from_db()
        assert made.state == state
    assert made.budget_fen == 80_000
    # What people were promised stays.
    assert browser.post(f"{base}/edit/", changed).status_code == 400
    staff = Client()
    staff.force_login(world.person("阳叔 Yang"))
    assert staff.get("/admin/coupons/coupon/").status_code != 200
