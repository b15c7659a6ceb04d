"""WeChat's daily bills, read. Pure.

A bill is CSV with a back tick before every value, a heading, lines, and a summary of two lines at its end. Amounts are
yuan with two decimals; times are Chinese.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation

from shop.gateways.contract import BookEntry

CHINA = timezone(timedelta(hours=8))
_REFUND_WORDS = {
    "SUCCESS": "succeeded",
    "PROCESSING": "processing",
    "CHANGE": "abnormal",
    "FAIL": "closed",
    "REFUNDCLOSE": "closed",
}


def trade_entries(text: Iterable[str]) -> Iterator[BookEntry]:
    """The payments and refunds of a trade bill, given line by line. Raises ``ValueError`` when it is not one."""
    for line in _lines(text, first_column="交易时间"):
        if line["交易状态"] == "SUCCESS":
            yield BookEntry(
                kind="payment",
                number=line["商户订单号"],
                state="paid",
                amount_fen=yuan_to_fen(line["订单金额"]),
                gateway_id=line["微信订单号"],
                at=_moment(line["交易时间"]),
                reference=line["商户数据包"],
            )
        elif line["交易状态"] == "REFUND":
            yield BookEntry(
                kind="refund",
                number=line["商户退款单号"],
                state=_REFUND_WORDS.get(line["退款状态"], "processing"),
                amount_fen=yuan_to_fen(line["申请退款金额"]),
                gateway_id=line["微信退款单号"],
                at=_moment(line["交易时间"]),
                reference=line["商户订单号"],
            )


def transfer_entries(text: Iterable[str]) -> Iterator[BookEntry]:
    """The transfers to people of a fund bill: money that left. Raises ``ValueError`` when it is not one."""
    for line in _lines(text, first_column="记账时间"):
        if "转账" in line["业务类型"] and line["收支类型"] == "支出":
            yield BookEntry(
                kind="transfer",
                number=line["业务凭证号"],
                state="paid",
                amount_fen=yuan_to_fen(line["收支金额（元）"]),
                gateway_id=line["微信支付业务单号"],
                at=_moment(line["记账时间"]),
            )


def yuan_to_fen(text: str) -> int:
    """``12.30`` is 1230 fen. Raises ``ValueError`` for fractions of a fen and for what is no number."""
    try:
        amount = Decimal(text) * 100
    except InvalidOperation:
        raise ValueError(f"{text!r} is not an amount") from None
    if amount != amount.to_integral_value():
        raise ValueError(f"{text!r} has fractions of a fen")
    return int(amount)


def _lines(text: Iterable[str], first_column: str) -> Iterator[dict[str, str]]:
    rows = csv.reader(text)
    try:
        heading = [name.strip().removeprefix("\ufeff") for name in next(rows, [])]
        if not heading or heading[0] != first_column:
            raise ValueError("this is not the expected bill")
        for row in rows:
            # The summary's heading is the first line whose values carry no back tick.
            if not row or not row[0].startswith("`"):
                return
            yield dict(zip(heading, (value.strip().removeprefix("`") for value in row), strict=True))
    except csv.Error as error:
        raise ValueError(f"this is not a bill: {error}") from error


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
