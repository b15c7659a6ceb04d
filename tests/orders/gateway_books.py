"""Our book and the gateway's: comparing them, and planting what should not be in either."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.db import connection

from orders.flow import reversal, tasks
from orders.flow.reconciliation import reconcile
from orders.lifecycle.models import Order
from orders.payments.actions import start_payment
from orders.payments.models import Payment, Reconciliation, Refund
from shop.gateways.contract import Gateway
from shop.gateways.sandbox.client import SandboxControl
from tests import world
from tests.gateways_fixtures import SandboxProcess
from tests.orders import trade

PAID = 9_800 + 800


def paying() -> Payment:
    """苏 is about to pay a tea."""
    world.rule()
    order = trade.placed((world.product(world.yunling(), "云岭白茶"), 1, world.ahe()))
    return start_payment(order=order, kind="jsapi", payer_openid="o-su", now=world.now())


def paid(payment: Payment, sandbox: SandboxControl) -> Order:
    """She has paid it, and we know."""
    sandbox.pay(payment.number)
    tasks.query_payment(subject=payment.number, now=world.now())
    return Order.objects.get(pk=payment.order_id)


def given_back(gateway: Gateway, payment: Payment, fen: int, number: str = "RLOST00001") -> str:
    """In a life we forgot."""
    facts = {"payment_number": payment.number, "total_fen": payment.amount_fen, "reason": "before"}
    gateway.refund(number=number, amount_fen=fen, **facts)
    gateway.query_refund(number)
    return number


def half_back(order: Order, fen: int = 4_000) -> Refund:
    facts = {"cause": "staff", "restock": False, "actor": world.STAFF, "now": world.now()}
    return reversal.refund(order_number=order.number, lines={1: (0, fen)}, freight_fen=0, **facts)


def compare(*, is_mending: bool = False) -> Reconciliation:
    at = world.now()
    since, until = at - timedelta(days=1), at + timedelta(minutes=1)
    return reconcile(gateway_name="sandbox", since=since, until=until, is_mending=is_mending, now=at)


def found(run: Reconciliation | None = None) -> set[tuple[str, str, str, int | None, int | None]]:
    rows = (run or compare()).differences.filter(is_mended=False)
    return set(rows.values_list("kind", "number", "cause", "ours_fen", "theirs_fen"))


def command(*arguments: str) -> tuple[int, str]:
    said = StringIO()
    try:
        call_command("reconcile", *arguments, stdout=said, stderr=said)
    except SystemExit as end:
        return int(str(end.code)), said.getvalue()
    return 0, said.getvalue()


def plant(sql: str, *values: Any) -> None:
    """A privileged hand in our own book: no trigger looks."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(sql, values)
        cursor.execute("SET LOCAL session_replication_role = origin")


def plant_there(process: SandboxProcess, sql: str, *values: Any) -> None:
    """A hand in the gateway's book."""
    with closing(sqlite3.connect(process.home / "book.sqlite3", timeout=10)) as book, book:
        book.execute(sql, values)
