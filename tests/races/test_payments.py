"""Money comes in once: a notice against its copies, against the expiry, against a cancellation."""

from datetime import timedelta

from orders.flow.verification import verify_all
from orders.lifecycle.models import Order
from orders.payments.models import Payment, Refund
from shop.gateways.sandbox.client import SandboxControl
from shop.ledger.models import Journal
from tests import world
from tests.orders import trade
from tests.races import scene
from tests.races.arena import ROUNDS, Arena, Attempt
from tests.races.outcomes import Outcome, Report
from tests.races.referee import doubled, found

CHECKS = ("clearing", "order_paid", "payment_booked", "payment_unused", "refund_counted", "reservation", "stock_sums")


def notices(arena: Arena, sandbox: SandboxControl, rounds: int) -> Report:
    """WeChat's notice arrives three times, signed, while the shop asks WeChat itself."""
    report = arena.report("notice against notice")
    numbers = arena.prepare([("place_and_start", _wish())] * rounds)
    for _order, payment in numbers:
        sandbox.pay(payment)
    posted = {one.number: one for one in sandbox.pending_notices("payment")}
    for order, payment in numbers:
        notice = posted[payment]
        copy = ("post_notice", {"path": notice.path, "headers": notice.headers, "body": notice.body})
        look = ("handle", {"path": "orders.flow.tasks.query_payment", "subject": payment})
        outcomes = arena.race(copy, copy, copy, look, spread_ms=20)
        row = Order.objects.get(number=order)
        wrong = [f"refused {one.told}" for one in outcomes if not one.is_done]
        if Journal.objects.filter(reference=order, kind="payment_received").count() != 1:
            wrong.append("not booked once")
        report.note(outcomes, wrong=wrong, is_fruitful=row.state == "paid")
    report.violations += doubled()
    return report


def against(arena: Arena, rounds: int, name: str, rival: str) -> Report:
    """Two words that an order is paid meet two rivals who end it (``expire`` or ``cancel``)."""
    report = arena.report(f"notice against {name}")
    orders = arena.prepare([("place", _wish())] * rounds)
    for number in orders:
        order = Order.objects.get(number=number)
        payment = trade.start(order)
        facts = {"order": number}
        if rival == "expire":
            facts["now"] = order.expires_at + timedelta(seconds=1)
        said: Attempt = ("say_paid", {"payment": payment.number})
        outcomes = arena.race(said, said, (rival, facts), (rival, facts), spread_ms=30)
        report.note(outcomes, wrong=_judge(order, outcomes), is_fruitful=any(one.is_done for one in outcomes))
        if report.is_decided:
            break
    report.violations += [*found(*CHECKS), *doubled()]
    return report


def _judge(order: Order, outcomes: list[Outcome]) -> list[str]:
    """The money is used, or goes back in full: never both, never twice."""
    order.refresh_from_db()
    refunds = list(Refund.objects.filter(order=order))
    back_fen = sum(refund.amount_fen for refund in refunds)
    used = order.state == "paid" and not refunds
    given_back = len(refunds) == 1 and back_fen == order.payable_fen
    wrong = []
    if used == given_back:
        wrong.append(f"{order.state}, {len(refunds)} refunds of {back_fen} fen")
    if any(one.told in ("conflict", "state_conflict") for one in outcomes[:2]):
        wrong.append("a word of the gateway was refused")
    if Payment.objects.filter(order=order).count() != 1:
        wrong.append("a payment appeared")
    for refund in refunds:
        trade.arrives(refund)
    if trade.clearing(order) != 0:
        wrong.append(f"{trade.clearing(order)} fen lie in the clearing")
    return wrong


def _wish() -> dict[str, object]:
    su = world.customer()
    tea = world.sku_of(world.product(world.yunling(), "云岭白茶", pieces=1_000_000))
    return {"user": su.pk, "wishes": scene.wishes((tea, 1)), "address": world.address(su).number}


def test_a_notice_meets_its_copies(arena: Arena, sandbox: SandboxControl) -> None:
    notices(arena, sandbox, ROUNDS).holds()
    assert verify_all(now=world.now()) == []


def test_a_notice_meets_the_expiry(arena: Arena) -> None:
    report = against(arena, ROUNDS, "expiry", "expire")
    report.holds()
    report.met("applied", "expired")
    assert verify_all(now=world.now()) == []


def test_a_notice_meets_a_cancellation(arena: Arena) -> None:
    report = against(arena, ROUNDS, "cancellation", "cancel")
    report.holds()
    report.met("refunded", "cancelled")
    assert verify_all(now=world.now()) == []


def test_a_state_that_is_only_looked_at_is_paid_and_ended(arena: Arena) -> None:
    with arena.planted("no_row_locks", "blind_moves"):
        against(arena, 15, "expiry", "expire").turns_red()
