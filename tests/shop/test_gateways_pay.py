"""The rail: each call as it should go, and numbers that are used twice."""

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.db import transaction
from django.db.transaction import TransactionManagementError
from wechatpayv3 import WeChatPay as Library

from shop.gateways.contract import (
    CollectResult,
    Gateway,
    GatewayRefused,
    PaymentState,
    RefundState,
)
from shop.gateways.registry import wechat_open
from shop.gateways.sandbox.client import SandboxControl, SandboxError
from shop.gateways.sms import sms_sender
from shop.gateways.wechat_pay import TIMEOUT, WechatPay, set_base_address
from tests.shop.gateway_steps import collection, paid, refund

# The library


def test_library_still_keeps_its_address_where_we_set_it(gateway: WechatPay, sandbox: SandboxControl) -> None:
    assert gateway._library._core._gate_way == sandbox.base_url
    assert gateway._library._core._timeout == TIMEOUT == (3, 10)


def test_library_without_the_attribute_stops_the_start() -> None:
    class Core:
        pass

    class Changed:
        _core = Core()

    with pytest.raises(AttributeError):
        set_base_address(Changed(), "https://api.mch.weixin.qq.com")
    assert not hasattr(Library, "_gate_way")


# Waiting


@pytest.mark.django_db
def test_nobody_is_waited_for_inside_a_transaction(sandbox: SandboxControl, gateway: WechatPay) -> None:
    """Whoever opened one would hold its locks for as long as the other side likes."""
    openly = wechat_open()
    calls: list[Callable[[], object]] = [
        lambda: gateway.collect(collection(sandbox)),
        lambda: gateway.query_payment("PAY000001"),
        lambda: gateway.close_payment("PAY000001"),
        lambda: gateway.query_refund("REF000001"),
        lambda: refund(gateway, "REF000001", 1),
        lambda: gateway.query_transfer("BILL00001"),
        lambda: gateway.cancel_transfer("BILL00001"),
        lambda: list(gateway.book(datetime(2026, 1, 1, tzinfo=UTC))),
        lambda: openly.code_to_session(sandbox.login_code("su", "nonce")),
        lambda: sms_sender().send_code(phone="13800000001", code="123456"),
    ]
    before = len(sandbox.calls())
    for call in calls:
        with pytest.raises(TransactionManagementError, match="nobody outside is waited for"), transaction.atomic():
            call()
    assert len(sandbox.calls()) == before
    assert gateway.query_payment("PAY000001").state == "not_found"


# Collecting


def test_jsapi_gives_params_signed_by_the_merchant(sandbox: SandboxControl, gateway: Gateway, settings) -> None:
    result = gateway.collect(collection(sandbox))
    told = result.client_params
    assert set(told) == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
    assert told["appId"] == settings.LINJIA_WECHAT_APP_ID
    assert told["package"] == f"prepay_id={result.prepay_id}"
    assert told["signType"] == "RSA"
    assert abs(int(told["timeStamp"]) - datetime.now(UTC).timestamp()) < 60
    assert len(told["nonceStr"]) <= 32
    lines = "".join(f"{told[name]}\n" for name in ("appId", "timeStamp", "nonceStr", "package"))
    pem = Path(settings.LINJIA_SANDBOX_HOME, "merchant_public.pem").read_bytes()
    key = load_pem_public_key(pem)
    assert isinstance(key, RSAPublicKey)
    signature = base64.b64decode(told["paySign"])
    key.verify(signature, lines.encode(), PKCS1v15(), SHA256())
    with pytest.raises(InvalidSignature):
        key.verify(signature, lines.rstrip().encode(), PKCS1v15(), SHA256())


@pytest.mark.parametrize("kind", ["native", "h5"])
def test_other_kinds_give_an_address(sandbox: SandboxControl, gateway: Gateway, kind: str) -> None:
    result = gateway.collect(collection(sandbox, kind=kind, payer_openid=None, payer_ip="203.0.113.7"))
    prepay_id = sandbox.state()["payments"][0]["prepay_id"]
    assert result == CollectResult("", {}, f"{sandbox.base_url}/pay/{prepay_id}")


