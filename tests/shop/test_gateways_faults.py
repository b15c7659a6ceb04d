"""When the line breaks: whatever the gateway did, the caller learns "unknown", and the same number settles it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from shop.gateways.contract import Gateway, GatewayRefused, GatewayUnknown
from shop.gateways.credentials import credentials_from_settings
from shop.gateways.sandbox.client import SandboxControl
from shop.gateways.wechat_pay import WechatPay
from tests.shop.gateway_steps import collection, paid, refund, transfer

DONE = ["drop_answer", "timeout_answer", "error_after", "garbage", "bad_signature", "unsigned"]
NOT_DONE = ["drop_before", "timeout_before", "error_before", "busy", "bad_gateway"]


@pytest.fixture
def hasty(sandbox: SandboxControl) -> WechatPay:
    """The adapter with little patience, so that time-outs come soon. Only for the call that is to fail: a busy machine may take as long."""
    return WechatPay(credentials_from_settings(), name="sandbox", notice_max_age_seconds=300, timeout=(1.0, 0.3))


@pytest.mark.parametrize("mode", DONE + NOT_DONE)
def test_collect_with_unknown_outcome_is_settled_by_its_number(
    sandbox: SandboxControl, gateway: Gateway, hasty: WechatPay, mode: str
) -> None:
    sandbox.fail("collect", mode, seconds=0.6)
    with pytest.raises(GatewayUnknown):
        hasty.collect(collection(sandbox))
    assert gateway.query_payment("PAY000001").state == ("unpaid" if mode in DONE else "not_found")
    assert gateway.collect(collection(sandbox)).prepay_id
    assert len(sandbox.state()["payments"]) == 1


@pytest.mark.parametrize("mode", DONE + NOT_DONE)
def test_refund_with_unknown_outcome_happens_once(
    sandbox: SandboxControl, gateway: Gateway, hasty: WechatPay, mode: str
) -> None:
    paid(sandbox, gateway)
    sandbox.fail("refund", mode, seconds=0.6)
    with pytest.raises(GatewayUnknown):
        refund(hasty)
    assert gateway.query_refund("REF1").state == ("succeeded" if mode in DONE else "not_found")
    refund(gateway)
    assert [row["amount_fen"] for row in sandbox.state()["refunds"]] == [345]


@pytest.mark.parametrize("mode", DONE + NOT_DONE)
def test_transfer_with_unknown_outcome_happens_once(
    sandbox: SandboxControl, gateway: Gateway, hasty: WechatPay, mode: str
) -> None:
    sandbox.turn(transfer_mode="instant")
    sandbox.fail("transfer", mode, seconds=0.6)
    with pytest.raises(GatewayUnknown):
        transfer(sandbox, hasty)
    assert gateway.query_transfer("BILL1").state == ("paid" if mode in DONE else "not_found")
    assert transfer(sandbox, gateway).state == "paid"
    assert len(sandbox.book()) == 1


@pytest.mark.parametrize("mode", DONE + NOT_DONE)
@pytest.mark.parametrize(
    "endpoint", ["query_payment", "close_payment", "query_refund", "query_transfer", "cancel_transfer"]
)
def test_every_other_call_tells_unknown(
    sandbox: SandboxControl, gateway: Gateway, hasty: WechatPay, endpoint: str, mode: str
) -> None:
    numbers = {"query_refund": "REF1", "query_transfer": "BILL1", "cancel_transfer": "BILL1"}
    gateway.collect(collection(sandbox))
    paid(sandbox, gateway, "PAY000002")
    refund(gateway, payment_number="PAY000002")
    transfer(sandbox, gateway)
    sandbox.fail(endpoint, mode, seconds=0.6)
    call: Callable[[str], object] = getattr(hasty, endpoint)
    with pytest.raises(GatewayUnknown):
        call(numbers.get(endpoint, "PAY000001"))


def test_three_hundred_tries_with_a_bad_line_pay_each_bill_once(sandbox: SandboxControl, hasty: WechatPay) -> None:
    sandbox.seed(7)
    sandbox.turn(transfer_mode="instant")
    for mode in ("drop_answer", "drop_before", "error_after", "busy"):
        sandbox.fail("transfer", mode, times=None, percent=20)
    unknown = 0
    for index in range(300):
        number = f"BILL{index}"
        while True:
            try:
                transfer(sandbox, hasty, number)
            except GatewayUnknown:
                unknown += 1
                if hasty.query_transfer(number).state == "paid":
                    break
            else:
                break
    book = sandbox.book()
    assert unknown > 100
    assert sorted(line.number for line in book) == sorted(f"BILL{index}" for index in range(300))


def test_slow_answer_within_patience_is_an_answer(sandbox: SandboxControl, gateway: Gateway) -> None:
    sandbox.fail("collect", "delay", seconds=0.1)
    assert gateway.collect(collection(sandbox)).prepay_id


def test_refusal_carries_the_gateways_own_word(sandbox: SandboxControl, hasty: WechatPay) -> None:
    sandbox.fail("transfer", "refuse", status=403, code="NO_AUTH", message="产品权限未开通")
    with pytest.raises(GatewayRefused) as refusal:
        transfer(sandbox, hasty)
    assert (refusal.value.code, refusal.value.message) == ("NO_AUTH", "产品权限未开通")


@pytest.mark.parametrize(
    ("status", "code"), [(400, "SYSTEM_ERROR"), (403, "FREQUENCY_LIMITED"), (429, "RATELIMIT_EXCEEDED")]
)
def test_busy_words_are_unknown_whatever_the_status(
    sandbox: SandboxControl, hasty: WechatPay, status: int, code: str
) -> None:
    sandbox.fail("refund", "refuse", status=status, code=code)
    with pytest.raises(GatewayUnknown):
        refund(hasty)


def test_nobody_listening_is_unknown(sandbox: SandboxControl) -> None:
    credentials = replace(credentials_from_settings(), pay_base_url="http://127.0.0.1:9")
    nowhere = WechatPay(credentials, name="sandbox", notice_max_age_seconds=300, timeout=(0.5, 0.5))
    with pytest.raises(GatewayUnknown) as unknown:
        nowhere.query_payment("PAY000001")
    assert "Authorization" not in str(unknown.value)


def test_answer_signed_by_another_platform_is_unknown(sandbox: SandboxControl, sandbox_process) -> None:
    # The merchant's own public key in the place of WeChat's: no answer fits it.
    key = (sandbox_process.home / "merchant_public.pem").read_text().strip()
    credentials = replace(credentials_from_settings(), platform_public_key=key)
    fooled = WechatPay(credentials, name="sandbox", notice_max_age_seconds=300)
    with pytest.raises(GatewayUnknown, match="believed"):
        fooled.collect(collection(sandbox))


def test_wrong_merchant_key_is_refused(sandbox: SandboxControl) -> None:
    credentials = replace(credentials_from_settings(), cert_serial="SANDBOX00")
    stranger = WechatPay(credentials, name="sandbox", notice_max_age_seconds=300)
    with pytest.raises(GatewayRefused, match="SIGN_ERROR"):
        stranger.collect(collection(sandbox))
    assert sandbox.state()["payments"] == []


def test_machine_with_a_wrong_clock_is_refused(sandbox: SandboxControl, hasty: WechatPay) -> None:
    sandbox.turn(signature_offset=600)
    with pytest.raises(GatewayRefused, match="SIGN_ERROR"):
        hasty.collect(collection(sandbox))
