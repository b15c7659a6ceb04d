"""F1: web workers are killed at any moment, and every process at each named step of each path of the money."""

import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

from tests.faults.crashing import all_steps
from tests.faults.driver import Town
from tests.faults.form import IS_FULL, times
from tests.faults.stack import HandsFailed, Stack, within

WEB_WORKERS = 2
BACK_SECONDS_MAX = 60
ROUND_SECONDS_MAX = times(150, 600)
# While faults last nothing is promised about when: what is on its way is waited for as long as a round may take.
EARNING_SECONDS_MAX = 2 * ROUND_SECONDS_MAX
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
        with ThreadPoolExecutor(1) as aside, _set_at_last() as enough:
            settling = aside.submit(_earn, town, enough)
            with town.busy(chance, pause=0.2):
                _work_until_hit(stack, town)
            # On a slow machine the workers may be far behind: now nobody adds to their work any more.
            _work_until_hit(stack, town)
            enough.set()
            settling.result()
        assert stack.armed() == [], "nobody came by these steps"
        assert sorted(stack.hits()[before:]) == sorted(steps)
        print(f"{len(steps)} crashes; settled after {town.settle():.1f} s")
    town.recover()


@contextlib.contextmanager
def _set_at_last() -> Iterator[threading.Event]:
    """An event that is set whatever happens, so that nobody waits for ever for who waits for it."""
    event = threading.Event()
    try:
        yield event
    finally:
        event.set()


def _work_until_hit(stack: Stack, town: Town) -> None:
    """Staff do what only they can, until every step is hit or the round has lasted too long."""
    began = time.monotonic()
    while stack.armed() and time.monotonic() - began < ROUND_SECONDS_MAX:
        town.approve_all()
        _pay_a_statement(stack)
        time.sleep(0.5)


def _earn(town: Town, enough: threading.Event) -> None:
    """Orders that are delivered and settled, one after the other."""
    while not enough.is_set():
        who = town.customers[-1]
        town.deliver(who, town.buy(who), patience=EARNING_SECONDS_MAX)
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
