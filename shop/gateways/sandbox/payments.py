"""Payments: ask, query, close, and being paid."""

import re
import sqlite3
from datetime import datetime
from typing import Any

from shop.gateways.sandbox.keys import account_app_id
from shop.gateways.sandbox.notices import write_notice
from shop.gateways.sandbox.people import is_of_app, openid_of
from shop.gateways.sandbox.wire import Call, Refusal, Reply, rfc3339
from shop.gateways.sandbox.world import World

_NUMBER = re.compile(r"[A-Za-z0-9_\-*]{6,32}\Z")
_TRADE_TYPES = {"jsapi": "JSAPI", "native": "NATIVE", "h5": "MWEB"}
_DESCRIPTIONS = {"SUCCESS": "支付成功", "REFUND": "转入退款", "NOTPAY": "订单未支付", "CLOSED": "订单已关闭"}
_DESCRIPTION_MAX = 127
_ATTACH_BYTES_MAX = 128
# WeChat wants an end that is more than a minute away (its parameter list of the order interfaces, "time_expire").
_EXPIRY_SECONDS_MIN = 60
# What a repeated call must say again, word for word.
_FIXED = ("app_id", "kind", "openid", "amount_fen", "description", "notify_url", "attach")


def collect(world: World, call: Call, kind: str) -> Reply:
    """Prepay: the same number with the same facts gives the same prepay id again."""
    asked = _read(world, call.json(), kind)
    with world.book.transaction():
        known = payment_row(world, asked["out_trade_no"])
        if known is None:
            known = _write(world, asked)
        if any(known[name] != asked[name] for name in _FIXED):
            raise Refusal(400, "INVALID_REQUEST", "the number was used before with other facts")
        state = state_of(world, known)
        if state == "CLOSED":
            raise Refusal(400, "ORDER_CLOSED", "the order is closed")
        if state != "NOTPAY":
            raise Refusal(400, "ORDERPAID", "the order is paid already")
    page = f"{world.base_url}/pay/{known['prepay_id']}"
    if kind == "native":
        return Reply({"code_url": page})
    return Reply({"h5_url": page} if kind == "h5" else {"prepay_id": known["prepay_id"]})


def _read(world: World, data: dict[str, Any], kind: str) -> dict[str, Any]:
    app_id = data.get("appid")
    # Both are bound to the merchant; the website's app is not.
    if (
        app_id not in (world.keys.app_id, account_app_id(world.keys.app_id))
        or data.get("mchid") != world.keys.merchant_id
    ):
        raise Refusal(400, "APPID_MCHID_NOT_MATCH", "app id and merchant id do not belong together")
    number, amount = data.get("out_trade_no"), data.get("amount")
    if not isinstance(number, str) or not _NUMBER.match(number):
        raise Refusal(400, "PARAM_ERROR", "out_trade_no must be 6 to 32 letters, digits, _ - or *")
    if not isinstance(amount, dict) or amount.get("currency", "CNY") != "CNY":
        raise Refusal(400, "PARAM_ERROR", "amount must be an object in CNY")
    total = amount.get("total")
    if type(total) is not int or total < 1:
        raise Refusal(400, "PARAM_ERROR", "amount.total must be whole fen, at least 1")
    description = data.get("description")
    if not isinstance(description, str) or not 1 <= len(description) <= _DESCRIPTION_MAX:
        raise Refusal(400, "PARAM_ERROR", f"description must be 1 to {_DESCRIPTION_MAX} characters")
    notify_url = data.get("notify_url")
    if not isinstance(notify_url, str) or "?" in notify_url or not notify_url.startswith("http"):
        raise Refusal(400, "PARAM_ERROR", "notify_url must be an address without a query")
    openid = ""
    if kind == "jsapi":
        openid = (data.get("payer") or {}).get("openid") or ""
        if not openid:
            raise Refusal(400, "PARAM_ERROR", "payer.openid is missing")
        if not is_of_app(openid, app_id):
            raise Refusal(400, "PARAM_ERROR", "appid and openid do not belong together")
    if kind == "h5" and not (data.get("scene_info") or {}).get("payer_client_ip"):
        raise Refusal(400, "PARAM_ERROR", "scene_info.payer_client_ip is missing")
    return {
        "out_trade_no": number,
        "app_id": app_id,
        "kind": kind,
        "openid": openid,
        "amount_fen": total,
        "description": description,
        "notify_url": notify_url,
        "expires_at": _expiry(world, data.get("time_expire")),
        "attach": _attach(data.get("attach")),
    }


def _attach(text: Any) -> str:
    if text is not None and (not isinstance(text, str) or len(text.encode()) > _ATTACH_BYTES_MAX):
        raise Refusal(400, "PARAM_ERROR", f"attach must be a text of at most {_ATTACH_BYTES_MAX} bytes")
    return text or ""


def _expiry(world: World, text: Any) -> float:
    two_hours = 7200
    if text is None:
        return world.now() + two_hours
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise Refusal(400, "PARAM_ERROR", "time_expire must be RFC 3339") from None
    if moment.tzinfo is None:
        raise Refusal(400, "PARAM_ERROR", "time_expire lacks its time zone")
    return moment.timestamp()


def _write(world: World, asked: dict[str, Any]) -> sqlite3.Row:
    if asked["expires_at"] <= world.now() + _EXPIRY_SECONDS_MIN:
        raise Refusal(400, "PARAM_ERROR", "time_expire must be more than a minute away")
    world.book.insert("payments", **asked, prepay_id=world.new_id("wx"), state="NOTPAY", created_at=world.now())
    return must_payment(world, asked["out_trade_no"])


