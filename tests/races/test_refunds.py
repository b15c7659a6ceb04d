"""Money goes back once: two refunds of one line, refund against settlement against withdrawal, receipt against refund."""

from collections.abc import Iterator
from datetime import timedelta

from django.db import transaction

from distributors.commissions import actions as commissions
from distributors.payouts import actions as payouts
from distributors.payouts.models import Withdrawal
from distributors.stores.models import Store
from orders.flow.verification import verify_all
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.payments.models import Refund
from orders.settlements import actions as settlements
from shop.ledger import chart
from shop.ledger.actions import Entry, post
from shop.ledger.queries import balance_fen
from shop.work.models import Due
from tests import world
from tests.distributors import desk
from tests.orders import trade
from tests.races import scene
from tests.races.arena import ROUNDS, Arena
from tests.races.outcomes import Report
from tests.races.referee import doubled, found

LINES = 10
CHECKS = ("refund_counted", "line_refunded", "commission_rule", "commission_books", "earning_rule", "earning_books")


def paid_lines(rounds: int, store: Store | None = None) -> Iterator[OrderLine]:
    """Yield lines of paid orders of ten lines each, of ¥98."""
    skus = scene.many_skus("百味茶", LINES)
    for _order in range(0, rounds, LINES):
        order = scene.wide_order(skus, store)
        trade.pay(order)
        yield from trade.lines(order)


def one_line(arena: Arena, rounds: int) -> Report:
    """Four people give the same line back in full."""
    report = arena.report("refunds of one line")
    for _round, line in zip(range(rounds), paid_lines(rounds), strict=False):
        facts = {"order": line.order.number, "lines": {line.line: (1, line.paid_fen)}, "restock": True}
        outcomes = arena.race(*[("refund", facts)] * 4, spread_ms=20)
        line.refresh_from_db()
        refunds = Refund.objects.filter(lines__order_line=line).count()
        wrong = []
        if (line.refunded_fen, line.refunded_quantity, refunds) != (line.paid_fen, 1, 1):
            wrong.append(f"{refunds} refunds, {line.refunded_fen} of {line.paid_fen} fen")
        if sorted({one.told for one in outcomes if not one.is_done}) != ["refund_too_large"]:
            wrong.append(f"{[one.told for one in outcomes]}")
        report.note(outcomes, wrong=wrong, is_fruitful=any(one.is_done for one in outcomes))
    report.violations += [*found(*CHECKS), *doubled()]
    return report


def settled_and_withdrawn(arena: Arena, rounds: int) -> Report:
    """A line is given back while its money becomes available and its seller withdraws it."""
    report = arena.report("refund against settlement against withdrawal")
    world.rule()
    store = world.store("阿禾 Ahe")
    desk.payee(store)
    lines = list(paid_lines(rounds, store))[:rounds]
    for order in Order.objects.all():
        trade.ship(order)
        trade.receive(order)
    later = world.now() + timedelta(days=60)
    for line in lines:
        commissions.set_due(order_number=line.order.number, lines=[line.line], due_at=later)
        settlements.set_due(order=line.order, line_ids=[line.pk], due_at=later)
        facts = {"order": line.order.number, "lines": {line.line: (1, line.paid_fen)}}
        # A refund takes longest, so that in every second round the others let it begin.
        wait = {"later_ms": arena.random.choice((0, arena.random.uniform(0, 50)))}
        clock = ("settle", {"now": later} | wait)
        seller = ("withdraw", {"store": store.pk, "amount_fen": line.level1_fen} | wait)
        outcomes = arena.race(("refund", facts), clock, clock, seller, seller, spread_ms=20)
        trade.settle(later)
        wrong = found("commission_books", "earning_books")
        held = trade.store_money(store)
        nobodys = held.get("available", 0) + held.get("paying", 0) - held.get("debt", 0)
        if nobodys != 0:
            wrong.append(f"the seller keeps {nobodys} fen of what went back: {held}")
        if sum(one.is_done for one in outcomes[3:]) > 1:
            wrong.append("the same money was withdrawn twice")
        report.note(outcomes, wrong=wrong, is_fruitful=outcomes[0].is_done)
        if report.is_decided:
            break
        _even_out(store)
    report.violations += [*found(*CHECKS), *doubled()]
    return report


