"""The clock rings twice: two schedulers of one period, and every kind of due work delivered to two workers at once."""

from collections import Counter
from dataclasses import dataclass, field
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
from orders.aftersales.models import AfterSale
from orders.flow import aftersale, reversal, tasks
from orders.flow.verification import verify_all
from orders.lifecycle.models import Order
from orders.payments.actions import start_payment
from orders.payments.models import Refund
from orders.settlements.models import Earning
from orders.shipments.models import Shipment
from settings.celery import app
from settings.schedule import BEAT, DUE_WORK
from shop.catalogue.models import Product
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

PAIRS = 14
# What moves money or orders; pictures, posters, exports, erasures, reviews and recruits are everybody else's.
ASIDE = {"picture", "product_picture", "portrait", "poster", "export", "account", "review", "referral"}
KINDS = {kind for kind in DUE_WORK if kind.partition(".")[0] not in ASIDE}


@dataclass
class Twice:
    """Delivers each task to two workers at once, and remembers which kinds there were."""

    arena: Arena
    report: Report
    kinds: set[str] = field(default_factory=set)

    def __call__(self, kind: str, subject: str) -> None:
        self.kinds.add(kind)
        handed = ("handle", {"path": DUE_WORK[kind], "subject": subject})
        _note(self.report, self.arena.race(handed, handed, spread_ms=10))

    def settle(self) -> None:
        _note(self.report, self.arena.race(*[("settle", {"now": world.now()})] * 2, spread_ms=10))


def lives(arena: Arena, sandbox: SandboxControl, count: int) -> Report:
    """Orders live from payment to payout and refund, and every task on their way is delivered twice at once."""
    report = arena.report("the same task twice")
    world.rule()
    store = world.store("阿禾 Ahe")
    desk.payee(store)
    tea = world.product(world.yunling(), "云岭白茶", pieces=10_000)
    twice = Twice(arena, report)
    for _life in range(count):
        ends = [*_sold(twice, sandbox, tea, store), _given_up(twice, tea)]
        if ends != ["failed", "paid", "completed", "cancelled"]:
            report.violations.append(f"the lives ended {ends}")
    if twice.kinds != KINDS:
        report.violations.append(f"never delivered: {KINDS - twice.kinds}")
    moved = Counter((line.kind, line.number) for line in sandbox.book() if line.state != "closed")
    report.violations += [f"{times} times at the gateway: {what}" for what, times in moved.items() if times != 1]
    if len(moved) != 4 * count:
        report.violations.append(f"{len(moved)} movements at the gateway for {count} lives")
    report.violations += doubled()
    return report


def _sold(twice: Twice, sandbox: SandboxControl, tea: Product, store: Store) -> list[str]:
    """Paid, sent, a piece given back by silence, received, settled; a payout let lapse, one taken; a piece more back."""
    order = trade.placed((tea, 3, store))
    payment = start_payment(order=order, kind="native", payer_openid=None, now=world.now())
    sandbox.pay(payment.number)
    twice("payment.query", payment.number)
    trade.ship(order)
    twice("shipping.upload", Shipment.objects.get(order=order).number)
    twice("aftersale.deadline", _overdue_case(order).number)
    refund = Refund.objects.get(order=order)
    tasks.send_refund(subject=refund.number, now=world.now())
    twice("refund.query", refund.number)
    (part,) = trade.parts(order)
    twice("supplier_order.receive", part.number)
    twice("supplier_order.complete", part.number)
    twice.settle()
    available_fen = trade.store_money(store)["available"]
    lapsed = _approved(twice, store, 100)
    Withdrawal.objects.filter(number=lapsed).update(confirm_until=world.now())
    twice("withdrawal.expire", lapsed)
    taken = _approved(twice, store, available_fen)
    sandbox.confirm_transfer(taken)
    twice("withdrawal.query", taken)
    refund = _a_piece_back(order)
    twice("refund.send", refund.number)
    tasks.query_refund(subject=refund.number, now=world.now())
    order.refresh_from_db()
    return [*[Withdrawal.objects.get(number=number).state for number in (lapsed, taken)], order.state]


def _approved(twice: Twice, store: Store, fen: int) -> str:
    row = payouts.request(store=store, amount_fen=fen, now=world.now())
    payouts.approve(withdrawal=row, actor=world.STAFF, now=world.now())
    twice("withdrawal.pay", row.number)
    return row.number


def _given_up(twice: Twice, tea: Product) -> str:
    """Asked for at the gateway, and never paid."""
    late = world.place(world.customer(), [(tea, 1)])
    payment = start_payment(order=late, kind="native", payer_openid=None, now=world.now())
    Order.objects.filter(pk=late.pk).update(expires_at=world.now())
    twice("order.expire", late.number)
    twice("payment.close", payment.number)
    late.refresh_from_db()
    return late.state


def _note(report: Report, outcomes: list[Outcome]) -> None:
    """A task that finds its work done is no failure: both must end well."""
    wrong = [f"{one.told}: {one.value}" for one in outcomes if not one.is_done]
    report.note(outcomes, wrong=wrong, is_fruitful=any(one.is_done for one in outcomes))


def _overdue_case(order: Order) -> AfterSale:
    """A piece is broken, and its supplier says nothing until the time is over."""
    case = aftersale.open_aftersale(
        user=order.user,
        order_number=order.number,
        line=1,
        kind="refund_only",
        reason="damaged",
        quantity=1,
        now=world.now(),
    )
    AfterSale.objects.filter(pk=case.pk).update(deadline_at=world.now())
    return case


def _a_piece_back(order: Order) -> Refund:
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
    report = lives(arena, sandbox, max(1, -(-2 * ROUNDS // PAIRS)))
    report.holds()
    assert report.rounds >= 2 * ROUNDS
    assert verify_all(now=world.now()) == []


def test_due_rows_that_are_not_claimed_are_settled_twice(arena: Arena) -> None:
    with arena.planted("settle_unclaimed"):
        two_beats(arena, 10).turns_red()
