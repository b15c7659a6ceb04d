"""F2: the workers' parent, a child, both, or the clock are killed. F15: no clock at all. F21: poison among the work."""

import os
import signal
import time
from random import Random

from tests.faults.driver import Town
from tests.faults.form import times
from tests.faults.stack import Stack, within

BACK_SECONDS_MAX = 40
OTHERS_LATE_SECONDS_MAX = 30
PARTS = ("children", "parent", "both", "beat")


def victims(stack: Stack, part: str) -> list[int]:
    if part == "both":
        return [*stack.celery("children"), *stack.celery("parent")]
    return stack.celery(part)


def test_workers_and_clock_are_killed(stack: Stack, town: Town, chance: Random) -> None:
    with town.busy(chance):
        for number in range(times(4, 100)):
            part = PARTS[number % len(PARTS)]
            time.sleep(chance.uniform(0.2, 1.0))
            town.approve_all()
            assert within(BACK_SECONDS_MAX, lambda: victims(stack, part)) is not None, f"{part} is gone"  # noqa: B023
            stack.kill(*victims(stack, part))
    for part in ("parent", "children", "beat"):
        assert within(BACK_SECONDS_MAX, lambda: stack.celery(part)) is not None  # noqa: B023
    print(f"settled after {town.recover():.1f} s")
    town.prove_alive()


def test_what_fell_due_without_a_clock_is_made_up_for(stack: Stack, town: Town) -> None:
    """F15: the clock stands still while work falls due; when it goes on, each piece is done, and once."""
    subjects = [f"O-of-nobody-{number}" for number in range(50)]
    clock = stack.celery("beat")
    for pid in clock:
        os.kill(pid, signal.SIGSTOP)
    try:
        # The bell rings when it is written down, and not when it falls due.
        stack.hands("remember_due", what="order.expire", subjects=subjects, seconds=2)
        order = town.buy(town.customers[0], takes_back=True)
        time.sleep(times(3, 600))
    finally:
        for pid in clock:
            os.kill(pid, signal.SIGCONT)

    def tries() -> list[list[object]]:
        return list(stack.hands("tries_of", what="order.expire", subjects=subjects))

    done = within(BACK_SECONDS_MAX, lambda: tries() == [["done", 1]] * len(subjects), 0.3)
    assert done is not None, tries()
    town.settle()
    assert order in {row[0] for row in stack.hands("books")["refunds"]}
    print(f"made up for after {done:.1f} s")


def test_poison_is_parked_and_the_others_go_on(stack: Stack, town: Town) -> None:
    """Work that always raises, work that kills, and bytes in the queue that no Celery wrote."""
    hands = stack.hands
    hands("make_poison", count=25)
    for body in ("this is no message", '{"body": "eA==", "headers": {}, "properties": {}}', "[]", '{"half": '):
        hands("send_raw", queue="default", body=body)
    hands("send_task", name="no.such.task")
    began = time.monotonic()
    orders = [town.buy(who, takes_back=True) for who in town.customers]

    def is_sent_back() -> bool:
        done = {order for order, _, _, state in hands("books")["refunds"] if state == "succeeded"}
        return set(orders) <= done

    assert within(OTHERS_LATE_SECONDS_MAX, is_sent_back, 0.3) is not None, hands("unfinished")
    print(f"others done {time.monotonic() - began:.1f} s after the poison")

    def is_parked() -> bool:
        return sum(state == "parked" for _, _, state, *_ in hands("poison")) == 4

    # The one that kills is taken up again each time its dead worker's claim has run out.
    assert within(150, is_parked, 0.5) is not None, hands("poison")
    told = hands("poison")
    parked = {subject: reason for _, subject, state, _, reason, _ in told if state == "parked"}
    assert parked == {f"P{n}": f"ValueError: P{n} is poison" for n in range(3)} | {"K": "its worker died 12 times"}
    # The others wait longer and longer, each with its reason.
    assert all(
        reason.startswith("ValueError") and tries < 12 for _, _, state, tries, reason, _ in told if state == "open"
    )
    hands("forget_poison")
    # Everybody still hears the bell.
    town.recover()
    town.prove_alive()
