"""Notices: the true one is believed, everything else is refused."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.http import HttpRequest

from shop.gateways.contract import Gateway, Notice, NoticeRejected
from shop.gateways.registry import gateway_named
from shop.gateways.sandbox import forgeries
from shop.gateways.sandbox.client import SandboxControl, SentNotice
from tests.shop.gateway_steps import collection, paid, refund, transfer

VARIANTS = sorted(forgeries.VARIANTS)


def now() -> datetime:
    return datetime.now(UTC)


def read(gateway: Gateway, notice: SentNotice, at: datetime | None = None) -> Notice:
    return gateway.read_notice(notice.headers, notice.body, at or now())


def test_payment_notice_tells_the_payment(sandbox: SandboxControl, gateway: Gateway, settings) -> None:
    transaction_id = paid(sandbox, gateway)
    (sent,) = sandbox.pending_notices()
    assert (sent.path, sent.number) == ("/api/v1/webhooks/wechat/payment/", "PAY000001")
    notice = read(gateway, sent)
    merchant_id = json.loads(Path(settings.LINJIA_SANDBOX_HOME, "keys.json").read_text())["merchant_id"]
    assert notice == Notice(
        event_id=sent.event_id,
        kind="payment",
        number="PAY000001",
        state="paid",
        amount_fen=12_345,
        merchant_id=merchant_id,
        app_id=settings.LINJIA_WECHAT_APP_ID,
        transaction_id=transaction_id,
        created_at=notice.created_at,
        raw=notice.raw,
    )
    assert notice.raw["payer"]["openid"] == sandbox.openid_of("mei")
    assert abs(notice.created_at - now()) < timedelta(minutes=1)


@pytest.mark.parametrize(("mode", "state"), [("auto", "succeeded"), ("abnormal", "abnormal"), ("closed", "closed")])
def test_refund_notice_tells_the_refund(sandbox: SandboxControl, gateway: Gateway, mode: str, state: str) -> None:
    paid(sandbox, gateway)
    sandbox.turn(refund_mode=mode)
    refund_id = refund(gateway).refund_id
    (sent,) = sandbox.pending_notices("refund")
    assert sent.path == "/api/v1/webhooks/wechat/refund/"
    notice = read(gateway, sent)
    assert (notice.kind, notice.number, notice.state, notice.amount_fen, notice.transaction_id, notice.app_id) == (
        "refund",
        "REF1",
        state,
        345,
        refund_id,
        "",
    )


@pytest.mark.parametrize(("mode", "state"), [("instant", "paid"), ("fail", "failed")])
def test_transfer_notice_tells_the_transfer(sandbox: SandboxControl, gateway: Gateway, mode: str, state: str) -> None:
    sandbox.turn(transfer_mode=mode)
    bill_id = transfer(sandbox, gateway).bill_id
    (sent,) = sandbox.pending_notices()
    assert sent.path == "/api/v1/webhooks/wechat/transfer/"
    notice = read(gateway, sent)
    assert (notice.kind, notice.number, notice.state, notice.amount_fen, notice.transaction_id) == (
        "transfer",
        "BILL1",
        state,
        5_000,
        bill_id,
    )


def test_cancelled_and_expired_transfers_are_told(sandbox: SandboxControl, gateway: Gateway) -> None:
    transfer(sandbox, gateway, "BILL1")
    transfer(sandbox, gateway, "BILL2")
    gateway.cancel_transfer("BILL1")
    sandbox.expire_transfers()
    told = {(notice.number, read(gateway, notice).state) for notice in sandbox.pending_notices()}
    assert told == {("BILL1", "cancelled"), ("BILL2", "failed")}


def test_headers_may_come_as_django_has_them(sandbox: SandboxControl, gateway: Gateway) -> None:
    paid(sandbox, gateway)
    (sent,) = sandbox.pending_notices()
    request = HttpRequest()
    request.META = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in sent.headers.items()}
    assert gateway.read_notice(request.headers, sent.body, now()).number == "PAY000001"
    assert gateway.read_notice(request.META, sent.body, now()).number == "PAY000001"
    lower = {name.lower(): value for name, value in sent.headers.items()}
    assert gateway.read_notice(lower, sent.body, now()).number == "PAY000001"


# Forgeries


def test_there_are_enough_forgeries() -> None:
    assert len(VARIANTS) >= 30


@pytest.mark.parametrize("variant", VARIANTS)
def test_forged_notice_is_refused(sandbox: SandboxControl, gateway: Gateway, variant: str) -> None:
    gateway.collect(collection(sandbox))
    for _ in range(25):
        headers, body = sandbox.forge_notice(variant, "PAY000001", 12_345)
        with pytest.raises(NoticeRejected) as rejected:
            gateway.read_notice(headers, body, now())
        assert rejected.value.reason


def test_forgers_reasons_differ(sandbox: SandboxControl, gateway: Gateway) -> None:
    """Each variant is refused for what is wrong with it, not for some accident they share."""
    reasons = {}
    for variant in VARIANTS:
        headers, body = sandbox.forge_notice(variant, "PAY000001", 12_345)
        with pytest.raises(NoticeRejected) as rejected:
            gateway.read_notice(headers, body, now())
        reasons[variant] = rejected.value.reason
    assert reasons["probe"] == "a probe of WeChat's"
    assert reasons["other_merchant"] == "for another merchant"
    assert reasons["other_app"] == reasons["no_app"] == "for another app"
    assert reasons["no_serial"] == "missing: Wechatpay-Serial"
    assert reasons["unknown_serial"] == reasons["certificate_serial"] == "signed with a key that is not WeChat's"
    assert reasons["old"].startswith("signed 864")
    assert reasons["from_the_future"].startswith("signed -3")
    assert reasons["merchant_key"] == reasons["strange_key"] == reasons["re_encoded"]
    assert reasons["merchant_key"] == "signature or encryption is wrong"
    assert "another currency" in reasons["other_currency"]
    assert "not an amount" in reasons["amount_as_text"]


def test_unknown_serial_asks_no_network(sandbox: SandboxControl, gateway: Gateway) -> None:
    headers, body = sandbox.forge_notice("unknown_serial", "PAY000001", 12_345)
    with pytest.raises(NoticeRejected):
        gateway.read_notice(headers, body, now())
    assert sandbox.calls() == []


def test_true_notice_with_false_facts_shows_them(sandbox: SandboxControl, gateway: Gateway) -> None:
    """Signed by WeChat's key, yet not what we asked for: the notice shows it, so that the books can refuse it."""
    headers, body = sandbox.claim_notice("PAY000001", 1, transaction_id="4200OTHER")
    notice = gateway.read_notice(headers, body, now())
    assert (notice.amount_fen, notice.transaction_id) == (1, "4200OTHER")


