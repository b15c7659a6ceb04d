"""F1: web workers are killed at any moment, and every process at each named step of each path of the money."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random

from tests.faults.crashing import all_steps
from tests.faults.driver import Town
from tests.faults.form import IS_FULL, times
from tests.faults.stack import HandsFailed, Stack, within

WEB_WORKERS = 2
BACK_SECONDS_MAX = 60
ROUND_SECONDS_MAX = times(150, 600)
# In the short form: one of each kind, and what can only be hit while earnings are settled.
SHORT = (
    "place.after_commit1", "pay.after_call", "confirm_payment.before_commit1", "refund_send.after_call",
    "withdrawal_send.after_commit1", "settle_commissions.before_commit1", "pay_statement.after_commit1",
)  # fmt: skip


def test_web_workers_are_killed_at_any_moment(stack: Stack, town: Town, chance: Random) -> None:
    with town.busy(chance, pause=0.2):
        for _round in range(times(2, 200)):
            # A worker that has not answered anybody yet has nothing to lose.
            now = time.monotonic()
            assert within(BACK_SECONDS_MAX, lambda: town.record.was_answered(since=now), 0.05) is not None  # noqa: B023
            time.sleep(chance.uniform(0.005, 0.5))
            # The server may be starting its workers anew by itself: then it is left alone.
            if workers := stack.web_workers():
                stack.kill(chance.choice(workers))
    assert within(BACK_SECONDS_MAX, lambda: len(stack.web_workers()) >= WEB_WORKERS) is not None
    print(f"settled after {town.recover():.1f} s")


def test_every_step_of_the_money_survives_a_crash(stack: Stack, town: Town, chance: Random) -> None:
    steps = all_steps() if IS_FULL else list(SHORT)
    for _round in range(times(1, 3)):
        chance.shuffle(steps)
        before = len(stack.hits())
        for step in steps:
            stack.arm(step)
        with town.busy(chance, pause=0.2), ThreadPoolExecutor(1) as aside:
            earning = threading.Event()
            settling = aside.submit(_earn, town, earning) if any("settle" in step for step in steps) else None
            began = time.monotonic()
            while stack.armed() and time.monotonic() - began < ROUND_SECONDS_MAX:
                town.approve_all()
                _pay_a_statement(stack)
                time.sleep(0.5)
            earning.set()
            if settling is not None:
                settling.result()
        assert stack.armed() == [], "nobody came by these steps"
        assert sorted(stack.hits()[before:]) == sorted(steps)
        print(f"{len(steps)} crashes; settled after {town.settle():.1f} s")
    town.recover()


def _earn(town: Town, enough: threading.Event) -> None:
    """Orders that are delivered and settled, one after the other."""
    while not enough.is_set():
        who = town.customers[-1]
        town.deliver(who, town.buy(who))
        enough.wait(0.5)


def _pay_a_statement(stack: Stack) -> None:
    """Staff pay a supplier; their process may fall dead, then they look again. In the end the bank refuses."""
    if not any(step.startswith("pay_statement") for step in stack.armed()):
        return
    try:
        number = stack.hands("statement_to_pay", supplier="yunling")
    except HandsFailed:
        # Nothing is settled yet.
        return
    for _try in range(3):
        with contextlib.suppress(HandsFailed):
            payout = stack.hands("pay_statement", number=number)
            assert stack.hands("payouts_of", statement=number) == [payout]
            stack.hands("bank_refuses", payout=payout)
            return