def test_same_number_same_facts_is_the_same_payment(sandbox: SandboxControl, gateway: Gateway) -> None:
    first, again = gateway.collect(collection(sandbox)), gateway.collect(collection(sandbox))
    assert first.prepay_id == again.prepay_id
    assert len(sandbox.state()["payments"]) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"amount_fen": 12_344},
        {"payer_openid": "oSomebodyElse"},
        {"description": "别的商品"},
        {"kind": "native"},
    ],
)
def test_same_number_other_facts_is_refused(sandbox: SandboxControl, gateway: Gateway, changed: dict) -> None:
    gateway.collect(collection(sandbox))
    with pytest.raises(GatewayRefused) as refusal:
        gateway.collect(collection(sandbox, **changed))
    assert refusal.value.code == "INVALID_REQUEST"
    assert sandbox.state()["payments"][0]["amount_fen"] == 12_345


@pytest.mark.parametrize(
    "changed",
    [
        {"number": "short"},
        {"number": "x" * 33},
        {"number": "PAY/../0001"},
        {"amount_fen": 0},
        {"amount_fen": -1},
        {"amount_fen": 1.5},
        {"amount_fen": True},
        {"payer_openid": None},
        {"expires_at": datetime(2030, 1, 1)},
    ],
)
def test_nonsense_never_leaves_the_house(sandbox: SandboxControl, gateway: Gateway, changed: dict) -> None:
    with pytest.raises(GatewayRefused) as refusal:
        gateway.collect(collection(sandbox, **changed))
    assert refusal.value.code == "PARAM_ERROR"
    assert sandbox.calls() == []


def test_long_description_is_cut(sandbox: SandboxControl, gateway: Gateway) -> None:
    gateway.collect(collection(sandbox, description="苹" * 200))
    assert sandbox.state()["payments"][0]["description"] == "苹" * 127


def test_an_end_within_a_minute_is_refused(sandbox: SandboxControl, gateway: Gateway) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=59)
    with pytest.raises(GatewayRefused, match="time_expire"):
        gateway.collect(collection(sandbox, expires_at=soon))
    gateway.collect(collection(sandbox, expires_at=soon + timedelta(seconds=30)))


# Asking about payments


def test_query_follows_the_payment(sandbox: SandboxControl, gateway: Gateway, settings) -> None:
    number, mei, app = "PAY000001", sandbox.openid_of("mei"), settings.LINJIA_WECHAT_APP_ID
    assert gateway.query_payment(number) == PaymentState(number, "not_found")
    gateway.collect(collection(sandbox))
    assert gateway.query_payment(number) == PaymentState(number, "unpaid", 12_345, payer_openid=mei, app_id=app)
    transaction_id = sandbox.pay(number)["transaction_id"]
    answer = gateway.query_payment(number)
    assert answer == PaymentState(number, "paid", 12_345, transaction_id, mei, answer.paid_at, app_id=app)
    assert answer.paid_at is not None and abs(answer.paid_at.timestamp() - datetime.now(UTC).timestamp()) < 60
    refund(gateway)
    assert gateway.query_payment(number).state == "refunded"


def test_closed_payment_cannot_be_paid_or_collected(sandbox: SandboxControl, gateway: Gateway) -> None:
    gateway.collect(collection(sandbox))
    gateway.close_payment("PAY000001")
    gateway.close_payment("PAY000001")
    assert gateway.query_payment("PAY000001").state == "closed"
    with pytest.raises(SandboxError) as refusal:
        sandbox.pay("PAY000001")
    assert refusal.value.code == "ORDER_CLOSED"
    with pytest.raises(GatewayRefused, match="ORDER_CLOSED"):
        gateway.collect(collection(sandbox))


def test_paid_payment_cannot_be_closed(sandbox: SandboxControl, gateway: Gateway) -> None:
    paid(sandbox, gateway)
    with pytest.raises(GatewayRefused, match="ORDERPAID"):
        gateway.close_payment("PAY000001")
    assert gateway.query_payment("PAY000001").state == "paid"


def test_closing_the_unknown_is_refused(gateway: Gateway) -> None:
    with pytest.raises(GatewayRefused, match="ORDER_NOT_EXIST"):
        gateway.close_payment("PAY000001")


def test_time_closes_a_payment(sandbox: SandboxControl, gateway: Gateway) -> None:
    gateway.collect(collection(sandbox))
    sandbox.shift_clock(seconds=31 * 60)
    assert gateway.query_payment("PAY000001").state == "closed"


def test_late_payment_arrives_after_the_close(sandbox: SandboxControl, gateway: Gateway) -> None:
    gateway.collect(collection(sandbox))
    gateway.close_payment("PAY000001")
    transaction_id = sandbox.pay_late("PAY000001")["transaction_id"]
    answer = gateway.query_payment("PAY000001")
    assert (answer.state, answer.transaction_id) == ("paid", transaction_id)
    assert [notice.kind for notice in sandbox.pending_notices()] == ["payment"]


