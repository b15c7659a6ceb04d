"""The contested things, by name. They run in the contending processes and take plain facts."""

import contextlib
import json
import queue
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.test import Client
from django.utils import timezone
from django.utils.module_loading import import_string
from django_celery_beat.schedulers import DatabaseScheduler

from distributors.commissions import actions as commissions
from distributors.payouts import actions as payouts
from distributors.payouts.models import Withdrawal
from distributors.stores.models import Store
from orders.checkout.items import Item
from orders.checkout.place import place_order
from orders.flow import delivery, reversal
from orders.flow.payment import confirm_payment
from orders.lifecycle.models import Order, SupplierOrder
from orders.payments.actions import start_payment
from orders.payments.models import Payment
from orders.settlements import actions as settlements
from settings.celery import app
from shop.accounts.models import User
from shop.base.errors import DomainError
from shop.work.sweep import database_now
from tests import world
from tests.asking import BASE
from tests.orders import trade
from tests.races.outcomes import CRASHED, DONE, REFUSED, Outcome

_devices = threading.local()


def do(deed: str, facts: dict[str, Any], *, started: float) -> Outcome:
    """Do it and say what came of it; errors of the domain are refusals, everything else passes through."""
    try:
        value = _DEEDS[deed](**facts)
    except DomainError as refusal:
        return Outcome(REFUSED, str(refusal), refusal.code, _since(started))
    if isinstance(value, Outcome):
        return value
    return Outcome(DONE, value, value if isinstance(value, str) and value.islower() else "", _since(started))


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1_000


def _client() -> Client:
    """Return this thread's client: its middleware is loaded once, its cookies are nobody's."""
    if not hasattr(_devices, "client"):
        _devices.client = Client(raise_request_exception=False)
    _devices.client.cookies.clear()
    client: Client = _devices.client
    return client


# --- through the API ----------------------------------------------------------------------------------------------


def ask(*, token: str, path: str, body: Any, key: str = "") -> Outcome:
    """POST as a client does, through every layer; a 5xx is a crash, whatever its words."""
    started = time.perf_counter()
    headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}
    if key:
        headers["Idempotency-Key"] = key
    answer = _client().post(BASE + path, json.dumps(body), content_type="application/json", headers=headers)
    told = json.loads(answer.content)
    if answer.status_code >= 500:
        return Outcome(CRASHED, f"{answer.status_code} {told}", f"{answer.status_code}", _since(started))
    if answer.status_code >= 400:
        return Outcome(REFUSED, told, told["code"], _since(started))
    word = "replayed" if "Idempotency-Replayed" in answer else "done"
    return Outcome(DONE, told, word, _since(started))


def ask_many(*, asked: list[dict[str, Any]]) -> list[Outcome]:
    """POST one thing after another; return what came of each."""
    return [ask(**one) for one in asked]


def post_notice(*, path: str, headers: dict[str, str], body: bytes) -> Outcome:
    """Post a gateway's notice to its webhook."""
    started = time.perf_counter()
    sent = {name: value for name, value in headers.items() if name != "Content-Type"}
    answer = _client().post(path, data=body, content_type="application/json", headers=sent)
    if answer.status_code >= 500:
        return Outcome(CRASHED, answer.content.decode(), f"{answer.status_code}", _since(started))
    kind = DONE if answer.status_code == 200 else REFUSED
    return Outcome(kind, answer.status_code, f"{answer.status_code}", _since(started))


# --- orders and money coming in -----------------------------------------------------------------------------------


def place(*, user: int, wishes: list[tuple[str, int, str]], address: str) -> str:
    """Place an order; wishes are (SKU number, pieces, store code)."""
    order = place_order(
        user=User.objects.get(pk=user),
        items=[Item(sku, pieces, store) for sku, pieces, store in wishes],
        address_number=address,
        note="",
        visitor_key="",
        expected_payable_fen=None,
        now=timezone.now(),
    )
    return order.number


def place_and_start(**facts: Any) -> tuple[str, str]:
    """Place an order and begin to pay it at the gateway; return the order's and the payment's numbers."""
    order = Order.objects.get(number=place(**facts))
    payment = start_payment(order=order, kind="native", payer_openid=None, now=timezone.now())
    return order.number, payment.number


def start(*, order: str, kind: str) -> str:
    """Begin to pay at the gateway."""
    row = Order.objects.get(number=order)
    return start_payment(order=row, kind=kind, payer_openid="openid-su", now=timezone.now()).number


def say_paid(*, payment: str, transaction: str = "") -> str:
    """Take in what a query says: it is paid."""
    row = Payment.objects.get(number=payment)
    said = trade.said_paid(row, transaction=transaction)
    return confirm_payment(gateway_name=row.gateway, state=said, now=timezone.now())


