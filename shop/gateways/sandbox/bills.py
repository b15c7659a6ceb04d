"""Bills: the book of a day as WeChat gives it, compressed CSV with a back tick before every value.

The real WeChat makes a day's bill on the next morning; here today's is there at once. What happened under a moved
clock in the future stands in today's bill.
"""

import csv
import gzip
import hashlib
import hmac
import io
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

from shop.gateways.sandbox.wire import CHINA, Call, Refusal, Reply
from shop.gateways.sandbox.world import World

TRADE_COLUMNS = [
    "交易时间",
    "公众账号ID",
    "商户号",
    "特约商户号",
    "设备号",
    "微信订单号",
    "商户订单号",
    "用户标识",
    "交易类型",
    "交易状态",
    "付款银行",
    "货币种类",
    "应结订单金额",
    "代金券金额",
    "微信退款单号",
    "商户退款单号",
    "退款金额",
    "充值券退款金额",
    "退款类型",
    "退款状态",
    "商品名称",
    "商户数据包",
    "手续费",
    "费率",
    "订单金额",
    "申请退款金额",
    "费率备注",
]
FUND_COLUMNS = [
    "记账时间",
    "微信支付业务单号",
    "资金流水单号",
    "业务名称",
    "业务类型",
    "收支类型",
    "收支金额（元）",
    "账户结余（元）",
    "资金变更提交申请人",
    "备注",
    "业务凭证号",
]


def trade_bill(world: World, call: Call) -> Reply:
    """Where to fetch the payments and refunds of a day."""
    return _offer(world, call, "trade")


def fund_bill(world: World, call: Call) -> Reply:
    """Where to fetch the movements of an account on a day; transfers stand in the operation account's."""
    return _offer(world, call, f"fund-{call.query.get('account_type', 'BASIC')}")


def _offer(world: World, call: Call, what: str) -> Reply:
    day = call.query.get("bill_date", "")
    lines = _bill(world, what, day)
    if not lines:
        raise Refusal(400, "NO_STATEMENT_EXIST", "there is no bill of this day")
    token = _token(world, what, day)
    query = urlencode({"what": what, "day": day, "token": token})
    return Reply(
        {
            "hash_type": "SHA1",
            "hash_value": hashlib.sha1(_text(what, lines), usedforsecurity=False).hexdigest(),
            "download_url": f"{world.base_url}/v3/billdownload/file?{query}",
        }
    )


def download(world: World, call: Call) -> Reply:
    """The bill itself."""
    what, day = call.query.get("what", ""), call.query.get("day", "")
    if not hmac.compare_digest(call.query.get("token", ""), _token(world, what, day)):
        raise Refusal(403, "NO_AUTH", "the token of the bill is wrong")
    packed = gzip.compress(_text(what, _bill(world, what, day)), mtime=0)
    return Reply(content=packed, content_type="application/octet-stream")


def _token(world: World, what: str, day: str) -> str:
    return hmac.new(world.keys.api_v3_key.encode(), f"{what}/{day}".encode(), hashlib.sha256).hexdigest()


def _bill(world: World, what: str, day: str) -> list[list[str]]:
    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        raise Refusal(400, "PARAM_ERROR", "bill_date must be a date") from None
    if what == "trade":
        return [*_payment_lines(world, wanted), *_refund_lines(world, wanted)]
    return _transfer_lines(world, wanted) if what == "fund-OPERATION" else []


def _on_day(rows: Iterable[Any], column: str, day: date) -> list[Any]:
    today = datetime.fromtimestamp(time.time(), tz=UTC).astimezone(CHINA).date()
    return [row for row in rows if min(_moment(row[column]).date(), today) == day]


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), tz=UTC).astimezone(CHINA)


def _stamp(seconds: float) -> str:
    return _moment(seconds).strftime("%Y-%m-%d %H:%M:%S")


def yuan(amount_fen: int) -> str:
    """Fen as WeChat's bills write money."""
    return f"{amount_fen // 100}.{amount_fen % 100:02d}"


def _payment_lines(world: World, day: date) -> list[list[str]]:
    rows = world.book.rows(
        "SELECT t.*, p.kind, p.description, p.attach FROM transactions t JOIN payments p USING (out_trade_no) ORDER BY paid_at"
    )
    return [
        _trade_line(
            world,
            {
                "交易时间": _stamp(row["paid_at"]),
                "微信订单号": row["transaction_id"],
                "商户订单号": row["out_trade_no"],
                "用户标识": row["openid"],
                "交易类型": row["kind"].upper(),
                "交易状态": "SUCCESS",
                "应结订单金额": yuan(row["amount_fen"]),
                "商品名称": row["description"],
                "商户数据包": row["attach"],
                "订单金额": yuan(row["amount_fen"]),
            },
        )
        for row in _on_day(rows, "paid_at", day)
    ]


def _refund_lines(world: World, day: date) -> list[list[str]]:
    rows = world.book.rows(
        "SELECT r.*, t.openid, p.kind, p.description FROM refunds r JOIN transactions t USING (transaction_id)"
        " JOIN payments p ON p.out_trade_no = r.out_trade_no ORDER BY r.created_at"
    )
    words = {"ABNORMAL": "CHANGE", "CLOSED": "FAIL"}
    return [
        _trade_line(
            world,
            {
                "交易时间": _stamp(row["created_at"]),
                "微信订单号": row["transaction_id"],
                "商户订单号": row["out_trade_no"],
                "用户标识": row["openid"],
                "交易类型": row["kind"].upper(),
                "交易状态": "REFUND",
                "微信退款单号": row["refund_id"],
                "商户退款单号": row["out_refund_no"],
                "退款金额": yuan(row["amount_fen"]),
                "退款类型": "ORIGINAL",
                "退款状态": words.get(row["state"], row["state"]),
                "商品名称": row["description"],
                "申请退款金额": yuan(row["amount_fen"]),
            },
        )
        for row in _on_day(rows, "created_at", day)
    ]


def _trade_line(world: World, told: dict[str, str]) -> list[str]:
    told |= {"公众账号ID": world.keys.app_id, "商户号": world.keys.merchant_id, "货币种类": "CNY", "付款银行": "OTHERS"}
    money = {"应结订单金额", "代金券金额", "退款金额", "充值券退款金额", "手续费", "订单金额", "申请退款金额"}
    return [told.get(column, "0.00" if column in money else "") for column in TRADE_COLUMNS]


def _transfer_lines(world: World, day: date) -> list[list[str]]:
    rows = world.book.rows("SELECT * FROM transfers WHERE state = 'SUCCESS' ORDER BY updated_at")
    return [
        [
            _stamp(row["updated_at"]),
            row["transfer_bill_no"],
            row["transfer_bill_no"],
            "商家转账",
            "商家转账",
            "支出",
            yuan(row["amount_fen"]),
            "0.00",
            "system",
            row["remark"],
            row["out_bill_no"],
        ]
        for row in _on_day(rows, "updated_at", day)
    ]


def _text(what: str, lines: list[list[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(TRADE_COLUMNS if what == "trade" else FUND_COLUMNS)
    writer.writerows([f"`{value}" for value in line] for line in lines)
    writer.writerow(["总交易单数" if what == "trade" else "资金流水总笔数"])
    writer.writerow([f"`{len(lines)}"])
    return ("\ufeff" + out.getvalue()).encode()