@pytest.mark.parametrize(
    "changed",
    [
        {"out_trade_no": 5},
        {"out_trade_no": ""},
        {"trade_state": "WON"},
        {"attach": "a\x00b"},
        {"amount": None},
        {"amount": {"total": -5, "currency": "CNY"}},
    ],
)
def test_signed_nonsense_is_refused(sandbox: SandboxControl, gateway: Gateway, changed: dict) -> None:
    headers, body = sandbox.claim_notice("PAY000001", 12_345, **changed)
    with pytest.raises(NoticeRejected, match="understood"):
        gateway.read_notice(headers, body, now())


def test_huge_body_is_refused(sandbox: SandboxControl, gateway: Gateway) -> None:
    headers, body = sandbox.claim_notice("PAY000001", 12_345, attach="x" * 100_000)
    with pytest.raises(NoticeRejected, match="too long"):
        gateway.read_notice(headers, body, now())


@pytest.mark.parametrize("stamp", ["", "-5", "1e9", "１７９５３９８６７７", "9" * 40, "17953 98677", "1795398677.0"])
def test_strange_timestamps_are_refused(sandbox: SandboxControl, gateway: Gateway, stamp: str) -> None:
    paid(sandbox, gateway)
    (sent,) = sandbox.pending_notices()
    with pytest.raises(NoticeRejected):
        gateway.read_notice(sent.headers | {"Wechatpay-Timestamp": stamp}, sent.body, now())


# Age and clocks


@pytest.mark.parametrize("seconds", [-299, -60, 0, 60, 299])
def test_small_skew_does_not_lock_out_the_true_gateway(sandbox: SandboxControl, gateway: Gateway, seconds: int) -> None:
    paid(sandbox, gateway)
    (sent,) = sandbox.pending_notices()
    signed_at = datetime.fromtimestamp(int(sent.headers["Wechatpay-Timestamp"]), tz=UTC)
    assert read(gateway, sent, signed_at + timedelta(seconds=seconds)).number == "PAY000001"


