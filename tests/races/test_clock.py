"""The clock rings twice: two schedulers of one period, and every kind of due work delivered to two workers at once."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from distributors.commissions.models import Commission
from distributors.links.actions import record_touch
from distributors.links.models import Touch
from distributors.payouts import actions as payouts
from distributors.payouts.models import Withdrawal
from distributors.stores.models import Store
from orders.flow import reversal
from orders.flow.verification import verify_all
from orders.lifecycle.models import Order
from orders.payments.actions import start_payment
from orders.payments.models import Refund
from orders.settlements.models import Earning
from orders.shipments.models import Shipment
from settings.celery import app
from settings.schedule import BEAT
from shop.gateways.sandbox.client import SandboxControl
from shop.notifications.models import Notification
from shop.work.actions import remember
from shop.work.models import Due
from tests import world
from tests.distributors import desk
from tests.orders import trade
from tests.races import scene
from tests.races.arena import ROUNDS, Arena
from tests.races.outcomes import Outcome, Report
from tests.races.referee import doubled


@pytest.fixture(autouse=True)
def _no_windows(settings: Any) -> None:
    """Every window is over at once, so that due work is due now."""
    settings.LINJIA_RETURN_DAYS = 0
    settings.LINJIA_AUTO_RECEIVE_DAYS = 0
    settings.LINJIA_WITHDRAWALS_PER_DAY_MAX = 10**6


COUNTED = ("sweep", "settle_suppliers", "settle_commissions", "flush_touches")

# --- two schedulers -----------------------------------------------------------------------------------------------


def two_beats(arena: Arena, rounds: int) -> Report:
    """Two schedulers send every periodic task of the same period; four workers take what they find."""
    report = arena.report("two beats")
    world.rule()
    store = world.store("阿禾 Ahe")
    link = world.link(store)
    lines = _due_lines(rounds, store)
    DatabaseScheduler(app=app)
    # Those whose effect is counted in every round; the last round has them all.
    PeriodicTask.objects.exclude(name__in=COUNTED).update(enabled=False)
    PeriodicTask.objects.update(last_run_at=world.now() - timedelta(days=1))
    for turn, (commission, earning) in enumerate(lines):
        Commission.objects.filter(pk=commission).update(due_at=world.now())
        Earning.objects.filter(pk=earning).update(due_at=world.now())
        record_touch(link=link, visitor_key=f"visitor number {turn:06d}", now=world.now())
        remember(what="order.expire", subject=f"O{turn:016d}", due_at=world.now())
        if turn == rounds - 1:
            PeriodicTask.objects.filter(name__in=BEAT).update(enabled=True)
        sent = [one.value for one in arena.race(*[("tick", {"is_new": turn in (0, rounds - 1)})] * 2)]
        outcomes = arena.race(*[("drain", {})] * 4)
        wrong = []
        if sent[0] != sent[1] or sent[0] == 0 or sum(sent) != sum(one.value for one in outcomes if one.is_done):
            wrong.append(f"{sent} tasks were sent, {[one.value for one in outcomes]} were done")
        settled = (Commission.objects.get(pk=commission).state, Earning.objects.get(pk=earning).state)
        if settled != ("settled", "settled"):
            wrong.append(f"{settled}")
        swept = Due.objects.get(what="order.expire", subject=f"O{turn:016d}")
        if (swept.state, swept.attempts) != ("done", 1):
            wrong.append(f"due work is {swept.state} after {swept.attempts} attempts")
        if Touch.objects.count() != turn + 1:
            wrong.append(f"{Touch.objects.count()} openings of {turn + 1}")
        report.note(outcomes, wrong=wrong, is_fruitful=settled == ("settled", "settled"))
        if report.is_decided:
            break
    told_fen = sum(
        facts["amount_fen"]
        for facts in Notification.objects.filter(kind="commission_settled").values_list("facts", flat=True)
    )
    earned_fen = sum(Commission.objects.filter(state="settled").values_list("amount_fen", flat=True))
    if told_fen != earned_fen:
        report.violations.append(f"{earned_fen} fen were settled, {told_fen} fen were told")
    report.violations += doubled()
    return report


def _due_lines(rounds: int, store: Store) -> list[tuple[int, int]]:
    """Return the commission and the earning of each of so many received lines, with nothing planned for this month."""
    skus = scene.many_skus("百味茶", 10)
    found: list[tuple[int, int]] = []
    for _order in range(0, rounds, 10):
        order = scene.wide_order(skus, store)
        trade.pay(order)
        trade.ship(order)
        trade.receive(order)
        found += [
            (
                Commission.objects.get(order_number=order.number, line=line.line, level=1).pk,
                Earning.objects.get(order_line=line).pk,
            )
            for line in trade.lines(order)
        ]
    Due.objects.update(due_at=world.now() + timedelta(days=30))
    return found[:rounds]


# --- one task twice -----------------------------------------------------------------------------------------------

DUE = {
    "query_payment": "orders.flow.tasks.query_payment",
    "upload_shipping": "orders.flow.tasks.upload_shipping",
    "receive_overdue": "orders.flow.tasks.receive_overdue",
    "complete_due": "orders.flow.tasks.complete_due",
    "pay_approved": "distributors.payouts.tasks.pay_approved",
    "query_unknown": "distributors.payouts.tasks.query_unknown",
    "send_refund": "orders.flow.tasks.send_refund",
    "query_refund": "orders.flow.tasks.query_refund",
    "expire_unpaid": "orders.flow.tasks.expire_unpaid",
}


def lives(arena: Arena, sandbox: SandboxControl, count: int) -> Report:
    """Orders live from payment to payout and refund, and every task on their way is delivered twice at once."""
    report = arena.report("the same task twice")
    world.rule()
    store = world.store("阿禾 Ahe")
    desk.payee(store)
    tea = world.product(world.yunling(), "云岭白茶", pieces=10_000)

    def twice(task: str, subject: str) -> None:
        _note(report, arena.race(*[("handle", {"path": DUE[task], "subject": subject})] * 2, spread_ms=10))

    for _life in range(count):
        order = trade.placed((tea, 2, store))
        payment = start_payment(order=order, kind="native", payer_openid=None, now=world.now())
        sandbox.pay(payment.number)
        twice("query_payment", payment.number)
        trade.ship(order)
        twice("upload_shipping", Shipment.objects.get(order=order).number)
        (part,) = trade.parts(order)
        twice("receive_overdue", part.number)
        twice("complete_due", part.number)
        _note(report, arena.race(*[("settle", {"now": world.now()})] * 2, spread_ms=10))
        available_fen = trade.store_money(store)["available"]
        payout = payouts.request(store=store, amount_fen=available_fen, now=world.now())
        payouts.approve(withdrawal=payout, actor=world.STAFF, now=world.now())
        twice("pay_approved", payout.number)
        sandbox.confirm_transfer(payout.number)
        twice("query_unknown", payout.number)
        refund = _half_back(order)
        twice("send_refund", refund.number)
        twice("query_refund", refund.number)
        late = world.place(world.customer(), [(tea, 1)], at=world.now() - timedelta(days=1))
        twice("expire_unpaid", late.number)
        order.refresh_from_db()
        late.refresh_from_db()
        ends = (order.state, late.state, Withdrawal.objects.get(pk=payout.pk).state)
        if ends != ("completed", "cancelled", "paid"):
            report.violations.append(f"the lives ended {ends}")
    moved = Counter((line.kind, line.number) for line in sandbox.book() if line.state != "closed")
    report.violations += [f"{times} times at the gateway: {what}" for what, times in moved.items() if times != 1]
    if len(moved) != 3 * count:
        report.violations.append(f"{len(moved)} movements at the gateway for {count} lives")
    report.violations += doubled()
    return report


def _note(report: Report, outcomes: list[Outcome]) -> None:
    """A task that finds its work done is no failure: both must end well."""
    wrong = [f"{one.told}: {one.value}" for one in outcomes if not one.is_done]
    report.note(outcomes, wrong=wrong, is_fruitful=any(one.is_done for one in outcomes))


def _half_back(order: Order) -> Refund:
    return reversal.refund(
        order_number=order.number,
        lines={1: (1, 9_800)},
        freight_fen=0,
        cause="staff",
        restock=False,
        actor="staff:U1",
        now=world.now(),
    )


def test_two_schedulers_have_the_effect_of_one(arena: Arena) -> None:
    two_beats(arena, ROUNDS).holds()
    assert verify_all(now=world.now()) == []


def test_every_task_delivered_twice_is_done_once(arena: Arena, sandbox: SandboxControl) -> None:
    report = lives(arena, sandbox, max(1, ROUNDS // 5))
    report.holds()
    assert report.rounds >= 2 * ROUNDS
    assert verify_all(now=world.now()) == []


def test_due_rows_that_are_not_claimed_are_settled_twice(arena: Arena) -> None:
    with arena.planted("settle_unclaimed"):
        two_beats(arena, 10).turns_red()
