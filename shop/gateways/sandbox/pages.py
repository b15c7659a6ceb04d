"""Pages for a person: pay, confirm a transfer, and a list of what waits.

Chinese and English side by side, since these pages have no language of their own. No scripts at all.
"""

from collections.abc import Callable
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit

from shop.gateways.sandbox import payments, transfers
from shop.gateways.sandbox.control import confirm_transfer
from shop.gateways.sandbox.wire import Call, Refusal, Reply, rfc3339
from shop.gateways.sandbox.world import World

_STYLE = """
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;
background:#eef1ee;color:#1d2420;font:16px/1.5 system-ui,"PingFang SC","Noto Sans CJK SC","Microsoft YaHei",sans-serif}
main{width:100%;max-width:26rem;background:#fff;border-radius:1rem;padding:1.75rem 1.5rem;
box-shadow:0 1px 2px #0001,0 12px 32px #0000000f}
.mark{display:inline-block;background:#fdf3d7;color:#7a5600;border-radius:99px;padding:.1rem .75rem;font-size:.8125rem}
h1{font-size:1.125rem;margin:1rem 0 .25rem}.sum{font-size:2.75rem;font-weight:650;line-height:1.2;
font-variant-numeric:tabular-nums;margin:.25rem 0 1rem}dl{display:grid;grid-template-columns:auto 1fr;gap:.375rem 1rem;
margin:0 0 1.5rem;font-size:.875rem}dt{color:#5d6a62}dd{margin:0;text-align:right;overflow-wrap:anywhere}
button,.go{display:block;width:100%;border:0;border-radius:.75rem;padding:.9rem;font:inherit;font-weight:600;
text-align:center;text-decoration:none;cursor:pointer;background:#067d3e;color:#fff;margin-top:.625rem}
button:hover,.go:hover{background:#056b35}button:focus-visible,a:focus-visible{outline:3px solid #067d3e66;outline-offset:2px}
button.no{background:#f0f2f0;color:#3c4640}button.no:hover{background:#e3e7e3}
.note{font-size:.8125rem;color:#5d6a62;margin:1rem 0 0}small{font-weight:400;opacity:.85}
input{width:100%;font:inherit;padding:.75rem;border:1px solid #c9d2cc;border-radius:.75rem;margin-top:.375rem}
li{margin:.375rem 0}ul{padding-left:1.125rem;margin:.25rem 0 1rem}a{color:#057a3c}
"""
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_WORDS = {
    "NOTPAY": "待支付 · waiting for payment",
    "SUCCESS": "已支付 · paid",
    "REFUND": "已退款 · refunded",
    "CLOSED": "已关闭 · closed",
    "ACCEPTED": "已受理 · accepted",
    "PROCESSING": "处理中 · processing",
    "WAIT_USER_CONFIRM": "待确认收款 · waiting for confirmation",
    "TRANSFERING": "转账中 · on its way",
    "FAIL": "已失败 · failed",
    "CANCELING": "撤销中 · being cancelled",
    "CANCELLED": "已撤销 · cancelled",
}


def page(title: str, inner: str, status: int = 200) -> Reply:
    """A page of the sandbox for a person; ``inner`` is markup."""
    html = (
        '<!doctype html><html lang="zh-Hans"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f'<main><span class="mark">模拟微信 · sandbox, no real money</span>{inner}</main></html>'
    )
    return Reply(
        status=status,
        content=html.encode(),
        content_type="text/html; charset=utf-8",
        headers={
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
            "Cache-Control": "no-store",
        },
    )


def _yuan(amount_fen: int) -> str:
    return f"¥{amount_fen // 100:,}.{amount_fen % 100:02d}"


def _facts(**facts: str) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return f"<dl>{rows}</dl>"


def _button(label: str, english: str, deed: str, back: str, kind: str = "") -> str:
    return (
        f'<form method="post"><input type="hidden" name="deed" value="{deed}">'
        f'<input type="hidden" name="redirect_url" value="{escape(back)}">'
        f'<button class="{kind}">{label} <small>{english}</small></button></form>'
    )


def back_address(call_value: str, shop_url: str) -> str:
    """An address to return to, if it is on the shop's host or on this machine; else nothing."""
    try:
        parts = urlsplit(call_value)
        shop_host = urlsplit(shop_url).hostname
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or parts.username is not None or "\\" in call_value:
        return ""
    return call_value if parts.hostname in _LOOPBACK | {shop_host} else ""


