"""Steps of the tests of a gateway that misbehaves: buy, post, let time pass, compare. Amounts in fen."""

import itertools
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random
from typing import Any

from django.db import connections
from django.db.models import F
from django.test import Client

from distributors.payouts.models import Withdrawal
from orders.flow.reconciliation import reconcile
from orders.lifecycle.models import Order
from orders.payments.actions import start_payment
from orders.payments.models import Payment
from shop.gateways.sandbox.client import SandboxControl, SentNotice
from shop.work.models import Due
from shop.work.sweep import run_due
from tests import world
from tests.faults.form import SEED
from tests.gateways_fixtures import post_notice
from tests.stories.town import audit

PAID = 9_800 + 800
HOUR = timedelta(hours=1)


def seeded(sandbox: SandboxControl) -> Random:
    """Make chance repeatable, on both sides."""
    sys.stdout.write(f"LINJIA_FAULT_SEED={SEED}\n")
    sandbox.seed(SEED)
    return Random(SEED)


def placed(count: int, *, ago: timedelta = timedelta(0)) -> list[Order]:
    """So many orders of one tea by 苏, led by 阿禾."""
    world.rule()
    tea = world.product(world.yunling(), "云岭白茶", pieces=10_000)
    su = world.led_by(world.ahe(), world.customer("苏 Su"))
    return [world.place(su, [(tea, 1)], at=world.now() - ago) for _ in range(count)]


def started(orders: Iterable[Order]) -> list[Payment]:
    """Asked for at the gateway."""
    return [start_payment(order=order, kind="native", payer_openid=None, now=order.placed_at) for order in orders]


def post_all(notices: Iterable[SentNotice], *, threads: int = 8) -> list[int]:
    """Post notices from several threads at once; return the shop's answers."""

    def post(chunk: list[SentNotice]) -> list[int]:
        try:
            client = Client()
            return [post_notice(client, notice).status_code for notice in chunk]
        finally:
            connections.close_all()

    dealt = list(notices)
    with ThreadPoolExecutor(threads) as pool:
        return list(itertools.chain.from_iterable(pool.map(post, (dealt[place::threads] for place in range(threads)))))


def work_until_quiet(is_over: Callable[[], bool] = lambda: False) -> None:
    """Let the time pass that due work waits for, and do it, until it is over or nothing is open."""
    for _ in range(40):
        waiting = Due.objects.filter(state="open").exclude(what__in=("order.expire", "withdrawal.expire"))
        if is_over() or not waiting.exists():
            return
        waiting.update(due_at=world.now() - timedelta(seconds=1), claimed_until=None)
        # A transfer is sent again only when it cannot be on its way any more.
        Withdrawal.objects.filter(sent_at__isnull=False).update(sent_at=F("sent_at") - timedelta(minutes=2))
        run_due(rounds_max=200)
    raise AssertionError(list(Due.objects.filter(state="open").values("what", "attempts", "last_error")[:5]))


def all_are(model: type[Any], state: str) -> Callable[[], bool]:
    return lambda: not model.objects.exclude(state=state).exists()


def differences() -> list[tuple[str, str, str]]:
    at = world.now()
    run = reconcile(gateway_name="sandbox", since=at - timedelta(days=2), until=at + HOUR, is_mending=False, now=at)
    return list(run.differences.values_list("kind", "number", "cause"))


def received() -> list[tuple[str, int]]:
    """What the books say came in, by order."""
    return audit(
        "SELECT reference, sum(amount_fen) FROM audit.transfers WHERE journal_kind = 'payment_received' GROUP BY 1"
    )


def net_at_gateway(state: dict[str, Any], numbers: Iterable[str]) -> int:
    """What the gateway keeps of these payments, by its own book."""
    wanted = set(numbers)
    paid = sum(row["amount_fen"] for row in state["transactions"] if row["out_trade_no"] in wanted)
    back = sum(
        row["amount_fen"] for row in state["refunds"] if row["out_trade_no"] in wanted and row["state"] == "SUCCESS"
    )
    return int(paid - back)
