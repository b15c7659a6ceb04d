"""Refunds: accepted first, done later, each number once."""

import re
import sqlite3
import time
from typing import Any

from shop.gateways.sandbox.notices import write_notice
from shop.gateways.sandbox.payments import first_transaction, must_payment
from shop.gateways.sandbox.wire import Call, Refusal, Reply, rfc3339
from shop.gateways.sandbox.world import World

_NUMBER = re.compile(r"[A-Za-z0-9_\-|*@]{1,64}\Z")
REFUNDS_PER_PAYMENT_MAX = 50
_YEAR = 365 * 86400
_REASON_MAX = 80
_EVENTS = {"SUCCESS": "REFUND.SUCCESS", "ABNORMAL": "REFUND.ABNORMAL", "CLOSED": "REFUND.CLOSED"}
_MODES = {"auto": "SUCCESS", "abnormal": "ABNORMAL", "closed": "CLOSED"}


def refund(world: World, call: Call) -> Reply:
    """Ask for a refund; the same number again tells what became of it."""
    data = call.json()
    asked, total = _read(data)
    with world.book.transaction():
        known = refund_row(world, asked["out_refund_no"])
        paid = _paid(world, data)
        if known is None:
            _check_room(world, paid, asked["amount_fen"], total)
            world.book.insert(
                "refunds",
                **asked,
                refund_id=world.new_id("5030"),
                out_trade_no=paid["out_trade_no"],
                transaction_id=paid["transaction_id"],
                total_fen=total,
                state="PROCESSING",
                created_at=world.now(),
                finish_at=_finish_at(world),
            )
            world.book.run("UPDATE payments SET state = 'REFUND' WHERE out_trade_no = ?", paid["out_trade_no"])
        else:
            same = (
                known["transaction_id"] == paid["transaction_id"]
                and known["amount_fen"] == asked["amount_fen"]
                and known["total_fen"] == total
            )
            if not same:
                raise Refusal(400, "PARAM_ERROR", "the refund number was used before with other facts")
        told = describe(world, must_refund(world, asked["out_refund_no"]))
    world.bell.set()
    return Reply(told)


def _read(data: dict[str, Any]) -> tuple[dict[str, Any], int]:
    number, amount = data.get("out_refund_no"), data.get("amount")
    if not isinstance(number, str) or not _NUMBER.match(number):
        raise Refusal(400, "PARAM_ERROR", "out_refund_no must be 1 to 64 letters, digits, _ - | * or @")
    if not isinstance(amount, dict) or amount.get("currency") != "CNY":
        raise Refusal(400, "PARAM_ERROR", "amount must be an object in CNY")
    part, total = amount.get("refund"), amount.get("total")
    if type(part) is not int or type(total) is not int or part < 1:
        raise Refusal(400, "PARAM_ERROR", "amounts must be whole fen, at least 1")
    reason = data.get("reason") or ""
    if not isinstance(reason, str) or len(reason) > _REASON_MAX:
        raise Refusal(400, "PARAM_ERROR", f"reason must be at most {_REASON_MAX} characters")
    asked = {
        "out_refund_no": number,
        "amount_fen": part,
        "reason": reason,
        "notify_url": data.get("notify_url") or "",
    }
    return asked, total


def _paid(world: World, data: dict[str, Any]) -> sqlite3.Row:
    if data.get("transaction_id"):
        paid = world.book.row("SELECT * FROM transactions WHERE transaction_id = ?", data["transaction_id"])
    else:
        paid = first_transaction(world, must_payment(world, str(data.get("out_trade_no")))["out_trade_no"])
    if paid is None:
        raise Refusal(404, "RESOURCE_NOT_EXISTS", "there is no paid order of this number")
    return paid


def _check_room(world: World, paid: sqlite3.Row, part: int, total: int) -> None:
    if total != paid["amount_fen"]:
        raise Refusal(400, "PARAM_ERROR", "amount.total is not what was paid")
    if world.now() - paid["paid_at"] > _YEAR:
        raise Refusal(400, "INVALID_REQUEST", "the order is older than a year")
    row = world.book.row(
        "SELECT count(*) AS n, coalesce(sum(amount_fen), 0) AS fen FROM refunds"
        " WHERE transaction_id = ? AND state <> 'CLOSED'",
        paid["transaction_id"],
    )
    assert row is not None
    if row["n"] >= REFUNDS_PER_PAYMENT_MAX:
        raise Refusal(400, "INVALID_REQUEST", f"an order takes at most {REFUNDS_PER_PAYMENT_MAX} refunds")
    if row["fen"] + part > paid["amount_fen"]:
        raise Refusal(400, "INVALID_REQUEST", "more would be refunded than was paid")


