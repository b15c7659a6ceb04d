"""No transaction is open while a gateway is waited for: for signing in, paying, refunds, transfers, queries, closing.

Any other call is refused inside a transaction by its own rail: ``tests/shop/test_gateways_pay.py``.
"""

import threading
import time
from typing import Self

import psycopg2
import pytest
import requests

from tests.faults.driver import Town
from tests.faults.stack import Stack, within

SLOW_SECONDS = 2.5
PHONE = "13500000001"
# The sandbox's names of what is asked of a gateway.
ASKED = {
    *("code2session", "phone_number", "collect", "query_payment", "close_payment"),
    *("refund", "transfer", "query_transfer"),
}
OPEN = """
SELECT application_name, state, left(query, 200), now() - xact_start
FROM pg_stat_activity
WHERE application_name LIKE 'linjia-%' AND datname = 'linjia'
  AND xact_start IS NOT NULL AND now() - xact_start > interval '0.7 seconds'
"""


class Watch:
    """Looks at the shop's sessions, several times a second, while something is waited for."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.seen: list[tuple] = []
        self.looks = 0
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._enough.is_set():
            self.seen += self.stack.ask_database(OPEN)
            self.looks += 1
            time.sleep(0.1)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._enough.set()
        self._thread.join()


@pytest.fixture
def slow(stack: Stack, town: Town):
    """A gateway that takes its time for every call."""
    stack.control.fail("*", "delay", times=None, seconds=SLOW_SECONDS)
    yield
    stack.control.heal()


def test_the_watch_sees_a_transaction_that_waits(stack: Stack) -> None:
    """Else the next test could not fail."""
    plant = psycopg2.connect(**stack.database_door, application_name="linjia-plant")
    with Watch(stack) as watch:
        plant.cursor().execute("SELECT 1")
        found = within(10, lambda: bool(watch.seen), 0.1)
        plant.close()
    assert found is not None
    assert {application for application, *_rest in watch.seen} == {"linjia-plant"}


@pytest.mark.usefixtures("slow")
def test_no_transaction_waits_for_a_gateway(stack: Stack, town: Town) -> None:
    who, owner = town.customers[0], town.owners[0]
    asked = len(stack.control.calls())
    with Watch(stack) as watch:
        # Whether she gets in when WeChat is that slow does not matter here.
        code = {"code": stack.control.login_code("newcomer", "n1"), "phone_code": stack.control.phone_code(PHONE, "n2")}
        requests.post(f"{stack.url}/api/v1/auth/wechat-sign-in/", json=code, timeout=20)
        paid = town.place(who)
        payment = who.ask("POST", f"orders/{paid}/payments/", {"kind": "jsapi"}, is_intent=True)["number"]
        who.ask("POST", f"orders/{paid}/payments/{payment}/check/", {})
        stack.control.pay(payment, openid=who.openid)
        town.record.paid[payment] = paid
        town.take_back(who, paid)
        # Given up before it was paid: the worker closes the payment at the gateway.
        left = town.place(who)
        who.ask("POST", f"orders/{left}/payments/", {"kind": "jsapi"}, is_intent=True)
        town.take_back(who, left)
        town.withdraw_and_approve(owner)

        def missing() -> set[str]:
            return ASKED - {call["endpoint"] for call in stack.control.calls()[asked:]}

        assert within(60, lambda: not missing(), 0.3) is not None, missing()
        time.sleep(SLOW_SECONDS)
    assert watch.looks > 20
    assert watch.seen == []
    stack.control.heal()
    town.recover()
