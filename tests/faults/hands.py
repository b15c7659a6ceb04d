"""What people inside the house do by hand, and what they look up: one process that reads orders, a JSON line each.

It speaks to the database directly, past every gate, and reads what the books say. ``{"do": name, ...}`` in,
``{"did": result}`` or ``{"failed": text}`` out.
"""

import json
import sys
from datetime import timedelta
from io import StringIO
from typing import Any

import django

django.setup()  # before anything that has models

from celery import current_app
from django.conf import settings
from django.core.management import call_command
from django.db import close_old_connections, connection
from django.utils import timezone

from distributors.commissions.models import Commission
from distributors.links.bonds import bind_customer
from distributors.payouts import actions as payouts
from distributors.payouts.models import Withdrawal
from orders.lifecycle.models import Order, SupplierOrder
from orders.payments.models import Payment, Refund
from orders.settlements import statements
from orders.settlements.models import Earning, Statement, SupplierPayout
from shop.accounts.actions import issue_tokens
from shop.accounts.models import AccessToken, User
from shop.ledger.models import Journal
from shop.ledger.queries import balance_fen
from shop.work.actions import remember
from shop.work.models import Due, DueState
from shop.work.sweep import database_now
from tests import world
from tests.orders import trade

PIECES = 1_000_000
# The clock calls every ten seconds; what has been due for longer than a call and its work is late.
LATE = timedelta(seconds=15)
# Tea and peaches are final here, so that they settle at once; porcelain may be sent back.
RETURN_DAYS = 7


def seed(*, customers: list[str], owners: list[str]) -> dict[str, Any]:
    """Goods without end, a rule, an address for every customer, and for every owner a store with customers."""
    world.rule()
    goods = [
        world.product(world.yunling(), "云岭白茶", pieces=PIECES),
        world.product(world.yangshan(), "阳山水蜜桃", pieces=PIECES),
    ]
    stores = [world.store(_named(number).name) for number in owners]
    people = [_named(number) for number in customers]
    for place, user in enumerate(people):
        bind_customer(store=stores[place % len(stores)], user=user, reason="shared", now=timezone.now())
    shelf = world.category("porcelain", "瓷器", return_days=RETURN_DAYS)
    bowl = world.product(world.yunling(), "青瓷碗", pieces=PIECES, on=shelf)
    return {
        "skus": [world.sku_of(each).number for each in goods],
        "returnable": world.sku_of(bowl).number,
        "addresses": {user.number: world.address(user).number for user in people},
        "stores": {number: store.code for number, store in zip(owners, stores, strict=True)},
    }


def _named(number: str) -> User:
    user = User.objects.get(number=number)
    user.name = f"某 {number[-4:]}"
    user.save(update_fields=["name"])
    return user


def ship(*, order: str) -> None:
    trade.ship(Order.objects.get(number=order))


def approve(*, withdrawal: str) -> bool:
    """Let a withdrawal be paid, unless somebody has already."""
    row = Withdrawal.objects.get(number=withdrawal)
    if row.state == "requested":
        payouts.approve(withdrawal=row, actor=world.STAFF, now=timezone.now())
    return True


def send_task(*, name: str) -> None:
    """Ring for a periodic task now; a worker does it."""
    current_app.send_task(name, retry=False, expires=60)


def send_raw(*, queue: str, body: str) -> None:
    """Push bytes that no Celery ever wrote into a queue."""
    with current_app.connection_for_write() as link:
        link.default_channel.client.lpush(f"linjia:{queue}", body)


def remember_due(*, what: str, subjects: list[str], seconds: int = 0) -> None:
    for subject in subjects:
        remember(what=what, subject=subject, due_at=database_now() + timedelta(seconds=seconds))


def tries_of(*, what: str, subjects: list[str]) -> list[list[Any]]:
    """State and tries of each of these pieces of work, also of those that were written down more than once."""
    rows = Due.objects.filter(what=what, subject__in=subjects)
    return [list(row) for row in rows.values_list("state", "attempts")]


def make_poison(*, count: int) -> None:
    """Work that raises each time, and one piece that kills whoever touches it; some have been tried often already."""
    for number in range(count):
        remember(what="poison.raise", subject=f"P{number}", due_at=database_now())
    remember(what="poison.kill", subject="K", due_at=database_now())
    most = settings.LINJIA_WORK_ATTEMPTS_MAX
    Due.objects.filter(what="poison.raise", subject__in=["P0", "P1", "P2"]).update(attempts=most - 1)
    Due.objects.filter(what="poison.kill").update(attempts=most - 2)


def poison() -> list[list[Any]]:
    """What became of it: kind, subject, state, tries, reason, seconds until the next."""
    now = database_now()
    return [
        [row.what, row.subject, row.state, row.attempts, row.last_error, (row.due_at - now).total_seconds()]
        for row in Due.objects.filter(what__startswith="poison.").order_by("pk")
    ]


def forget_poison() -> None:
    Due.objects.filter(what__startswith="poison.").delete()


