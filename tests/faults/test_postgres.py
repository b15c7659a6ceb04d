"""F5: PostgreSQL is killed whole, loses single backends, and ends sessions."""

import contextlib
import time
from random import Random

import psycopg2
import requests

from tests.faults.driver import Town, Try
from tests.faults.form import times
from tests.faults.stack import Stack, within

ANSWER_SECONDS_MAX = 5.0
FIRST_SUCCESS_SECONDS_MAX = 15.0


def slow(tries: list[Try]) -> list[Try]:
    """The sends that took too long, whatever came of them."""
    return [each for each in tries if each.seconds > ANSWER_SECONDS_MAX]


def badly_told(tries: list[Try]) -> list[Try]:
    """The failures that do not say what they are: not 503, or no problem document."""
    failures = [each for each in tries if each.status >= 500]
    return [each for each in failures if each.status != 503 or "problem+json" not in each.content_type]


def test_the_whole_server_is_killed_and_nobody_restarts_the_web(stack: Stack, town: Town, chance: Random) -> None:
    workers = stack.web_workers()
    assert len(workers) == 2
    for _round in range(times(1, 10)):
        moment = time.monotonic()
        with town.busy(chance):
            time.sleep(1 + chance.random())
            stack.kill(stack.postmaster())
            page = requests.get(f"{stack.url}/", timeout=ANSWER_SECONDS_MAX + 1)
            assert (page.status_code, page.elapsed.total_seconds() < ANSWER_SECONDS_MAX) == (503, True)
            assert within(30, stack.database_answers, 0.05) is not None
            restarted = time.monotonic()

            def buys_again(restarted: float = restarted) -> bool:
                return any(each.path == "orders/" and each.status == 201 for each in town.record.since(restarted))

            first = within(FIRST_SUCCESS_SECONDS_MAX, buys_again)
            assert first is not None, f"no order within {FIRST_SUCCESS_SECONDS_MAX} s of the restart"
            print(f"first order {first:.1f} s after the restart")
        tries = town.record.since(moment)
        assert (slow(tries), badly_told(tries)) == ([], [])
        print(f"settled after {town.settle():.1f} s")
    town.recover()
    assert stack.web_workers() == workers


def at_work(stack: Stack) -> list[int]:
    """The shop's backends; after a crash, those that come when the server has recovered."""
    found: list[int] = []

    def is_there() -> bool:
        with contextlib.suppress(psycopg2.Error):
            found[:] = stack.backends()
        return bool(found)

    assert within(30, is_there, 0.05) is not None
    return found


def test_single_backends_are_killed_and_sessions_ended(stack: Stack, town: Town, chance: Random) -> None:
    moment = time.monotonic()
    with town.busy(chance):
        for number in range(times(2, 20)):
            time.sleep(chance.uniform(0.3, 1.5))
            found = at_work(stack)
            if number % 2:
                # One dead backend makes the server throw everybody out and recover.
                stack.kill(chance.choice(found))
                assert within(30, stack.database_answers, 0.05) is not None
            else:
                for pid in chance.sample(found, min(3, len(found))):
                    stack.ask_database("SELECT pg_terminate_backend(%s)", pid)
        time.sleep(1)
    tries = town.record.since(moment)
    assert (slow(tries), badly_told(tries)) == ([], [])
    print(f"settled after {town.recover():.1f} s")
