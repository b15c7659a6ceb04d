"""The rail: each call as it should go, and numbers that are used twice."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from wechatpayv3 import WeChatPay as Library

from shop.gateways.contract import (
    Collection,
    CollectResult,
    Gateway,
    GatewayRefused,
    PaymentState,
    RefundState,
    TransferState,
)
from shop.gateways.sandbox.client import SandboxControl, SandboxError
from shop.gateways.wechat_pay import TIMEOUT, WechatPay, set_base_address

NOON = datetime.now(UTC).replace(microsecond=0)


def collection(sandbox: SandboxControl, number: str = "PAY000001", **changed: object) -> Collection:
    asked = Collection(
        number=number,
        amount_fen=12_345,
        description="烟台苹果 5kg",
        expires_at=NOON + timedelta(minutes=30),
        payer_openid=sandbox.openid_of("mei"),
    )
    return replace(asked, **changed)  # type: ignore[arg-type]


def paid(sandbox: SandboxControl, gateway: Gateway, number: str = "PAY000001") -> str:
    """Mei has paid 123.45 yuan; returns the transaction id."""
    gateway.collect(collection(sandbox, number))
    transaction_id: str = sandbox.pay(number)["transaction_id"]
    return transaction_id


def refund(gateway: Gateway, number: str = "REF1", amount_fen: int = 345, **changed: object) -> RefundState:
    asked = {"payment_number": "PAY000001", "total_fen": 12_345, "reason": "少发了一件"} | changed
    return gateway.refund(number=number, amount_fen=amount_fen, **asked)  # type: ignore[arg-type]


def transfer(sandbox: SandboxControl, gateway: Gateway, number: str = "BILL1", **changed: object) -> TransferState:
    asked = {"openid": sandbox.openid_of("lin"), "amount_fen": 5_000, "real_name": None, "remark": "十一月佣金"}
    return gateway.transfer(number=number, **(asked | changed))  # type: ignore[arg-type]


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
        set_base_address(Changed(), "https://api.mch.weixin.qq.com")  # type: ignore[arg-type]
    assert not hasattr(Library, "_gate_way")


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


# Asking about payments


def test_query_follows_the_payment(sandbox: SandboxControl, gateway: Gateway) -> None:
    number, mei = "PAY000001", sandbox.openid_of("mei")
    assert gateway.query_payment(number) == PaymentState(number, "not_found")
    gateway.collect(collection(sandbox))
    assert gateway.query_payment(number) == PaymentState(number, "unpaid", 12_345, payer_openid=mei)
    transaction_id = sandbox.pay(number)["transaction_id"]
    answer = gateway.query_payment(number)
    assert answer == PaymentState(number, "paid", 12_345, transaction_id, mei, answer.paid_at)
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


# Transfers


def test_transfer_waits_for_the_person(sandbox: SandboxControl, gateway: Gateway) -> None:
    assert gateway.query_transfer("BILL1") == TransferState("BILL1", "not_found")
    started = transfer(sandbox, gateway)
    assert (started.state, started.amount_fen) == ("waiting_user", 5_000)
    assert started.package_info
    waiting = gateway.query_transfer("BILL1")
    assert waiting == replace(started, package_info="")
    sandbox.confirm_transfer("BILL1")
    done = gateway.query_transfer("BILL1")
    assert done == replace(waiting, state="paid", finished_at=done.finished_at)
    assert done.finished_at is not None


def test_transfer_uses_the_scene_of_commissions(sandbox: SandboxControl, gateway: Gateway) -> None:
    transfer(sandbox, gateway)
    (row,) = sandbox.state()["transfers"]
    assert (row["scene"], row["remark"], row["user_name"]) == ("1005", "十一月佣金", "")
    assert row["notify_url"] == "http://testserver/api/v1/webhooks/wechat/transfer/"


def test_same_bill_number_pays_once_and_gives_the_package_again(sandbox: SandboxControl, gateway: Gateway) -> None:
    assert transfer(sandbox, gateway) == transfer(sandbox, gateway)
    sandbox.confirm_transfer("BILL1")
    assert transfer(sandbox, gateway).state == "paid"
    assert len(sandbox.state()["transfers"]) == 1


@pytest.mark.parametrize("changed", [{"amount_fen": 5_001}, {"openid": "oThief"}, {"remark": "别的"}])
def test_same_bill_number_other_facts_is_refused(sandbox: SandboxControl, gateway: Gateway, changed: dict) -> None:
    transfer(sandbox, gateway)
    with pytest.raises(GatewayRefused, match="INVALID_REQUEST"):
        transfer(sandbox, gateway, **changed)
    assert len(sandbox.state()["transfers"]) == 1


def test_large_transfer_needs_a_name_and_encrypts_it(sandbox: SandboxControl, gateway: Gateway) -> None:
    with pytest.raises(GatewayRefused, match="real name"):
        transfer(sandbox, gateway, amount_fen=200_000)
    transfer(sandbox, gateway, amount_fen=200_000, real_name="林小芳")
    # The sandbox could read it only with the platform's private key.
    assert sandbox.state()["transfers"][0]["user_name"] == "林小芳"
    assert transfer(sandbox, gateway, amount_fen=200_000, real_name="林小芳").state == "waiting_user"


def test_transfer_under_another_name_fails(sandbox: SandboxControl, gateway: Gateway) -> None:
    sandbox.turn(known_names={sandbox.openid_of("lin"): "林小芳"})
    answer = transfer(sandbox, gateway, real_name="王大力")
    assert (answer.state, answer.fail_reason) == ("failed", "NAME_NOT_CORRECT")


@pytest.mark.parametrize("changed", [{"amount_fen": 9}, {"number": "BILL-1"}, {"openid": ""}])
def test_transfer_of_nonsense_never_leaves_the_house(
    sandbox: SandboxControl, gateway: Gateway, changed: dict
) -> None:
    with pytest.raises(GatewayRefused) as refusal:
        transfer(sandbox, gateway, **changed)
    assert refusal.value.code == "PARAM_ERROR"
    assert sandbox.calls() == []


def test_unconfirmed_transfer_fails_after_a_day(sandbox: SandboxControl, gateway: Gateway) -> None:
    transfer(sandbox, gateway)
    sandbox.shift_clock(seconds=24 * 3600 - 60)
    assert gateway.query_transfer("BILL1").state == "waiting_user"
    sandbox.shift_clock(seconds=120)
    answer = gateway.query_transfer("BILL1")
    assert (answer.state, answer.fail_reason) == ("failed", "OVERDUE_CLOSE")
    with pytest.raises(SandboxError):
        sandbox.confirm_transfer("BILL1")


def test_cancelled_transfer_is_processing_first(sandbox: SandboxControl, gateway: Gateway) -> None:
    transfer(sandbox, gateway)
    assert gateway.cancel_transfer("BILL1").state == "processing"
    assert gateway.query_transfer("BILL1").state == "cancelled"
    assert gateway.cancel_transfer("BILL1").state == "cancelled"


def test_confirmed_transfer_cannot_be_cancelled(sandbox: SandboxControl, gateway: Gateway) -> None:
    transfer(sandbox, gateway)
    sandbox.confirm_transfer("BILL1")
    with pytest.raises(GatewayRefused, match="INVALID_REQUEST"):
        gateway.cancel_transfer("BILL1")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("ACCEPTED", "accepted"),
        ("PROCESSING", "processing"),
        ("WAIT_USER_CONFIRM", "waiting_user"),
        ("TRANSFERING", "transferring"),
    ],
)
def test_transfer_states_in_between(sandbox: SandboxControl, gateway: Gateway, theirs: str, ours: str) -> None:
    sandbox.turn(transfer_mode="accepted")
    assert transfer(sandbox, gateway).state == "accepted"
    sandbox.advance_transfer("BILL1", theirs)
    assert gateway.query_transfer("BILL1").state == ours


@pytest.mark.parametrize(("mode", "state"), [("instant", "paid"), ("fail", "failed")])
def test_transfer_may_end_at_once(sandbox: SandboxControl, gateway: Gateway, mode: str, state: str) -> None:
    sandbox.turn(transfer_mode=mode)
    assert transfer(sandbox, gateway).state == state
    assert [notice.kind for notice in sandbox.pending_notices()] == ["transfer"]


def test_transfer_beyond_the_balance_is_refused(sandbox: SandboxControl, gateway: Gateway) -> None:
    sandbox.turn(balance_fen=7_000)
    transfer(sandbox, gateway)
    with pytest.raises(GatewayRefused, match="NOT_ENOUGH"):
        transfer(sandbox, gateway, "BILL2")
    gateway.cancel_transfer("BILL1")
    assert transfer(sandbox, gateway, "BILL2").state == "waiting_user"