def test_second_payment_is_a_second_transaction(sandbox: SandboxControl, gateway: Gateway) -> None:
    first = paid(sandbox, gateway)
    second = sandbox.pay_again("PAY000001")["transaction_id"]
    assert first != second
    assert gateway.query_payment("PAY000001").transaction_id == first
    refund(gateway, "REF2", 12_345, transaction_id=second)
    assert gateway.query_refund("REF2").state == "succeeded"
    assert refund(gateway, "REF1", 12_345).state == "processing"
    assert {row["transaction_id"] for row in sandbox.state()["refunds"]} == {first, second}


# Refunds


def test_refund_is_accepted_and_then_done(sandbox: SandboxControl, gateway: Gateway) -> None:
    paid(sandbox, gateway)
    assert gateway.query_refund("REF1") == RefundState("REF1", "", "not_found")
    accepted = refund(gateway)
    assert accepted == RefundState("REF1", "PAY000001", "processing", 345, accepted.refund_id, None)
    done = gateway.query_refund("REF1")
    assert done == replace(accepted, state="succeeded", succeeded_at=done.succeeded_at)
    assert done.succeeded_at is not None


def test_same_refund_number_refunds_once(sandbox: SandboxControl, gateway: Gateway) -> None:
    paid(sandbox, gateway)
    ids = {refund(gateway).refund_id for _ in range(3)}
    assert len(ids) == 1
    assert [row["amount_fen"] for row in sandbox.state()["refunds"]] == [345]


def test_same_refund_number_with_another_amount_is_refused(sandbox: SandboxControl, gateway: Gateway) -> None:
    paid(sandbox, gateway)
    refund(gateway)
    with pytest.raises(GatewayRefused, match="PARAM_ERROR"):
        refund(gateway, amount_fen=346)
    assert gateway.query_refund("REF1").amount_fen == 345


def test_refunds_never_exceed_the_payment(sandbox: SandboxControl, gateway: Gateway) -> None:
    paid(sandbox, gateway)
    refund(gateway, "REF1", 12_000)
    with pytest.raises(GatewayRefused, match="INVALID_REQUEST"):
        refund(gateway, "REF2", 346)
    assert refund(gateway, "REF3", 345).state == "processing"
    assert sum(row["amount_fen"] for row in sandbox.state()["refunds"]) == 12_345


def test_refund_with_a_wrong_total_is_refused(sandbox: SandboxControl, gateway: Gateway) -> None:
    paid(sandbox, gateway)
    with pytest.raises(GatewayRefused, match="PARAM_ERROR"):
        refund(gateway, total_fen=99_999)
    with pytest.raises(GatewayRefused, match="larger"):
        refund(gateway, amount_fen=12_346)


def test_fifty_refunds_and_no_more(sandbox: SandboxControl, gateway: Gateway) -> None:
    paid(sandbox, gateway)
    for index in range(50):
        refund(gateway, f"REF{index}", 1)
    with pytest.raises(GatewayRefused, match="50"):
        refund(gateway, "REF50", 1)


def test_refund_of_the_unpaid_is_refused(sandbox: SandboxControl, gateway: Gateway) -> None:
    gateway.collect(collection(sandbox))
    with pytest.raises(GatewayRefused) as refusal:
        refund(gateway)
    assert refusal.value.code == "RESOURCE_NOT_EXISTS"


def test_refund_after_a_year_is_refused(sandbox: SandboxControl, gateway: Gateway) -> None:
    paid(sandbox, gateway)
    sandbox.shift_clock(seconds=366 * 86400)
    with pytest.raises(GatewayRefused, match="year"):
        refund(gateway)


@pytest.mark.parametrize(("mode", "state"), [("abnormal", "abnormal"), ("closed", "closed")])
def test_refund_may_end_badly(sandbox: SandboxControl, gateway: Gateway, mode: str, state: str) -> None:
    paid(sandbox, gateway)
    sandbox.fail_refunds(mode)
    assert refund(gateway).state == "processing"
    assert gateway.query_refund("REF1").state == state


def test_held_refund_waits_for_its_end(sandbox: SandboxControl, gateway: Gateway) -> None:
    paid(sandbox, gateway)
    sandbox.hold_refunds()
    refund(gateway)
    assert gateway.query_refund("REF1").state == "processing"
    sandbox.finish_refund("REF1", "ABNORMAL")
    assert gateway.query_refund("REF1").state == "abnormal"
    sandbox.finish_refund("REF1")
    assert gateway.query_refund("REF1").state == "succeeded"