def pay(*, order: str) -> str:
    """Have an order paid."""
    trade.pay(Order.objects.get(number=order))
    return order


def expire(*, order: str, now: datetime) -> str:
    """The time to pay is over."""
    return "expired" if reversal.expire_order(number=order, now=now) else "kept"


def cancel(*, order: str) -> str:
    """The customer gives the order up."""
    row = Order.objects.get(number=order)
    refund = reversal.cancel_order(order=row, actor="user:U1", reason="changed my mind", now=timezone.now())
    return "cancelled" if refund is None else "refunded"


# --- goods, and money going back ----------------------------------------------------------------------------------


def ship(*, part: str) -> str:
    """Send everything of a part."""
    row = SupplierOrder.objects.select_related("supplier").get(number=part)
    delivery.ship(
        supplier_order=row,
        carrier="顺丰速运",
        tracking_number=f"SF{row.number}",
        actor=f"supplier:{row.supplier.code}",
        now=timezone.now(),
    )
    return "shipped"


def receive(*, part: str) -> str:
    """The customer says that a part arrived."""
    row = SupplierOrder.objects.get(number=part)
    delivery.confirm_receipt(supplier_order=row, actor="user:U1", now=timezone.now())
    return "received"


def complete(*, part: str, now: datetime) -> str:
    """The return windows of a part are over."""
    delivery.complete_supplier_order(number=part, now=now)
    return "completed"


def refund(*, order: str, lines: dict[int, tuple[int, int]], restock: bool = False) -> str:
    """Staff gives money back."""
    row = reversal.refund(
        order_number=order,
        lines=lines,
        freight_fen=0,
        cause="staff",
        restock=restock,
        actor="staff:U1",
        now=timezone.now(),
    )
    return row.number


def settle(*, now: datetime) -> int:
    """The clock settles what is due, for stores and suppliers."""
    return commissions.settle_due(limit=500, now=now) + settlements.settle_due(limit=500, now=now)


# --- money going out ----------------------------------------------------------------------------------------------


def withdraw(*, store: int, amount_fen: int) -> str:
    """A store asks for its money."""
    row = Store.objects.select_related("distributor__user").get(pk=store)
    return payouts.request(store=row, amount_fen=amount_fen, now=timezone.now()).number


def approve(*, number: str) -> str:
    """Staff approves."""
    payouts.approve(withdrawal=Withdrawal.objects.get(number=number), actor=world.STAFF, now=timezone.now())
    return "approved"


def reject(*, number: str) -> str:
    """Staff declines."""
    row = Withdrawal.objects.get(number=number)
    payouts.reject(withdrawal=row, actor=world.STAFF, reason="no", now=timezone.now())
    return "rejected"


def take_back(*, number: str) -> str:
    """The owner changes her mind."""
    row = Withdrawal.objects.select_related("store__distributor__user").get(number=number)
    payouts.cancel(store=row.store, number=number, now=timezone.now())
    return "cancelled"


# --- the clock ----------------------------------------------------------------------------------------------------


def handle(*, path: str, subject: str) -> str:
    """A worker hands due work to its handler, as a task delivered a second time does."""
    import_string(path)(subject=subject, now=database_now())
    return "handled"


def tick(*, is_new: bool = False) -> int:
    """A scheduler sends every periodic task that is due by its own memory; return how many."""
    if is_new:
        app.loader.import_default_modules()
        _devices.beat = DatabaseScheduler(app=app)
    due = [one for one in _devices.beat.schedule.values() if one.is_due().is_due]
    for entry in due:
        _devices.beat.apply_async(entry, advance=False)
    return len(due)


def drain() -> int:
    """A worker takes messages until there are none, and does what they ask; return how many there were."""
    if not hasattr(_devices, "queues"):
        app.loader.import_default_modules()
        line = app.connection_for_read()
        _devices.queues = [line.SimpleQueue(name) for name in ("money", "default")]
    count = 0
    for waiting in _devices.queues:
        with contextlib.suppress(queue.Empty):
            while True:
                message = waiting.get_nowait()
                app.tasks[message.headers["task"]]()
                message.ack()
                count += 1
    return count


_DEEDS: dict[str, Callable[..., Any]] = {
    one.__name__: one
    for one in (
        ask, ask_many, post_notice, place, place_and_start, start, say_paid, pay, expire, cancel, ship, receive,
        complete, refund, settle, withdraw, approve, reject, take_back, handle, tick, drain,
    )
}  # fmt: skip
