"""Refunds that only the gateway remembers are written down under their numbers, and no money moves."""

from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command

from distributors.payouts import holds
from distributors.payouts.models import DatabaseMark
from orders.aftersales.models import AfterSale
from orders.flow import aftersale, reversal, tasks
from orders.flow.forgotten import RefundsOnHold
from orders.flow.restoring import RefundWaits, adopt_refund
from orders.flow.verification import verify_all
from orders.lifecycle.models import Order
from orders.payments.models import Payment, Refund
from orders.payments.refunds import send_again
from shop.base.errors import Conflict, NotFound
from shop.gateways.contract import Gateway
from shop.gateways.sandbox.client import SandboxControl
from shop.notifications.models import Notification
from shop.work.models import Due
from shop.work.sweep import run_due
from tests import world
from tests.orders import gateway_books, trade
from tests.orders.gateway_books import PAID, found, given_back, half_back
from tests.shop import offices

pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(sandbox: SandboxControl) -> Payment:
    return gateway_books.paying()


@pytest.fixture
def order(payment: Payment, sandbox: SandboxControl) -> Order:
    return gateway_books.paid(payment, sandbox)


def adopt(number: str, **more: bool) -> Refund:
    return adopt_refund(gateway_name="sandbox", number=number, actor=world.STAFF, now=world.now(), **more)


def test_all_of_it(order: Order, payment: Payment, gateway: Gateway, sandbox: SandboxControl) -> None:
    number = given_back(gateway, payment, PAID)
    assert found() == {("refund", number, "unknown_here", None, PAID)}
    assert adopt(number).state == "succeeded"
    order.refresh_from_db()
    assert (order.state, order.refunded_fen, trade.clearing(order)) == ("refunded", PAID, 0)
    assert world.on_hand(world.product(world.yunling(), "云岭白茶")) == 100
    assert found() == set()
    assert verify_all(now=world.now()) == []
    assert [row["out_refund_no"] for row in sandbox.state()["refunds"]] == [number]


@pytest.mark.parametrize(("fen", "state"), [(1, "paid"), (4_000, "paid"), (9_801, "completed")])
def test_a_part_of_it_is_a_price_difference(
    order: Order, payment: Payment, gateway: Gateway, fen: int, state: str
) -> None:
    number = given_back(gateway, payment, fen)
    call_command("adopt_refund", number, verbosity=0)
    order.refresh_from_db()
    assert (order.state, order.refunded_fen, trade.clearing(order)) == (state, fen, 0)
    assert trade.lines(order)[0].refunded_quantity == 0
    assert found() == set()
    assert verify_all(now=world.now()) == []


def test_one_that_is_still_going(order: Order, payment: Payment, gateway: Gateway, sandbox: SandboxControl) -> None:
    sandbox.hold_refunds()
    number = given_back(gateway, payment, 500)
    assert adopt(number).state == "requested"
    assert trade.clearing(order) == 500
    assert found() == set()


def test_what_cannot_be_adopted(order: Order, payment: Payment, gateway: Gateway) -> None:
    with pytest.raises(Conflict):
        adopt("RNEVER0001")
    number = given_back(gateway, payment, 500)
    adopt(number)
    with pytest.raises(Conflict):
        adopt(number)
    with pytest.raises(CommandError, match=number):
        call_command("adopt_refund", number)
    other = given_back(gateway, payment, 500, "RLOST00002")
    gateway_books.plant("UPDATE payments_payment SET number = 'POTHER0001'")
    with pytest.raises(NotFound):
        adopt(other)
    assert Refund.objects.count() == 1


def test_an_older_order_gives_nothing_back_until_the_books_are_compared(
    order: Order, payment: Payment, gateway: Gateway, sandbox: SandboxControl
) -> None:
    """¥40.00 went back in a life we forgot; decided again it would be ¥80.00, for the gateway asks only for the sum."""
    lost = given_back(gateway, payment, 4_000)
    DatabaseMark.objects.create(identity="another", seen_at=world.now())
    with pytest.raises(RefundsOnHold):
        reversal.cancel_order(order=order, actor="system", reason="", now=world.now())
    holds.watch_database(now=world.now())
    trade.ship(order)
    case = aftersale.open_aftersale(
        user=order.user,
        order_number=order.number,
        line=1,
        kind="refund_only",
        reason="damaged",
        quantity=0,
        now=world.now(),
    )
    # Silence would decide it now; it waits without a failure, and so does the supplier's word below.
    AfterSale.objects.update(deadline_at=world.now())
    Due.objects.filter(what="aftersale.deadline").update(due_at=world.now())
    run_due(rounds_max=3)
    case.refresh_from_db()
    due = Due.objects.get(what="aftersale.deadline", subject=case.number)
    assert (case.state, due.state, due.last_error, Refund.objects.count()) == ("opened", "open", "", 0)
    assert due.due_at > world.now() + tasks.HOLD_PAUSE / 2
    # What was bought since is nobody's memory.
    newer = trade.bought((world.product(world.yunling(), "云岭白茶"), 1))
    assert reversal.cancel_order(order=newer, actor="system", reason="", now=world.now()) is not None

    assert ("refund", lost, "unknown_here", None, 4_000) in found()
    with pytest.raises(RefundsOnHold):
        aftersale.agree(aftersale=case, actor="supplier:x", now=world.now())
    adopt(lost)
    aftersale.agree(aftersale=case, actor="supplier:x", now=world.now())
    rest = Refund.objects.get(order=order, state="requested")
    tasks.send_refund(subject=rest.number, now=world.now())
    tasks.query_refund(subject=rest.number, now=world.now())
    sent = {row["out_refund_no"]: row["amount_fen"] for row in sandbox.state()["refunds"]}
    assert sent == {lost: 4_000, rest.number: PAID - 4_000}