def _finish_at(world: World) -> float | None:
    if world.knob("refund_mode") == "hold":
        return None
    return time.time() + float(world.knob("refund_delay_seconds"))


def refund_row(world: World, number: str) -> sqlite3.Row | None:
    """A refund by our number."""
    return world.book.row("SELECT * FROM refunds WHERE out_refund_no = ?", number)


def must_refund(world: World, number: str) -> sqlite3.Row:
    """A refund, or WeChat's refusal."""
    found = refund_row(world, number)
    if found is None:
        raise Refusal(404, "RESOURCE_NOT_EXISTS", "the refund does not exist")
    return found


def query(world: World, call: Call, number: str) -> Reply:
    """Query by out_refund_no."""
    return Reply(describe(world, must_refund(world, number)))


def describe(world: World, found: sqlite3.Row) -> dict[str, Any]:
    """A refund in the words of an answer."""
    told = {
        "refund_id": found["refund_id"],
        "out_refund_no": found["out_refund_no"],
        "transaction_id": found["transaction_id"],
        "out_trade_no": found["out_trade_no"],
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "create_time": rfc3339(found["created_at"]),
        "status": found["state"],
        "funds_account": "AVAILABLE",
        "amount": {
            "total": found["total_fen"],
            "refund": found["amount_fen"],
            "payer_total": found["total_fen"],
            "payer_refund": found["amount_fen"],
            "settlement_total": found["total_fen"],
            "settlement_refund": found["amount_fen"],
            "discount_refund": 0,
            "currency": "CNY",
        },
    }
    if found["succeeded_at"] is not None:
        told["success_time"] = rfc3339(found["succeeded_at"])
    return told


def finish(world: World, number: str, state: str) -> dict[str, Any]:
    """A refund ends: ``SUCCESS``, ``ABNORMAL`` (staff may still bring it to success) or ``CLOSED``."""
    if state not in _EVENTS:
        raise Refusal(400, "PARAM_ERROR", f"state must be one of {sorted(_EVENTS)}")
    with world.book.transaction():
        found = must_refund(world, number)
        if found["state"] == state:
            return describe(world, found)
        if found["state"] not in ("PROCESSING", "ABNORMAL"):
            raise Refusal(409, "INVALID_REQUEST", f"the refund is {found['state']} already")
        world.book.run(
            "UPDATE refunds SET state = ?, succeeded_at = ?, finish_at = NULL WHERE out_refund_no = ?",
            state,
            world.now() if state == "SUCCESS" else None,
            number,
        )
        found = must_refund(world, number)
        write_notice(
            world,
            kind="refund",
            number=number,
            event_type=_EVENTS[state],
            resource=_resource(world, found),
            url=found["notify_url"],
        )
        return describe(world, found)


def _resource(world: World, found: sqlite3.Row) -> dict[str, Any]:
    """A refund in the words of a notice, which differ from those of an answer and name no app."""
    told = {
        "mchid": world.keys.merchant_id,
        "out_trade_no": found["out_trade_no"],
        "transaction_id": found["transaction_id"],
        "out_refund_no": found["out_refund_no"],
        "refund_id": found["refund_id"],
        "refund_status": found["state"],
        "user_received_account": "支付用户零钱",
        "amount": {
            "total": found["total_fen"],
            "refund": found["amount_fen"],
            "payer_total": found["total_fen"],
            "payer_refund": found["amount_fen"],
        },
    }
    if found["succeeded_at"] is not None:
        told["success_time"] = rfc3339(found["succeeded_at"])
    return told


def finish_due(world: World) -> None:
    """Finish the refunds whose time has come, as the knob says."""
    due = world.book.rows("SELECT out_refund_no FROM refunds WHERE finish_at <= ?", time.time())
    for found in due:
        finish(world, found["out_refund_no"], _MODES.get(world.knob("refund_mode"), "SUCCESS"))
