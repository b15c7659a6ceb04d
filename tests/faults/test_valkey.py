"""F3 and F4: Valkey is killed and comes back empty, is emptied while it runs, or stays away for long."""

import os
import signal
import time
from random import Random

import redis

from tests.faults.driver import Town
from tests.faults.form import times
from tests.faults.stack import Stack, within

FAILING_SECONDS_MAX = 30.0
ALONE_SECONDS_MAX = 60.0


def answers(stack: Stack) -> bool:
    try:
        return stack.valkey() > 0
    except redis.RedisError:
        return False


def link(stack: Stack) -> redis.Redis:
    return redis.Redis(unix_socket_path=f"{stack.spot.sockets}/valkey.sock")


def test_valkey_is_killed_and_comes_back_empty(stack: Stack, town: Town, chance: Random) -> None:
    with town.busy(chance):
        for _round in range(times(1, 20)):
            time.sleep(chance.uniform(0.5, 1.5))
            town.approve_all()
            moment = time.monotonic()
            stack.kill(stack.valkey())
            assert within(30, lambda: answers(stack), 0.05) is not None
            time.sleep(1.5)
            failures = [each.at - moment for each in town.record.since(moment) if each.status in (0, *range(500, 600))]
            assert all(at < FAILING_SECONDS_MAX for at in failures), failures
            print(f"{len(failures)} failed answers")
    print(f"settled after {town.recover():.1f} s")
    assert stack.readiness()["redis"] == "ok"


def test_emptied_while_work_is_queued(stack: Stack, town: Town) -> None:
    """Every message is gone; the work is not."""
    count = times(8, 50)
    frozen = [*stack.celery("parent"), *stack.celery("children")]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        orders = [town.buy(town.customers[n % len(town.customers)], takes_back=True) for n in range(count)]
        with link(stack) as valkey:
            valkey.flushall()
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    town.settle()
    done = [order for order, _, _, state in stack.hands("books")["refunds"] if state == "succeeded"]
    assert len(set(orders) & set(done)) == count
    town.recover()


def test_while_redis_is_away_the_clock_works_alone(stack: Stack, town: Town) -> None:
    """No bell can be rung and no worker hears; what is due is done, pages are served, and all heal without a hand."""
    stack.redis_gate.cut()
    moment = time.monotonic()
    orders = [town.buy(who, takes_back=True) for who in town.customers]
    assert [each for each in town.record.since(moment) if each.status >= 500 or each.status == 0] == []
    told = stack.readiness()
    assert (told["status"], told["redis"]) == (200, "down")

    def is_sent_back() -> bool:
        done = {order for order, _, _, state in stack.hands("books")["refunds"] if state == "succeeded"}
        return set(orders) <= done

    alone = within(ALONE_SECONDS_MAX, is_sent_back, 0.3)
    assert alone is not None, stack.hands("unfinished")
    stack.redis_gate.heal()
    healed = within(15, lambda: stack.readiness().get("redis") == "ok", 0.2)
    assert healed is not None
    print(f"done by the clock after {alone:.1f} s; ready again {healed:.1f} s after Redis was")
    town.recover()