def test_what_only_the_gateway_gave_back_is_looked_at_first(order: Order, payment: Payment, gateway: Gateway) -> None:
    """Also without a restore that anybody noticed: somebody gave ¥5.00 back in the merchant platform."""
    number = given_back(gateway, payment, 500)
    assert found() == {("refund", number, "unknown_here", None, 500)}
    with pytest.raises(RefundsOnHold):
        reversal.cancel_order(order=order, actor="system", reason="", now=world.now())
    adopt(number)
    refund = reversal.cancel_order(order=order, actor="system", reason="", now=world.now())
    assert refund is not None
    assert refund.amount_fen == PAID - 500


def test_a_restore_nobody_noticed_shows_before_the_first_refund(
    order: Order, payment: Payment, gateway: Gateway, sandbox: SandboxControl
) -> None:
    """¥40.00 went back in a life we forgot; no comparison has run. Decided again it is not sent, and staff are told."""
    staff = offices.staff()
    lost = given_back(gateway, payment, 4_000)
    again = half_back(order)
    tasks.send_refund(subject=again.number, now=world.now())
    again.refresh_from_db()
    assert (again.state, again.fail_reason) == ("failed", str(tasks.SECOND_TIME))
    assert [row["out_refund_no"] for row in sandbox.state()["refunds"]] == [lost]
    assert Notification.objects.get(user=staff, kind="refund_failed").facts["refund"] == again.number

    # The next one neither: what failed unsent tells nothing of the first.
    other = half_back(order, 100)
    tasks.send_refund(subject=other.number, now=world.now())
    other.refresh_from_db()
    assert (other.state, other.fail_reason) == ("failed", str(tasks.SECOND_TIME))

    # Known, the first one is no riddle any more; a person says that this one is owed besides.
    with pytest.raises(RefundWaits, match=again.number):
        adopt(lost)
    with pytest.raises(CommandError, match=again.number):
        call_command("adopt_refund", lost)
    adopt(lost, is_besides=True)
    send_again(number=again.number, actor=world.STAFF, now=world.now())
    tasks.send_refund(subject=again.number, now=world.now())
    assert sorted(row["out_refund_no"] for row in sandbox.state()["refunds"]) == sorted([lost, again.number])


def test_a_refund_that_was_sent_under_its_own_number_goes_on(
    order: Order, payment: Payment, gateway: Gateway, sandbox: SandboxControl
) -> None:
    """The backup knows that it was decided, not that it was sent."""
    refund = half_back(order)
    given_back(gateway, payment, 4_000, refund.number)
    tasks.send_refund(subject=refund.number, now=world.now())
    refund.refresh_from_db()
    assert refund.state == "succeeded"
    assert [row["amount_fen"] for row in sandbox.state()["refunds"]] == [4_000]


def test_what_was_paid_twice_and_went_back_once_is_known(
    order: Order, payment: Payment, sandbox: SandboxControl, deliver_notices: Callable[..., list[int]]
) -> None:
    """The second time has a row of its own, and the gateway one number for both."""
    sandbox.pay_again(payment.number)
    deliver_notices("payment")
    second = Refund.objects.get()
    tasks.send_refund(subject=second.number, now=world.now())
    first = half_back(order)
    tasks.send_refund(subject=first.number, now=world.now())
    first.refresh_from_db()
    assert (second.cause, first.fail_reason) == ("second_payment", "")
    assert sorted(row["out_refund_no"] for row in sandbox.state()["refunds"]) == sorted([first.number, second.number])


def test_a_silent_gateway_is_asked_again_whether_it_is_the_first(order: Order, sandbox: SandboxControl) -> None:
    refund = half_back(order)
    sandbox.fail("query_payment", "drop_before", times=1)
    Due.objects.filter(what="refund.send").update(due_at=world.now())
    run_due(rounds_max=3)
    due = Due.objects.get(what="refund.send", subject=refund.number, state="open")
    assert (due.last_error, Refund.objects.get().state) == ("", "requested")
    Due.objects.filter(pk=due.pk).update(due_at=world.now())
    run_due(rounds_max=3)
    assert [row["out_refund_no"] for row in sandbox.state()["refunds"]] == [refund.number]