def _even_out(store: Store) -> None:
    """Let the channel fail the withdrawals and the debt be repaid from what comes back."""
    for row in Withdrawal.objects.filter(store=store, state="requested"):
        payouts.reject(withdrawal=row, actor=world.STAFF, reason="next round", now=world.now())
    debt_fen = balance_fen(chart.store_debt(store.code))
    if debt_fen:
        entry = Entry(debit=chart.store_available(store.code), credit=chart.store_debt(store.code), amount_fen=debt_fen)
        with transaction.atomic():
            key = f"debt_repaid:{store.code}:{Refund.objects.count()}"
            post(kind="debt_repaid", reference=store.code, key=key, entries=[entry], at=world.now())


def receipt(arena: Arena, rounds: int) -> Report:
    """A customer confirms a parcel in two tabs while staff gives all of it back, twice."""
    report = arena.report("receipt against refund")
    goods = [
        world.product(world.supplier(f"茶农 {number}", code=f"farm{number}", owner=f"农 {number}"), f"山茶 {number}")
        for number in range(LINES)
    ]
    su = world.customer()
    for _order in range(0, rounds, LINES):
        order = world.place(su, [(one, 1) for one in goods])
        trade.pay(order)
        trade.ship(order)
    parts = list(SupplierOrder.objects.select_related("order").order_by("pk"))[:rounds]
    for part in parts:
        line = OrderLine.objects.get(supplier_order=part)
        facts = {"order": part.order.number, "lines": {line.line: (1, line.paid_fen)}}
        tab = ("receive", {"part": part.number})
        outcomes = arena.race(tab, tab, ("refund", facts), ("refund", facts), spread_ms=30)
        part.refresh_from_db()
        line.refresh_from_db()
        wrong = []
        if (part.state, line.refunded_fen) != ("closed", line.paid_fen):
            wrong.append(f"{part.state}, {line.refunded_fen} of {line.paid_fen} fen given back")
        if sum(one.is_done for one in outcomes[:2]) > 1 or sum(one.is_done for one in outcomes[2:]) != 1:
            wrong.append(f"{[one.told for one in outcomes]}")
        if (part.received_at is not None) != any(one.is_done for one in outcomes[:2]):
            wrong.append("received and not received")
        if Due.objects.filter(subject=part.number, state="open").exists():
            wrong.append("work is left for a part that has ended")
        report.note(outcomes, wrong=wrong, is_fruitful=any(one.is_done for one in outcomes))
    report.violations += [*found(*CHECKS), *doubled()]
    return report


def test_one_line_is_given_back_once(arena: Arena) -> None:
    one_line(arena, ROUNDS).holds()
    assert verify_all(now=world.now()) == []


def test_what_goes_back_is_neither_settled_nor_withdrawn_besides(arena: Arena) -> None:
    with arena.planted(LINJIA_WITHDRAWALS_PER_DAY_MAX=10**6):
        settled_and_withdrawn(arena, ROUNDS).holds()
    assert verify_all(now=world.now()) == []


def test_a_parcel_is_received_or_given_back(arena: Arena) -> None:
    report = receipt(arena, ROUNDS)
    report.holds()
    report.met("received")
    assert verify_all(now=world.now()) == []


def test_a_commission_that_is_only_looked_at_is_kept_and_taken_back(arena: Arena) -> None:
    with arena.planted("no_row_locks", "blind_moves", "settle_slowly", LINJIA_WITHDRAWALS_PER_DAY_MAX=10**6):
        settled_and_withdrawn(arena, 60).turns_red()