def payment_row(world: World, number: str) -> sqlite3.Row | None:
    """A payment by our number or by its prepay id."""
    return world.book.row("SELECT * FROM payments WHERE out_trade_no = ? OR prepay_id = ?", number, number)


def must_payment(world: World, number: str) -> sqlite3.Row:
    """A payment, or WeChat's refusal."""
    payment = payment_row(world, number)
    if payment is None:
        raise Refusal(404, "ORDER_NOT_EXIST", "the order does not exist")
    return payment


def state_of(world: World, payment: sqlite3.Row) -> str:
    """The state as WeChat would tell it now: an order whose time is over is closed."""
    if payment["state"] == "NOTPAY" and payment["expires_at"] <= world.now():
        return "CLOSED"
    return str(payment["state"])


def first_transaction(world: World, number: str) -> sqlite3.Row | None:
    """The transaction a payment number stands for: its first."""
    return world.book.row("SELECT * FROM transactions WHERE out_trade_no = ? ORDER BY rowid LIMIT 1", number)


def query_by_number(world: World, call: Call, number: str) -> Reply:
    """Query by out_trade_no."""
    _own_merchant(world, call)
    payment = must_payment(world, number)
    return Reply(describe(world, payment, first_transaction(world, payment["out_trade_no"])))


def query_by_id(world: World, call: Call, transaction_id: str) -> Reply:
    """Query by WeChat's transaction id."""
    _own_merchant(world, call)
    paid = world.book.row("SELECT * FROM transactions WHERE transaction_id = ?", transaction_id)
    if paid is None:
        raise Refusal(404, "ORDER_NOT_EXIST", "the order does not exist")
    return Reply(describe(world, must_payment(world, paid["out_trade_no"]), paid))


def _own_merchant(world: World, call: Call) -> None:
    if call.query.get("mchid") != world.keys.merchant_id:
        raise Refusal(400, "PARAM_ERROR", "mchid is missing or another merchant's")


def describe(world: World, payment: sqlite3.Row, paid: sqlite3.Row | None) -> dict[str, Any]:
    """A payment in WeChat's words, in answers and in notices alike."""
    state = state_of(world, payment)
    told: dict[str, Any] = {
        "appid": payment["app_id"] or world.keys.app_id,
        "mchid": world.keys.merchant_id,
        "out_trade_no": payment["out_trade_no"],
        "trade_state": state,
        "trade_state_desc": _DESCRIPTIONS[state],
        "amount": {"total": payment["amount_fen"], "currency": "CNY"},
    }
    if payment["openid"]:
        told["payer"] = {"openid": payment["openid"]}
    if paid is not None:
        total = paid["amount_fen"]
        told |= {
            "transaction_id": paid["transaction_id"],
            "trade_type": _TRADE_TYPES[payment["kind"]],
            "bank_type": "OTHERS",
            "attach": payment["attach"],
            "success_time": rfc3339(paid["paid_at"]),
            "payer": {"openid": paid["openid"]},
            "amount": {"total": total, "payer_total": total, "currency": "CNY", "payer_currency": "CNY"},
        }
    return told


def close(world: World, call: Call, number: str) -> Reply:
    """Close an unpaid order."""
    if call.json().get("mchid") != world.keys.merchant_id:
        raise Refusal(400, "PARAM_ERROR", "mchid is missing or another merchant's")
    with world.book.transaction():
        payment = must_payment(world, number)
        if payment["state"] in ("SUCCESS", "REFUND"):
            raise Refusal(400, "ORDERPAID", "the order is paid already")
        world.book.run("UPDATE payments SET state = 'CLOSED' WHERE out_trade_no = ?", payment["out_trade_no"])
    return Reply(status=204)


def pay(
    world: World, number: str, *, openid: str = "", amount_fen: int | None = None, force: bool = False
) -> dict[str, Any]:
    """A person pays. With ``force`` also what is closed (a late payment) or paid (a second transaction).

    ``amount_fen`` pays another sum than asked, which the real WeChat never does: for attacks.
    """
    with world.book.transaction():
        payment = must_payment(world, number)
        state = state_of(world, payment)
        if not force and state != "NOTPAY":
            code = "ORDER_CLOSED" if state == "CLOSED" else "ORDERPAID"
            raise Refusal(409, code, f"the order is {_DESCRIPTIONS[state]}")
        transaction_id = world.new_id("4200")
        world.book.insert(
            "transactions",
            transaction_id=transaction_id,
            out_trade_no=payment["out_trade_no"],
            openid=openid or payment["openid"] or openid_of(payment["app_id"] or world.keys.app_id, "passer-by"),
            amount_fen=amount_fen or payment["amount_fen"],
            paid_at=world.now(),
        )
        world.book.run(
            "UPDATE payments SET state = 'SUCCESS' WHERE out_trade_no = ? AND state <> 'REFUND'",
            payment["out_trade_no"],
        )
        paid = world.book.row("SELECT * FROM transactions WHERE transaction_id = ?", transaction_id)
        told = describe(world, must_payment(world, payment["out_trade_no"]), paid)
        # A notice of success tells the moment of paying, whatever was refunded of an earlier transaction.
        told |= {"trade_state": "SUCCESS", "trade_state_desc": _DESCRIPTIONS["SUCCESS"]}
        write_notice(
            world,
            kind="payment",
            number=payment["out_trade_no"],
            event_type="TRANSACTION.SUCCESS",
            resource=told,
            url=payment["notify_url"],
        )
    return told
