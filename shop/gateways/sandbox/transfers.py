"""Transfers to people: accepted, then confirmed by the person within a day, or not."""

import base64
import re
import secrets
import sqlite3
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA1

from shop.gateways.sandbox.keys import account_app_id
from shop.gateways.sandbox.notices import write_notice
from shop.gateways.sandbox.people import is_of_app
from shop.gateways.sandbox.wire import Call, Refusal, Reply, rfc3339
from shop.gateways.sandbox.world import World

CONFIRM_WITHIN = 24 * 3600
AMOUNT_FEN_MIN = 10
NAME_NEEDED_FROM_FEN = 200_000
_NUMBER = re.compile(r"[A-Za-z0-9]{1,32}\Z")
_REMARK_MAX = 32
# What commissions must report, by transfer scene.
_REPORTS = {"1005": {"岗位类型", "报酬说明"}}
_FIXED = ("app_id", "openid", "user_name", "amount_fen", "remark", "scene")
_FINAL = ("SUCCESS", "FAIL", "CANCELLED")
_STARTS = {"waiting": "WAIT_USER_CONFIRM", "accepted": "ACCEPTED", "instant": "ACCEPTED", "fail": "ACCEPTED"}


def transfer(world: World, call: Call) -> Reply:
    """Start a transfer; the same number again tells its present state and, while waiting, the package."""
    asked = _read(world, call)
    number = asked["out_bill_no"]
    with world.book.transaction():
        known = transfer_row(world, number)
        if known is None:
            _write(world, asked)
        elif any(known[name] != asked[name] for name in _FIXED):
            raise Refusal(400, "INVALID_REQUEST", "the bill number was used before with other facts")
        found = must_transfer(world, number)
        told = {
            "out_bill_no": number,
            "transfer_bill_no": found["transfer_bill_no"],
            "create_time": rfc3339(found["created_at"]),
            "state": found["state"],
        }
        if found["state"] == "WAIT_USER_CONFIRM":
            told["package_info"] = found["package_info"]
        if found["fail_reason"]:
            told["fail_reason"] = found["fail_reason"]
    return Reply(told)


def _read(world: World, call: Call) -> dict[str, Any]:
    data = call.json()
    number, amount, remark = data.get("out_bill_no"), data.get("transfer_amount"), data.get("transfer_remark")
    app_id = data.get("appid")
    if app_id not in (world.keys.app_id, account_app_id(world.keys.app_id)):
        raise Refusal(400, "APPID_MCHID_NOT_MATCH", "the app id is not this merchant's")
    if not isinstance(number, str) or not _NUMBER.match(number):
        raise Refusal(400, "PARAM_ERROR", "out_bill_no must be 1 to 32 letters and digits")
    if type(amount) is not int or not AMOUNT_FEN_MIN <= amount <= world.knob("transfer_max_fen"):
        raise Refusal(400, "PARAM_ERROR", "transfer_amount is out of range")
    if not isinstance(remark, str) or not 1 <= len(remark) <= _REMARK_MAX:
        raise Refusal(400, "PARAM_ERROR", f"transfer_remark must be 1 to {_REMARK_MAX} characters")
    if not isinstance(data.get("openid"), str) or not data["openid"]:
        raise Refusal(400, "PARAM_ERROR", "openid is missing")
    if not is_of_app(data["openid"], app_id):
        raise Refusal(400, "PARAM_ERROR", "appid and openid do not belong together")
    scene = data.get("transfer_scene_id")
    told = {report.get("info_type") for report in data.get("transfer_scene_report_infos") or []}
    if scene not in _REPORTS or told != _REPORTS[scene]:
        raise Refusal(400, "PARAM_ERROR", "the scene or its report fields are wrong")
    user_name = _decrypt(world, call, data.get("user_name"))
    if amount >= NAME_NEEDED_FROM_FEN and not user_name:
        raise Refusal(400, "PARAM_ERROR", "user_name is needed from 2,000 yuan")
    return {
        "out_bill_no": number,
        "app_id": app_id,
        "openid": data["openid"],
        "user_name": user_name,
        "amount_fen": amount,
        "remark": remark,
        "scene": scene,
        "notify_url": data.get("notify_url") or "",
    }


def _decrypt(world: World, call: Call, sealed: Any) -> str:
    if not sealed:
        return ""
    if call.headers.get("Wechatpay-Serial") != world.keys.platform_key_id:
        raise Refusal(400, "PARAM_ERROR", "Wechatpay-Serial does not name the key of the encryption")
    try:
        # WeChat prescribes SHA-1 here; in OAEP it is no weakness.
        padding = OAEP(mgf=MGF1(algorithm=SHA1()), algorithm=SHA1(), label=None)  # noqa: S303
        return world.platform_key.decrypt(base64.b64decode(sealed), padding).decode()
    except (TypeError, ValueError):
        raise Refusal(400, "PARAM_ERROR", "user_name cannot be decrypted") from None


