"""Steps at which a process can be told to fall dead, laid around the product's functions from outside.

A step is ``path.when``: the path of the money (``place``, ``refund_send``, …) and the moment on it: just before or just
after its first, second, … commit (``before_commit1``, ``after_commit1``: committed, but the bell not rung yet), just
before or just after a gateway is called (``before_call``, ``after_call``: done there, not recorded here). A file of that
name in the folder ``LINJIA_FAULT_CRASHES`` arms it once: whoever moves the file among the ``hits`` dies by SIGKILL.
"""

import functools
import importlib
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.core.signals import request_finished, request_started
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.module_loading import import_string

CRASHES = os.environ.get("LINJIA_FAULT_CRASHES", "")
# In the short form: after how many seconds a dead worker's rows, and transfers nobody knows, are taken up again.
LEASE_SECONDS = int(os.environ.get("LINJIA_FAULT_LEASE_SECONDS", "0"))
# One statement, which is its own transaction.
STATEMENTS = {
    "place": "orders.checkout.place._write",
    "pay_answer": "orders.payments.actions._record_answer",
    "confirm_payment": "orders.flow.paid._write",
}
# Where each path begins. The first two commit after the function returned: their answer is recorded with them.
PATHS = {
    "cancel": "orders.api.orders.cancel_order",
    "withdraw": "distributors.payouts.actions.request",
    "pay": "orders.api.payments.start_payment",
    "refund_send": "orders.flow.tasks.send_refund",
    "confirm_refund": "orders.flow.notices.confirm_refund",
    "withdrawal_send": "distributors.payouts.tasks.pay_approved",
    "settle_commissions": "distributors.commissions.actions.settle_due",
    "settle_suppliers": "orders.settlements.actions.settle_due",
    "pay_statement": "orders.settlements.statements.pay_statement",
}
ENDS_LATER = ("cancel", "withdraw")
COMMITS = {"withdrawal_send": 2}
CALLS = ("pay", "refund_send", "withdrawal_send")
GATEWAY = "shop.gateways.wechat_pay.WechatPay"


def all_steps() -> list[str]:
    """Every step there is."""
    steps = []
    for path in (*STATEMENTS, *PATHS):
        numbers = range(1, COMMITS.get(path, 1) + 1)
        steps += [f"{path}.{when}_commit{number}" for number in numbers for when in ("before", "after")]
        if path in CALLS:
            steps += [f"{path}.before_call", f"{path}.after_call"]
    return steps


class Where(threading.local):
    """Which path this thread is on, and how often it has committed there."""

    path = ""
    commits = 0


_where = Where()


class Crashing(AppConfig):
    name = "tests.faults"
    label = "crashing"

    def ready(self) -> None:
        if LEASE_SECONDS:
            actions = importlib.import_module("shop.work.actions")
            sending = importlib.import_module("distributors.payouts.sending")
            rules = importlib.import_module("distributors.payouts.rules")
            actions.LEASE_SECONDS = LEASE_SECONDS
            sending.RESEND_AFTER = timedelta(seconds=LEASE_SECONDS)
            rules._PAUSE_MIN = timedelta(seconds=LEASE_SECONDS / 2)
        if not CRASHES:
            return
        for path, place in PATHS.items():
            _wrap(place, functools.partial(_walk, path))
        for path, place in STATEMENTS.items():
            _wrap(place, functools.partial(_state, path))
        for deed in ("collect", "refund", "transfer"):
            _wrap(f"{GATEWAY}.{deed}", _call)
        BaseDatabaseWrapper._commit = _committing(BaseDatabaseWrapper._commit)
        request_started.connect(_leave, dispatch_uid="crashing")
        request_finished.connect(_leave, dispatch_uid="crashing")


def _wrap(place: str, wrapper: Callable[..., Any]) -> None:
    owner, _, name = place.rpartition(".")
    try:
        holder = importlib.import_module(owner)
    except ModuleNotFoundError:
        holder = import_string(owner)
    plain = getattr(holder, name)

    @functools.wraps(plain)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return wrapper(plain, *args, **kwargs)

    setattr(holder, name, wrapped)


def _walk(path: str, plain: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    _where.path, _where.commits = path, 0
    try:
        return plain(*args, **kwargs)
    finally:
        if path not in ENDS_LATER:
            _leave()


def _state(path: str, plain: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    _where.path = path
    try:
        _reach("before_commit1")
        answer = plain(*args, **kwargs)
        _reach("after_commit1")
        return answer
    finally:
        _leave()


def _call(plain: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    _reach("before_call")
    answer = plain(*args, **kwargs)
    _reach("after_call")
    return answer


def _committing(plain: Callable[..., Any]) -> Callable[..., Any]:
    def commit(self: Any) -> Any:
        _where.commits += 1
        _reach(f"before_commit{_where.commits}")
        answer = plain(self)
        _reach(f"after_commit{_where.commits}")
        return answer

    return commit


def _leave(**_facts: Any) -> None:
    _where.path, _where.commits = "", 0


def _reach(when: str) -> None:
    if not _where.path:
        return
    step = f"{_where.path}.{when}"
    folder = Path(CRASHES)
    try:
        # In one step: nobody may see it gone and not yet hit.
        (folder / step).rename(folder / "hits" / f"{time.monotonic_ns()} {step}")
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def fail(*, subject: str, now: datetime) -> None:
    """Work that can never be done."""
    raise ValueError(f"{subject} is poison")


def die(*, subject: str, now: datetime) -> None:
    """Work that kills whoever tries it."""
    os.kill(os.getpid(), signal.SIGKILL)