def pay_page(world: World, call: Call, number: str) -> Reply:
    """What the payer sees; posting pays or fails."""
    payment = payments.payment_row(world, number)
    if payment is None:
        return page("404", "<h1>没有这笔订单 <small>There is no such order</small></h1>", 404)
    given = (call.form() if call.method == "POST" else call.query).get("redirect_url", "")
    back = back_address(given, payment["notify_url"])
    if call.method == "POST":
        if call.form().get("deed") == "pay":
            payments.pay(world, number)
        return _onward(back, call)
    state = payments.state_of(world, payment)
    inner = f'<h1>{escape(payment["description"])}</h1><p class="sum">{_yuan(payment["amount_fen"])}</p>'
    inner += _facts(
        **{
            "订单号 Number": payment["out_trade_no"],
            "状态 State": _WORDS[state],
            "有效至 Until": rfc3339(payment["expires_at"])[:16].replace("T", " "),
        }
    )
    if state == "NOTPAY":
        inner += _button("支付", "Pay", "pay", back) + _button("支付失败", "Payment fails", "fail", back, "no")
    elif back:
        inner += f'<a class="go" href="{escape(back)}">返回商城 <small>Back to the shop</small></a>'
    return page("支付 Pay", inner)


def follow_code(world: World, call: Call) -> Reply:
    """``/pay?code_url=…``: as if a telephone had scanned the code."""
    query = call.query
    parts = urlsplit(query.get("code_url", ""))
    if not query.get("code_url", "").startswith(f"{world.base_url}/pay/"):
        raise Refusal(404, "NOT_FOUND", "this is no code of the sandbox")
    back = f"?{urlencode({'redirect_url': query['redirect_url']})}" if "redirect_url" in query else ""
    return Reply(status=303, content=b"", content_type="text/plain", headers={"Location": parts.path + back})


def transfer_page(world: World, call: Call, number: str) -> Reply:
    """What the person sees who is being paid; posting confirms."""
    found = transfers.transfer_row(world, number)
    if found is None:
        return page("404", "<h1>没有这笔转账 <small>There is no such transfer</small></h1>", 404)
    given = (call.form() if call.method == "POST" else call.query).get("redirect_url", "")
    back = back_address(given, found["notify_url"])
    if call.method == "POST":
        if call.form().get("deed") == "confirm":
            confirm_transfer(world, number)
        return _onward(back, call)
    inner = f'<h1>{escape(found["remark"])}</h1><p class="sum">{_yuan(found["amount_fen"])}</p>'
    inner += _facts(
        **{
            "单号 Number": found["out_bill_no"],
            "状态 State": _WORDS[found["state"]],
            "请于此前确认 Confirm by": rfc3339(found["created_at"] + transfers.CONFIRM_WITHIN)[:16].replace("T", " "),
        }
    )
    if found["state"] == "WAIT_USER_CONFIRM":
        inner += _button("确认收款", "Confirm receipt", "confirm", back)
    elif back:
        inner += f'<a class="go" href="{escape(back)}">返回 <small>Back</small></a>'
    return page("收款 Receive", inner)


def _onward(back: str, call: Call) -> Reply:
    return Reply(status=303, content=b"", content_type="text/plain", headers={"Location": back or call.path})


def index(world: World, call: Call) -> Reply:
    """What waits for a person, newest first."""
    open_payments = [
        row
        for row in world.book.rows("SELECT * FROM payments WHERE state = 'NOTPAY' ORDER BY rowid DESC LIMIT 50")
        if payments.state_of(world, row) == "NOTPAY"
    ]
    waiting = world.book.rows("SELECT * FROM transfers WHERE state = 'WAIT_USER_CONFIRM' ORDER BY rowid DESC LIMIT 50")
    inner = "<h1>待支付 <small>Waiting for payment</small></h1>"
    inner += _list(open_payments, lambda row: f"/pay/{row['out_trade_no']}", lambda row: row["description"])
    inner += "<h1>待收款 <small>Waiting for confirmation</small></h1>"
    inner += _list(waiting, lambda row: f"/transfer/{row['out_bill_no']}", lambda row: row["remark"])
    return page("模拟微信 Sandbox", inner)


def _list(rows: list[Any], link: Callable[[Any], str], text: Callable[[Any], str]) -> str:
    if not rows:
        return '<p class="note">没有 · nothing</p>'
    items = "".join(
        f'<li><a href="{escape(link(row))}">{_yuan(row["amount_fen"])} {escape(text(row))}</a></li>' for row in rows
    )
    return f"<ul>{items}</ul>"


def refusal_page(refusal: Refusal) -> Reply:
    """A refusal for the eyes of a person."""
    inner = f"<h1>{escape(refusal.code)}</h1><p>{escape(refusal.message)}</p>"
    return page(refusal.code, inner, refusal.status)
