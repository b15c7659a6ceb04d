"""F18: the road to the database, to Redis or to the gateway is cut, slow, or swallows what passes one way."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.faults.driver import Client, Town
from tests.faults.form import IS_FULL
from tests.faults.proxy import ANSWERS, QUESTIONS, Gate
from tests.faults.stack import Stack, within

ANSWER_SECONDS_MAX = 5.0
HEAL_SECONDS_MAX = 15.0
THREADS_MORE_MAX = 6

Harm = Callable[[Gate], None]
CUT: Harm = Gate.cut
HARMS = {
    "cut": CUT,
    "slow": lambda gate: gate.delay(0.4),
    "swallows answers": lambda gate: gate.swallow(ANSWERS),
    "swallows questions": lambda gate: gate.swallow(QUESTIONS),
    "swallows both": lambda gate: gate.swallow(),
}


# In CI the two that differ most; the others in the full form.
PLAYED = list(HARMS) if IS_FULL else ["cut", "swallows answers"]


def threads(stack: Stack) -> int:
    """How many threads the web workers have together."""
    return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in stack.web_workers())


def ask_all(town: Town, rounds: int = 2) -> list[tuple[int, float, str]]:
    """Everybody asks at once, several times over: status, seconds and kind of each answer."""

    def ask(who: Client) -> list[tuple[int, float, str]]:
        told = []
        for _ in range(rounds):
            began = time.monotonic()
            answer = who.send("GET", "me/", None, {})
            kind = answer.headers.get("Content-Type", "") if answer is not None else ""
            told.append((answer.status_code if answer is not None else 0, time.monotonic() - began, kind))
        return told

    with ThreadPoolExecutor(len(town.customers)) as pool:
        return [each for told in pool.map(ask, town.customers) for each in told]


@pytest.mark.parametrize("harm", PLAYED)
def test_the_road_to_the_database(stack: Stack, town: Town, harm: str) -> None:
    before = threads(stack)
    HARMS[harm](stack.database_gate)
    told = ask_all(town)
    page = requests.get(f"{stack.url}/", timeout=ANSWER_SECONDS_MAX + 1)
    ready = stack.readiness()
    assert [each for each in told if each[1] > ANSWER_SECONDS_MAX] == []
    if harm != "slow":
        assert {(status, kind) for status, _, kind in told} == {(503, "application/problem+json")}
        assert (page.status_code, ready["status"], ready["database"]) == (503, 503, "down")
    assert page.elapsed.total_seconds() < ANSWER_SECONDS_MAX
    assert threads(stack) <= before + THREADS_MORE_MAX
    stack.database_gate.heal()
    healed = within(HEAL_SECONDS_MAX, lambda: {status for status, *_ in ask_all(town, 1)} == {200})
    assert healed is not None, "the road is open again, and the web does not notice"
    assert within(HEAL_SECONDS_MAX, lambda: stack.readiness().get("ready")) is not None
    print(f"{harm}: slowest answer {max(each[1] for each in told):.1f} s, healed after {healed:.1f} s")
    town.settle()


@pytest.mark.parametrize("harm", [name for name in PLAYED if name != "cut"])
def test_the_road_to_redis(stack: Stack, town: Town, harm: str) -> None:
    """Nothing but speed is lost; the cut is played in test_valkey."""
    moment = time.monotonic()
    HARMS[harm](stack.redis_gate)
    order = town.buy(town.customers[0], takes_back=True)
    assert [each for each in town.record.since(moment) if each.seconds > ANSWER_SECONDS_MAX or each.status >= 500] == []
    if harm != "slow":
        told = stack.readiness()
        assert (told["status"], told["redis"]) == (200, "down")
    stack.redis_gate.heal()
    assert within(HEAL_SECONDS_MAX, lambda: stack.readiness().get("redis") == "ok") is not None
    town.settle()
    assert order in {row[0] for row in stack.hands("books")["refunds"]}


@pytest.mark.parametrize("harm", PLAYED)
def test_the_road_to_the_gateway(stack: Stack, town: Town, harm: str) -> None:
    """Paying says that nobody can tell; the same key finds the same payment once the road is open."""
    who = town.customers[0]
    order = town.place(who)
    HARMS[harm](stack.gateway_gate)
    key = {"Idempotency-Key": f"partition-{order}"}
    began = time.monotonic()
    answer = who.send("POST", f"orders/{order}/payments/", {"kind": "jsapi"}, key)
    seconds = time.monotonic() - began
    assert answer is not None and seconds < ANSWER_SECONDS_MAX, f"{seconds:.1f} s"
    if harm != "slow":
        assert (answer.status_code, answer.json()["code"]) == (409, "payment_unknown")
    assert who.send("GET", "me/", None, {}).status_code == 200
    stack.gateway_gate.heal()

    def pays() -> bool:
        told = who.send("POST", f"orders/{order}/payments/", {"kind": "jsapi"}, key)
        if told is None or told.status_code >= 400:
            return False
        stack.control.pay(told.json()["number"], openid=who.openid)
        town.record.paid[told.json()["number"]] = order
        return True

    assert within(HEAL_SECONDS_MAX, pays, 0.3) is not None
    town.settle()


def test_everything_holds_after_the_partitions(town: Town) -> None:
    town.recover()
    town.prove_alive()
