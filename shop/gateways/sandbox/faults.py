"""Failing on purpose: which endpoint, in which way, how often.

Rules live in the book, so they outlast a restart; the first that fits a call is used.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shop.gateways.sandbox.wire import NoAnswer, Refusal, Reply
from shop.gateways.sandbox.world import World

MODES = {
    "drop_before": "not done, the connection ends",
    "drop_answer": "done, the connection ends without an answer",
    "timeout_before": "not done, silence for some seconds",
    "timeout_answer": "done, silence for some seconds",
    "delay": "done and answered after some seconds",
    "error_before": "not done, 500 SYSTEM_ERROR",
    "error_after": "done, 500 SYSTEM_ERROR",
    "busy": "not done, 429 FREQUENCY_LIMITED",
    "refuse": "not done, a status and code of choice",
    "garbage": "done, 200 with a body that is not JSON",
    "bad_signature": "done, the answer carries a wrong signature",
    "unsigned": "done, the answer carries no signature",
    "bad_gateway": "not done, 502 with an HTML page as a proxy gives it",
}
_NOT_DONE = {"drop_before", "timeout_before", "error_before", "busy", "refuse", "bad_gateway"}


@dataclass(frozen=True)
class Fault:
    """One failure, about to happen."""

    mode: str
    seconds: float
    status: int
    code: str
    message: str

    @property
    def leaves_undone(self) -> bool:
        return self.mode in _NOT_DONE


def add_fault(world: World, data: dict[str, Any]) -> None:
    """Add a rule: ``endpoint`` (or ``*``), ``mode``, ``times`` (endless when missing), ``percent``, ``seconds``,
    and for ``refuse`` ``status``, ``code``, ``message``.
    """
    if data.get("mode") not in MODES:
        raise Refusal(400, "PARAM_ERROR", f"mode must be one of {sorted(MODES)}")
    options = {name: data[name] for name in ("seconds", "status", "code", "message") if name in data}
    world.book.insert(
        "faults",
        endpoint=data.get("endpoint") or "*",
        mode=data["mode"],
        times=data.get("times"),
        percent=int(data.get("percent", 100)),
        options=json.dumps(options),
    )


def fault_for(world: World, endpoint: str) -> Fault | None:
    """The failure that this call meets, if any; a counted rule is used up by it."""
    with world.book.transaction():
        rules = world.book.rows("SELECT * FROM faults WHERE endpoint IN (?, '*') ORDER BY position", endpoint)
        for rule in rules:
            if not world.happens(rule["percent"]):
                continue
            if rule["times"] is not None:
                world.book.run("UPDATE faults SET times = times - 1 WHERE position = ?", rule["position"])
                world.book.run("DELETE FROM faults WHERE times <= 0")
            options = json.loads(rule["options"])
            return Fault(
                mode=rule["mode"],
                seconds=float(options.get("seconds", 1)),
                status=int(options.get("status", 403)),
                code=str(options.get("code", "NO_AUTH")),
                message=str(options.get("message", "refused on purpose")),
            )
    return None


def suffer(fault: Fault | None, deed: Callable[[], Reply]) -> Reply:
    """Do the deed, or not, and answer, or not, as the fault says. Signatures are the server's part."""
    if fault is None:
        return deed()
    if fault.leaves_undone:
        return _leave_undone(fault)
    if fault.mode == "delay":
        time.sleep(fault.seconds)
    reply = deed()
    if fault.mode == "timeout_answer":
        time.sleep(fault.seconds)
    if fault.mode in ("drop_answer", "timeout_answer"):
        raise NoAnswer
    if fault.mode == "error_after":
        raise Refusal(500, "SYSTEM_ERROR", "the system is busy, try again")
    if fault.mode == "garbage":
        return Reply(content=b'{"half": ')
    return reply


def _leave_undone(fault: Fault) -> Reply:
    if fault.mode == "timeout_before":
        time.sleep(fault.seconds)
    if fault.mode in ("timeout_before", "drop_before"):
        raise NoAnswer
    if fault.mode == "busy":
        raise Refusal(429, "FREQUENCY_LIMITED", "too many calls")
    if fault.mode == "bad_gateway":
        return Reply(status=502, content=b"<html>502 Bad Gateway</html>", content_type="text/html")
    if fault.mode == "error_before":
        raise Refusal(500, "SYSTEM_ERROR", "the system is busy, try again")
    raise Refusal(fault.status, fault.code, fault.message)
