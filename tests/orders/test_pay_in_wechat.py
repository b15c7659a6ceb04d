"""Paying inside WeChat: each app's own openid, from the signing-in to the notice, and nobody else's."""

import json
import re
from html import unescape
from typing import Any

import pytest

from orders.flow import reversal, tasks
from orders.flow.notices import receive_notice
from orders.flow.shipping import upload_shipping
from orders.payments.actions import NoticeMismatch, PaymentRefused, start_payment
from orders.payments.models import Payment
from orders.shipments.models import Shipment
from shop.accounts.actions import sign_in_with_wechat
from shop.gateways.sandbox.client import SandboxControl
from shop.gateways.sandbox.people import openid_of
from tests import world
from tests.asking import Caller, told
from tests.orders import trade
from tests.shop.test_web_wechat import allow, browser

pytestmark = pytest.mark.django_db


def test_each_app_pays_with_its_own_openid(sandbox: SandboxControl, settings: Any, deliver_notices: Any) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
    account, mini = settings.LINJIA_WECHAT_ACCOUNT_APP_ID, settings.LINJIA_WECHAT_APP_ID
    world.rule()
    order = trade.placed((world.product(world.yunling(), "云岭白茶"), 2, world.ahe()))
    su = order.user
    wechat = browser()
    wechat.force_login(su)
    cashier = f"/orders/{order.number}/pay/"

    # She signed in by phone: WeChat's browser has no openid of hers yet, and no payment is begun without one.
    way = re.search(r'href="(/sign-in/wechat/[^"]+)"', wechat.get(cashier).content.decode())
    assert way is not None
    wechat.post(cashier)
    assert not Payment.objects.exists()
    page = wechat.get(unescape(way.group(1))).headers["Location"]
    assert wechat.get(allow(page, "苏小小")).headers["Location"] == cashier

    assert wechat.post(cashier).headers["Location"] == cashier
    payment = Payment.objects.get(order=order)
    theirs = openid_of(account, "苏小小")
    assert (payment.kind, payment.app_id, payment.payer_openid) == ("jsapi", account, theirs)
    assert payment.client_params["appId"] == account
    practice = wechat.get(cashier).content.decode()
    assert f"{settings.LINJIA_SANDBOX_URL}/pay/{payment.prepay_id}?" in practice
    # The real channel hands the signed arguments to WeChat's own browser, whole.
    settings.LINJIA_SANDBOX = False
    settings.LINJIA_WECHAT_ACCOUNT_APP_SECRET = "as-configured"
    for_wechat = re.search(r'data-wechat-pay="([^"]+)"', wechat.get(cashier).content.decode())
    settings.LINJIA_SANDBOX = True
    assert for_wechat is not None
    assert json.loads(unescape(for_wechat.group(1))) == payment.client_params

    # The same order from the mini-program: another openid, another payment; neither app takes the other's openid.
    sign_in_with_wechat(app_id=mini, openid=sandbox.openid_of("苏小小"), phone=su.phone)
    phone = Caller(su)
    by_mini = told(phone.post(f"orders/{order.number}/payments/", {}, key="pay-in-mini-1"), 201)
    assert by_mini["client_params"]["appId"] == mini
    again = told(phone.post(f"orders/{order.number}/payments/", {"app": "official_account"}, key="pay-in-page-1"), 201)
    assert again["number"] == payment.number
    for app_id, openid in ((account, openid_of(mini, "周")), (mini, openid_of(account, "周"))):
        with pytest.raises(PaymentRefused) as refused:
            start_payment(order=order, kind="jsapi", payer_openid=openid, app_id=app_id, now=world.now())
        assert refused.value.extra["gateway_code"] == "PARAM_ERROR"
    with pytest.raises(PaymentRefused):
        start_payment(order=order, kind="jsapi", payer_openid=theirs, app_id="wx-of-somebody", now=world.now())

    # A true signature that names our other app is about another payment.
    headers, body = sandbox.claim_notice(payment.number, payment.amount_fen)
    with pytest.raises(NoticeMismatch) as odd:
        receive_notice(gateway_name="sandbox", headers=headers, body=body, now=world.now())
    assert odd.value.field == "app_id"

    sandbox.pay(payment.number)
    paid_sent_and_given_back(payment, theirs, deliver_notices)


def paid_sent_and_given_back(payment: Payment, theirs: str, deliver_notices: Any) -> None:
    order = payment.order
    assert set(deliver_notices("payment")) <= {200, 204}
    payment.refresh_from_db()
    order.refresh_from_db()
    assert (order.state, payment.is_applied, payment.payer_openid) == ("paid", True, theirs)
    # WeChat wants to hear of parcels of its mini-program only, and money goes back whichever app it came through.
    trade.ship(order)
    assert upload_shipping(number=Shipment.objects.get(order=order).number, now=world.now()) is False
    refund = reversal.refund(
        order_number=order.number,
        lines=trade.everything(order),
        freight_fen=0,
        cause="staff",
        restock=False,
        actor="staff",
        now=world.now(),
    )
    tasks.send_refund(subject=refund.number, now=world.now())
    refund.refresh_from_db()
    assert (refund.payment_id, refund.state, refund.amount_fen) == (payment.pk, "sent", 2 * 9_800)