@pytest.mark.parametrize("seconds", [-8 * 86400, -301, 301, 8 * 86400])
def test_large_skew_is_refused(sandbox: SandboxControl, gateway: Gateway, seconds: int) -> None:
    paid(sandbox, gateway)
    (sent,) = sandbox.pending_notices()
    signed_at = datetime.fromtimestamp(int(sent.headers["Wechatpay-Timestamp"]), tz=UTC)
    with pytest.raises(NoticeRejected, match="signed"):
        read(gateway, sent, signed_at + timedelta(seconds=seconds))


def test_gateway_with_a_wrong_clock(sandbox: SandboxControl, gateway: Gateway) -> None:
    paid(sandbox, gateway)
    sandbox.skew_signatures(600)
    (sent,) = sandbox.pending_notices()
    with pytest.raises(NoticeRejected):
        read(gateway, sent)
    sandbox.skew_signatures(240)
    (again,) = sandbox.replay_notices("PAY000001", fresh=True)
    assert read(gateway, again).number == "PAY000001"


def test_allowed_age_is_a_setting(sandbox: SandboxControl, gateway: Gateway, settings) -> None:
    paid(sandbox, gateway)
    (sent,) = sandbox.pending_notices()
    settings.LINJIA_NOTICE_MAX_AGE_SECONDS = 10
    with pytest.raises(NoticeRejected):
        read(gateway_named("sandbox"), sent, now() + timedelta(seconds=30))
    assert read(gateway, sent, now() + timedelta(seconds=30)).number == "PAY000001"


# What lines do to notices


def test_replayed_notice_has_the_same_event(sandbox: SandboxControl, gateway: Gateway) -> None:
    paid(sandbox, gateway)
    (first,) = sandbox.pending_notices()
    (same,) = sandbox.replay_notices("PAY000001")
    (fresh,) = sandbox.replay_notices("PAY000001", fresh=True)
    assert (same.headers, same.body) == (first.headers, first.body)
    assert fresh.headers["Wechatpay-Signature"] != first.headers["Wechatpay-Signature"]
    assert {read(gateway, notice).event_id for notice in (first, same, fresh)} == {first.event_id}
    with pytest.raises(NoticeRejected):
        read(gateway, same, now() + timedelta(minutes=6))


def test_copies_are_the_same_event(sandbox: SandboxControl, gateway: Gateway) -> None:
    sandbox.turn(notice_copies=50)
    paid(sandbox, gateway)
    sent = sandbox.pending_notices()
    assert len(sent) == 50
    assert len({read(gateway, notice).event_id for notice in sent}) == 1
    assert sandbox.pending_notices() == []


def test_reordered_notices_come_the_other_way_round(sandbox: SandboxControl, gateway: Gateway) -> None:
    sandbox.turn(notice_reorder=True)
    paid(sandbox, gateway)
    refund(gateway)
    assert [notice.kind for notice in sandbox.pending_notices()] == ["refund", "payment"]


def test_dropped_notices_never_come(sandbox: SandboxControl, gateway: Gateway) -> None:
    sandbox.seed(1)
    sandbox.turn(notice_drop_percent=30)
    for index in range(100):
        paid(sandbox, gateway, f"PAY{index:06}")
    came = len(sandbox.pending_notices())
    assert 55 <= came <= 85
    states = Counter(notice["state"] for notice in sandbox.state()["notices"])
    assert states == {"delivered": came, "dropped": 100 - came}
    assert gateway.query_payment("PAY000000").state == "paid"


def test_delayed_notices_come_later(sandbox: SandboxControl, gateway: Gateway) -> None:
    sandbox.turn(notice_delay_seconds=0.3)
    paid(sandbox, gateway)
    assert sandbox.pending_notices() == []
    deadline = now() + timedelta(seconds=5)
    sent: list[SentNotice] = []
    while not sent and now() < deadline:
        sent = sandbox.pending_notices()
    assert [notice.number for notice in sent] == ["PAY000001"]


def test_failed_call_sends_no_notice(sandbox: SandboxControl, gateway: Gateway) -> None:
    gateway.collect(collection(sandbox))
    gateway.close_payment("PAY000001")
    assert sandbox.pending_notices() == []