def _write(world: World, asked: dict[str, Any]) -> None:
    balance = world.knob("balance_fen")
    if balance is not None and asked["amount_fen"] > balance - reserved_fen(world):
        raise Refusal(403, "NOT_ENOUGH", "the merchant's balance is too small")
    number, mode = asked["out_bill_no"], world.knob("transfer_mode")
    world.book.insert(
        "transfers",
        **asked,
        transfer_bill_no=world.new_id("1330"),
        state=_STARTS[mode],
        package_info=f"sandbox-package-{secrets.token_urlsafe(24)}",
        fail_reason="",
        created_at=world.now(),
        updated_at=world.now(),
    )
    expected = world.knob("known_names").get(asked["openid"])
    if asked["user_name"] and expected is not None and expected != asked["user_name"]:
        finish(world, number, "FAIL", "NAME_NOT_CORRECT")
    elif mode == "instant":
        finish(world, number, "SUCCESS")
    elif mode == "fail":
        finish(world, number, "FAIL", world.knob("transfer_fail_reason"))


def reserved_fen(world: World) -> int:
    """What has left the merchant's balance or is about to, fen."""
    row = world.book.row(
        "SELECT coalesce(sum(amount_fen), 0) AS fen FROM transfers WHERE state NOT IN ('FAIL', 'CANCELLED')"
    )
    assert row is not None
    return int(row["fen"])


def transfer_row(world: World, number: str) -> sqlite3.Row | None:
    """A transfer by our number or by WeChat's."""
    return world.book.row("SELECT * FROM transfers WHERE out_bill_no = ? OR transfer_bill_no = ?", number, number)


def must_transfer(world: World, number: str) -> sqlite3.Row:
    """A transfer, or WeChat's refusal."""
    found = transfer_row(world, number)
    if found is None:
        raise Refusal(404, "NOT_FOUND", "the transfer does not exist")
    return found


def query(world: World, call: Call, number: str) -> Reply:
    """Query by out_bill_no. It never gives the package; only the call itself does."""
    return Reply(describe(world, must_transfer(world, number)))


def describe(world: World, found: sqlite3.Row) -> dict[str, Any]:
    """A transfer in WeChat's words, in answers and in notices alike."""
    told = {
        "mch_id": world.keys.merchant_id,
        "out_bill_no": found["out_bill_no"],
        "transfer_bill_no": found["transfer_bill_no"],
        "appid": found["app_id"] or world.keys.app_id,
        "state": found["state"],
        "transfer_amount": found["amount_fen"],
        "transfer_remark": found["remark"],
        "openid": found["openid"],
        "create_time": rfc3339(found["created_at"]),
        "update_time": rfc3339(found["updated_at"]),
    }
    if found["fail_reason"]:
        told["fail_reason"] = found["fail_reason"]
    return told


def cancel(world: World, call: Call, number: str) -> Reply:
    """Withdraw what the person has not confirmed: ``CANCELING`` first, ``CANCELLED`` a moment later."""
    with world.book.transaction():
        found = must_transfer(world, number)
        if found["state"] == "CANCELLED":
            state = "CANCELLED"
        elif found["state"] in ("ACCEPTED", "WAIT_USER_CONFIRM"):
            state = "CANCELING"
            finish(world, found["out_bill_no"], "CANCELLED")
        else:
            raise Refusal(400, "INVALID_REQUEST", f"the transfer is {found['state']} and cannot be cancelled")
        told = {
            "out_bill_no": found["out_bill_no"],
            "transfer_bill_no": found["transfer_bill_no"],
            "state": state,
            "update_time": rfc3339(world.now()),
        }
    return Reply(told)


def advance(world: World, number: str, state: str) -> None:
    """Move a transfer to one of its states in between."""
    with world.book.transaction():
        found = must_transfer(world, number)
        if found["state"] in _FINAL:
            raise Refusal(409, "INVALID_REQUEST", f"the transfer is {found['state']} already")
        if state not in ("ACCEPTED", "PROCESSING", "WAIT_USER_CONFIRM", "TRANSFERING"):
            raise Refusal(400, "PARAM_ERROR", "no such state in between")
        _set_state(world, found["out_bill_no"], state, "")


def finish(world: World, number: str, state: str, fail_reason: str = "") -> dict[str, Any]:
    """A transfer ends: ``SUCCESS``, ``FAIL`` with a reason, or ``CANCELLED``. Its notice is written."""
    if state not in _FINAL:
        raise Refusal(400, "PARAM_ERROR", f"state must be one of {_FINAL}")
    with world.book.transaction():
        found = must_transfer(world, number)
        if found["state"] in _FINAL:
            raise Refusal(409, "INVALID_REQUEST", f"the transfer is {found['state']} already")
        _set_state(world, found["out_bill_no"], state, fail_reason)
        found = must_transfer(world, number)
        told = describe(world, found)
        resource = {name: value for name, value in told.items() if name not in ("appid", "transfer_remark")}
        write_notice(
            world,
            kind="transfer",
            number=found["out_bill_no"],
            event_type="MCHTRANSFER.BILL.FINISHED",
            resource=resource,
            url=found["notify_url"],
        )
        return told


def _set_state(world: World, number: str, state: str, fail_reason: str) -> None:
    world.book.run(
        "UPDATE transfers SET state = ?, fail_reason = ?, updated_at = ? WHERE out_bill_no = ?",
        state,
        fail_reason,
        world.now(),
        number,
    )


def expire_overdue(world: World) -> None:
    """Fail what nobody confirmed in time."""
    overdue = world.book.rows(
        "SELECT out_bill_no FROM transfers WHERE state = 'WAIT_USER_CONFIRM' AND created_at <= ?",
        world.now() - CONFIRM_WITHIN,
    )
    for found in overdue:
        finish(world, found["out_bill_no"], "FAIL", "OVERDUE_CLOSE")