def statement_to_pay(*, supplier: str) -> str:
    """A confirmed statement of what the supplier has earned."""
    found = Statement.objects.filter(supplier__code=supplier, state="confirmed").first()
    if found is None:
        house = world.yunling() if supplier == "yunling" else world.yangshan()
        found = statements.issue_now(supplier=house, actor=world.STAFF, now=timezone.now())
        statements.confirm_statement(statement=found, actor="supplier:test", now=timezone.now())
    return str(found.number)


def pay_statement(*, number: str) -> str:
    """Pay it, unless it is being paid: the payout's number."""
    found = SupplierPayout.objects.filter(statement__number=number).exclude(state="failed").first()
    if found is None:
        found = statements.pay_statement(
            statement=Statement.objects.get(number=number), actor=world.STAFF, now=timezone.now()
        )
    return str(found.number)


def payouts_of(*, statement: str) -> list[str]:
    """The payouts of a statement that did not fail."""
    rows = SupplierPayout.objects.filter(statement__number=statement).exclude(state="failed")
    return list(rows.values_list("number", flat=True))


def bank_refuses(*, payout: str) -> None:
    """The bank sends the money back, so that the statement can be paid anew."""
    statements.record_payout_failed(number=payout, reason="account closed", actor=world.STAFF, now=timezone.now())


def unfinished() -> dict[str, list[str]]:
    """Work that is late, and money whose way is not known to the end."""
    now = database_now()
    late = Due.objects.filter(state=DueState.OPEN, due_at__lte=now - LATE)
    return {
        "due": [f"{row.what} {row.subject} {row.last_error}" for row in late],
        "payments": list(Payment.objects.filter(state="started").values_list("number", flat=True)),
        "refunds": list(Refund.objects.exclude(state="succeeded").values_list("number", flat=True)),
        "withdrawals": list(
            Withdrawal.objects.filter(state__in=["approved", "sending", "unknown"]).values_list("number", flat=True)
        ),
        "waiting": list(Withdrawal.objects.filter(state="waiting_user").values_list("number", flat=True)),
    }


def parked() -> list[list[str]]:
    return [list(row) for row in Due.objects.filter(state=DueState.PARKED).values_list("what", "subject", "last_error")]


def faults() -> list[str]:
    """Everything that verify_all and reconcile hold against the books, as an operator is told it."""
    found: list[str] = []
    for command in ("verify_all", "reconcile"):
        told = StringIO()
        try:
            call_command(command, stdout=told, stderr=told)
        except SystemExit:
            found += told.getvalue().splitlines()
    return found


def books() -> dict[str, Any]:
    """What our own books hold, by number."""
    return {
        "orders": dict(Order.objects.values_list("number", "state")),
        "payments": dict(Payment.objects.values_list("number", "state")),
        "refunds": [
            [row.order.number, row.number, row.amount_fen, row.state] for row in Refund.objects.select_related("order")
        ],
        "withdrawals": dict(Withdrawal.objects.values_list("number", "state")),
        "journals": [list(row) for row in Journal.objects.values_list("kind", "reference")],
    }


def sweep_here() -> None:
    """Do all due work now, as an operator does who does not wait for the workers."""
    call_command("sweep", stdout=StringIO())


def token(*, user: str, days: int) -> str:
    """A sign-in that still holds in so many days."""
    made = issue_tokens(
        user=User.objects.get(number=user), device="test", now=database_now() + timedelta(days=days - 1)
    )
    AccessToken.objects.filter(user__number=user).update(expires_at=database_now() + timedelta(days=days))
    return made.access


def receive(*, order: str) -> None:
    """Everything arrives."""
    trade.receive(Order.objects.get(number=order), now=database_now())


def state_of(*, kind: str, number: str) -> str:
    models = {"order": Order, "payment": Payment, "withdrawal": Withdrawal, "part": SupplierOrder}
    return str(models[kind].objects.values_list("state", flat=True).get(number=number))


def available_fen(*, store: str) -> int:
    return balance_fen(f"store/{store}/available")


def settled(*, order: str) -> bool:
    """Whether all that an order earned anybody is settled, and there is something."""
    found = [
        *Commission.objects.filter(order_number=order),
        *Earning.objects.filter(supplier_order__order__number=order),
    ]
    return bool(found) and all(row.settled_at for row in found)


def due_instants(*, order: str) -> dict[str, Any]:
    """When what hangs on an order is due, against the database's clock."""
    row = Order.objects.get(number=order)
    now = database_now()
    parts = list(SupplierOrder.objects.filter(order=row))
    windows = [line.window_ends_at for part in parts for line in part.lines.all() if line.window_ends_at]
    return {
        "pay_seconds": (row.expires_at - now).total_seconds(),
        "window_seconds": min(((at - now).total_seconds() for at in windows), default=None),
        "order": row.state,
        "parts": [part.state for part in parts],
        "commissions": list(Commission.objects.filter(order_number=order).values_list("state", flat=True)),
        "earnings": list(Earning.objects.filter(supplier_order__order=row).values_list("state", flat=True)),
    }


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        name = asked.pop("do")
        try:
            close_old_connections()
            answer = {"did": globals()[name](**asked)}
        except Exception as error:  # noqa: BLE001 - told to whoever asked
            connection.close()
            answer = {"failed": f"{name}: {type(error).__name__}: {error}"}
        print(json.dumps(answer, default=str), flush=True)


if __name__ == "__main__":
    main()
