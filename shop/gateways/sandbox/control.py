"""The other side of the counter: what people, banks and bad luck do. JSON under ``/control/``.

Every deed here stands for somebody else's: a customer pays, a person confirms a transfer, a line breaks.
"""

from collections.abc import Callable
from typing import Any

from shop.gateways.sandbox import forgeries, notices, payments, refunds, transfers
from shop.gateways.sandbox.faults import MODES, add_fault
from shop.gateways.sandbox.people import openid_of
from shop.gateways.sandbox.wire import Call, Refusal, Reply, rfc3339
from shop.gateways.sandbox.world import KNOBS, World


def _pay(world: World, data: dict[str, Any]) -> Any:
    return payments.pay(
        world,
        data["number"],
        openid=data.get("openid", ""),
        amount_fen=data.get("amount_fen"),
        force=bool(data.get("force")),
    )


def _finish_refund(world: World, data: dict[str, Any]) -> Any:
    return refunds.finish(world, data["number"], data["state"])


def _advance_transfer(world: World, data: dict[str, Any]) -> Any:
    transfers.advance(world, data["number"], data["state"])
    return {}


def _finish_transfer(world: World, data: dict[str, Any]) -> Any:
    return transfers.finish(world, data["number"], data["state"], data.get("fail_reason", ""))


def _confirm_transfer(world: World, data: dict[str, Any]) -> Any:
    return confirm_transfer(world, data["number"])


def confirm_transfer(world: World, number: str) -> dict[str, Any]:
    """The person accepts the money inside WeChat; only possible while WeChat waits for it."""
    with world.book.transaction():
        found = transfers.must_transfer(world, number)
        if found["state"] != "WAIT_USER_CONFIRM":
            raise Refusal(409, "INVALID_REQUEST", f"the transfer is {found['state']}")
        return transfers.finish(world, found["out_bill_no"], "SUCCESS")


def _turn(world: World, data: dict[str, Any]) -> Any:
    unknown = set(data) - set(KNOBS)
    if unknown:
        raise Refusal(400, "PARAM_ERROR", f"no such knob: {sorted(unknown)}")
    for name, value in data.items():
        world.turn(name, value)
    return {name: world.knob(name) for name in KNOBS}


def _add_fault(world: World, data: dict[str, Any]) -> Any:
    add_fault(world, data)
    return {}


def _clear_faults(world: World, data: dict[str, Any]) -> Any:
    world.book.run("DELETE FROM faults")
    return {}


def _seed(world: World, data: dict[str, Any]) -> Any:
    world.chance.seed(data["seed"])
    return {}


def _reset(world: World, data: dict[str, Any]) -> Any:
    world.reset()
    return {}


def _take_notices(world: World, data: dict[str, Any]) -> Any:
    return notices.take(world, data.get("kind", ""))


def _replay(world: World, data: dict[str, Any]) -> Any:
    return notices.replay(world, data["number"], fresh=bool(data.get("fresh")))


def _resend(world: World, data: dict[str, Any]) -> Any:
    """Post the notices of a number once more, whatever became of them."""
    again = notices.replay(world, data["number"], fresh=True)
    return [notices.post(one["url"], one["headers"], one["body"]) for one in again]


def _forge(world: World, data: dict[str, Any]) -> Any:
    number, amount_fen = data["number"], int(data.get("amount_fen", 1))
    if "changed" in data:
        headers, body = forgeries.claim_with_true_keys(world, number, amount_fen, data["changed"])
    else:
        try:
            headers, body = forgeries.forge(world, data["variant"], number, amount_fen)
        except KeyError:
            raise Refusal(400, "PARAM_ERROR", f"variant must be one of {sorted(forgeries.VARIANTS)}") from None
    # Latin-1 carries any byte through JSON and back.
    return {"headers": headers, "body": body.decode("latin-1")}


def _refuse_messages(world: World, data: dict[str, Any]) -> Any:
    world.book.insert("deeds", what="refused_messages", subject=data["openid"], data="{}")
    return {}


_DEEDS: dict[str, Callable[[World, dict[str, Any]], Any]] = {
    "pay": _pay,
    "finish_refund": _finish_refund,
    "advance_transfer": _advance_transfer,
    "finish_transfer": _finish_transfer,
    "confirm_transfer": _confirm_transfer,
    "knobs": _turn,
    "fault": _add_fault,
    "clear_faults": _clear_faults,
    "seed": _seed,
    "reset": _reset,
    "take_notices": _take_notices,
    "replay": _replay,
    "resend": _resend,
    "forge": _forge,
    "refuse_messages": _refuse_messages,
}


def do(world: World, call: Call, name: str) -> Reply:
    """``POST /control/<deed>`` with JSON. Another web site cannot send it: browsers ask before they post JSON."""
    if not call.headers.get("Content-Type", "").startswith("application/json"):
        raise Refusal(415, "PARAM_ERROR", "send application/json")
    deed = _DEEDS.get(name)
    if deed is None:
        raise Refusal(404, "NOT_FOUND", f"deeds are {sorted(_DEEDS)}")
    try:
        return Reply({"result": deed(world, call.json())})
    except KeyError as missing:
        raise Refusal(400, "PARAM_ERROR", f"{missing} is missing") from None


def state(world: World, call: Call) -> Reply:
    """``GET /control/state``: everything the book holds, and what can be turned."""
    tables = ("payments", "transactions", "refunds", "transfers", "notices", "deeds", "calls", "faults")
    told: dict[str, Any] = {
        table: [dict(row) for row in world.book.rows(f"SELECT * FROM {table} ORDER BY rowid")]  # noqa: S608 - our own names
        for table in tables
    }
    told["knobs"] = {name: world.knob(name) for name in KNOBS}
    told["modes"] = MODES
    told["variants"] = sorted(forgeries.VARIANTS)
    told["now"] = rfc3339(world.now())
    return Reply(told)


def book(world: World, call: Call) -> Reply:
    """``GET /control/book``: every movement of money as the contract's words name it, oldest first."""
    refund_words = {
        "PROCESSING": "processing",
        "SUCCESS": "succeeded",
        "ABNORMAL": "abnormal",
        "CLOSED": "closed",
    }
    entries = [
        ("payment", row["out_trade_no"], "paid", row["amount_fen"], row["transaction_id"], row["paid_at"])
        for row in world.book.rows("SELECT * FROM transactions")
    ]
    entries += [
        (
            "refund",
            row["out_refund_no"],
            refund_words[row["state"]],
            row["amount_fen"],
            row["refund_id"],
            row["created_at"],
        )
        for row in world.book.rows("SELECT * FROM refunds")
    ]
    entries += [
        ("transfer", row["out_bill_no"], "paid", row["amount_fen"], row["transfer_bill_no"], row["updated_at"])
        for row in world.book.rows("SELECT * FROM transfers WHERE state = 'SUCCESS'")
    ]
    names = ("kind", "number", "state", "amount_fen", "gateway_id", "at")
    told = [dict(zip(names, entry, strict=True)) for entry in sorted(entries, key=lambda entry: entry[-1])]
    return Reply([entry | {"at": rfc3339(float(entry["at"]))} for entry in told])


def identity(world: World, call: Call) -> Reply:
    """``GET /control/identity``: that this is the sandbox, and of which app. No secret."""
    return Reply(
        {
            "app_id": world.keys.app_id,
            "merchant_id": world.keys.merchant_id,
            "openid": openid_of(world.keys.app_id, call.query["name"]) if "name" in call.query else "",
        }
    )
