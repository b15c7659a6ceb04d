"""Reconciliation: the bills, read through the library, say what the gateway's own book says."""

import gzip
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from shop.gateways.contract import BookEntry, Gateway, GatewayUnknown, NoticeKind
from shop.gateways.sandbox.client import SandboxControl
from shop.gateways.wechat_bills import CHINA, trade_entries, transfer_entries, yuan_to_fen
from tests.shop.gateway_steps import collection, paid, refund, transfer


def own_book(sandbox: SandboxControl) -> list[BookEntry]:
    lines = [
        BookEntry(cast("NoticeKind", line.kind), line.number, line.state, line.amount_fen, line.gateway_id, line.at)
        for line in sandbox.book()
    ]
    return sorted(lines, key=lambda entry: (entry.at, entry.number))


def bills(gateway: Gateway, since: datetime) -> list[BookEntry]:
    """What the bills say, as the gateway's own book names it: without what was kept with a payment."""
    return sorted((replace(entry, reference="") for entry in gateway.book(since)), key=lambda one: (one.at, one.number))


def since(**ago: float) -> datetime:
    return datetime.now(UTC) - timedelta(**ago)


def test_book_equals_the_gateways_own(sandbox: SandboxControl, gateway: Gateway) -> None:
    for index in range(5):
        paid(sandbox, gateway, f"PAY00000{index}")
    sandbox.pay_again("PAY000003")
    refund(gateway, "REF1", 1)
    refund(gateway, "REF2", 12_344)
    sandbox.hold_refunds()
    refund(gateway, "REF3", 999, payment_number="PAY000002")
    sandbox.fail_refunds()
    refund(gateway, "REF4", 998, payment_number="PAY000002")
    gateway.query_refund("REF4")
    for number in ("BILL1", "BILL2", "BILL3"):
        transfer(sandbox, gateway, number)
    sandbox.confirm_transfer("BILL1")
    sandbox.fail_transfer("BILL2")
    book = bills(gateway, since(hours=1))
    assert book == own_book(sandbox)
    assert {(entry.kind, entry.number, entry.state) for entry in book if entry.kind != "payment"} == {
        ("refund", "REF1", "succeeded"),
        ("refund", "REF2", "succeeded"),
        ("refund", "REF3", "processing"),
        ("refund", "REF4", "abnormal"),
        ("transfer", "BILL1", "paid"),
    }
    assert len([entry for entry in book if entry.number == "PAY000003"]) == 2


def test_book_of_several_days(sandbox: SandboxControl, gateway: Gateway) -> None:
    for days in (3, 2, 1, 0):
        sandbox.turn(clock_offset=-days * 86400)
        paid(sandbox, gateway, f"PAY00000{days}")
    assert bills(gateway, since(days=10)) == own_book(sandbox)
    assert {entry.number for entry in gateway.book(since(days=1, hours=1))} == {"PAY000001", "PAY000000"}


def test_what_a_moved_clock_did_is_not_lost(sandbox: SandboxControl, gateway: Gateway) -> None:
    sandbox.shift_clock(seconds=40 * 86400)
    list(gateway.book(since(hours=1)))
    transfer(sandbox, gateway)
    sandbox.confirm_transfer("BILL1")
    assert [entry.number for entry in gateway.book(since(hours=1))] == ["BILL1"]


def test_a_payment_says_what_it_was_for(sandbox: SandboxControl, gateway: Gateway) -> None:
    gateway.collect(collection(sandbox, reference="O7KQ2"))
    sandbox.pay("PAY000001")
    refund(gateway)
    told = {entry.kind: entry.reference for entry in gateway.book(since(hours=1))}
    assert told == {"payment": "O7KQ2", "refund": "PAY000001"}
    assert gateway.query_payment("PAY000001").reference == "O7KQ2"


def test_quiet_days_have_no_bill(gateway: Gateway) -> None:
    assert list(gateway.book(since(days=3))) == []


@pytest.mark.parametrize("mode", ["busy", "error_before", "drop_answer", "garbage"])
def test_bill_that_cannot_be_had_is_unknown(sandbox: SandboxControl, gateway: Gateway, mode: str) -> None:
    paid(sandbox, gateway)
    # Each of them: in the first hour of a day the first that is asked for is yesterday's, and there is none.
    sandbox.fail("bill", mode, times=None)
    with pytest.raises(GatewayUnknown):
        list(gateway.book(since(hours=1)))


@pytest.mark.parametrize("mode", ["busy", "error_before", "drop_answer", "garbage", "bad_gateway"])
def test_broken_download_is_unknown(sandbox: SandboxControl, gateway: Gateway, mode: str) -> None:
    paid(sandbox, gateway)
    sandbox.fail("download_bill", mode)
    with pytest.raises(GatewayUnknown):
        list(gateway.book(since(hours=1)))


# Reading bills: the shape WeChat documents, with its back ticks and its summary

TRADE = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注\r\n"
    "`2026-11-20 09:10:11,`wx1,`19,`0,`,`4200A,`PAY1,`oA,`JSAPI,`SUCCESS,`OTHERS,`CNY,`1234.50,`0.00,`0,`0,`0.00,`0.00,`,`,"
    '"`苹果, 5kg",`O1,`7.41,`0.60%,`1234.50,`0.00,`\r\n'
    "`2026-11-20 10:00:00,`wx1,`19,`0,`,`4200A,`PAY1,`oA,`JSAPI,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`5030A,`REF1,`0.07,`0.00,"
    "`ORIGINAL,`CHANGE,`苹果,`,`0.00,`0.60%,`0.00,`0.07,`\r\n"
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n"
    "`2,`1234.50,`0.07,`0.00,`7.41,`1234.50,`0.07\r\n"
)
FUND = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,账户结余（元）,资金变更提交申请人,备注,业务凭证号\r\n"
    "`2026-11-20 11:00:00,`1330A,`99,`商家转账,`商家转账,`支出,`50.00,`1.00,`system,`佣金,`BILL1\r\n"
    "`2026-11-20 11:00:01,`4200A,`98,`交易,`交易,`收入,`1234.50,`1.00,`system,`,`PAY1\r\n"
    "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n"
    "`2,`1,`1234.50,`1,`50.00\r\n"
)


def lines(text: str) -> io.StringIO:
    return io.StringIO(text, newline="")


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, 11, 20, hour, minute, second, tzinfo=CHINA)


def test_trade_bill_is_read() -> None:
    assert list(trade_entries(lines("\ufeff" + TRADE))) == [
        BookEntry("payment", "PAY1", "paid", 123_450, "4200A", at(9, 10, 11), "O1"),
        BookEntry("refund", "REF1", "abnormal", 7, "5030A", at(10), "PAY1"),
    ]


def test_fund_bill_is_read() -> None:
    assert list(transfer_entries(lines(FUND))) == [BookEntry("transfer", "BILL1", "paid", 5_000, "1330A", at(11))]


@pytest.mark.parametrize("text", ["", "<html>", FUND, gzip.compress(TRADE.encode()).decode("latin-1")])
def test_what_is_no_trade_bill_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        list(trade_entries(lines(text)))


def test_line_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        list(trade_entries(lines(TRADE.replace("`wx1,", "", 1))))


@pytest.mark.parametrize(("text", "amount_fen"), [("0.01", 1), ("1234.50", 123_450), ("0", 0), ("19.99", 1_999)])
def test_yuan_become_fen(text: str, amount_fen: int) -> None:
    assert yuan_to_fen(text) == amount_fen


@pytest.mark.parametrize("text", ["", "一元", "0.001"])
def test_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an amount|fractions"):
        yuan_to_fen(text)
