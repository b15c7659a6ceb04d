"""Our book against the gateway's: every way in which they can differ is planted, named, and mended only if safe."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from distributors.payouts import books, sending
from distributors.payouts.models import Withdrawal
from orders.flow import reversal, tasks
from orders.flow.verification import verify_all
from orders.lifecycle.models import Order
from orders.payments.models import BookDifference, Payment, Reconciliation, Refund
from shop.gateways.sandbox.client import SandboxControl
from tests import world
from tests.gateways_fixtures import SandboxProcess
from tests.orders import gateway_books, trade
from tests.orders.gateway_books import PAID, command, compare, found, plant, plant_there

pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(sandbox: SandboxControl) -> Payment:
    """苏 is about to pay a tea."""
    return gateway_books.paying()


@pytest.fixture
def order(payment: Payment, sandbox: SandboxControl) -> Order:
    """苏 has paid it, and we know."""
    return gateway_books.paid(payment, sandbox)


@pytest.fixture
def refund(order: Order) -> Refund:
    """She has cancelled it; the refund waits to be sent."""
    reversal.cancel_order(order=order, actor="user:U1", reason="", now=world.now())
    return Refund.objects.get()


@pytest.fixture
def withdrawal(order: Order, sandbox: SandboxControl) -> Withdrawal:
    """阿禾 asked for ¥5 of what she earned; WeChat waits for her to confirm it."""
    trade.settle(trade.complete(order))
    row = Withdrawal.objects.create(
        store=world.ahe(),
        amount_fen=500,
        openid=sandbox.openid_of("ahe"),
        real_name="阿禾",
        gateway="sandbox",
        requested_at=world.now(),
    )
    books.reserve(row, at=world.now())
    Withdrawal.objects.filter(pk=row.pk).update(state="approved", reviewed_at=world.now())
    return sending.send(number=row.number, now=world.now())


def send(refund: Refund) -> None:
    tasks.send_refund(subject=refund.number, now=world.now())
    tasks.query_refund(subject=refund.number, now=world.now())
    refund.refresh_from_db()


# --- agreement ------------------------------------------------------------------------------------------


def test_books_that_agree(refund: Refund) -> None:
    send(refund)
    run = compare()
    assert (found(run), run.theirs_count, run.ours_count) == (set(), 2, 2)
    assert command() == (0, "账目一致：对方 2 笔，本方 2 笔。\n")


def test_what_is_under_way_is_no_difference(refund: Refund, sandbox: SandboxControl) -> None:
    assert found() == set()
    sandbox.hold_refunds()
    send(refund)
    assert refund.state == "sent"
    assert found() == set()


# --- a lost word: listed, and mended ----------------------------------------------------------------------


def test_a_payment_whose_notice_was_lost(payment: Payment, sandbox: SandboxControl) -> None:
    sandbox.pay(payment.number)
    assert found() == {("payment", payment.number, "not_recorded", None, PAID)}
    code, said = command()
    assert code == 1
    assert payment.number in said
    assert Order.objects.get().state == "placed"

    code, said = command("--mend")
    assert code == 0, said
    assert "已补正" in said
    assert Order.objects.get().state == "paid"
    assert found() == set()


def test_a_late_payment_whose_notice_was_lost_goes_back(payment: Payment, sandbox: SandboxControl) -> None:
    reversal.cancel_order(order=payment.order, actor="system", reason="", now=world.now())
    sandbox.pay_late(payment.number)
    assert found() == {("payment", payment.number, "not_recorded", None, PAID)}
    assert found(compare(is_mending=True)) == set()
    assert Refund.objects.get().cause == "late_payment"


def test_a_refund_whose_notice_was_lost(refund: Refund, order: Order, sandbox: SandboxControl) -> None:
    sandbox.hold_refunds()
    send(refund)
    sandbox.finish_refund(refund.number)
    assert found() == {("refund", refund.number, "not_recorded", None, PAID)}
    assert found(compare(is_mending=True)) == set()
    assert trade.clearing(order) == 0


def test_a_refund_that_failed_there(refund: Refund, sandbox: SandboxControl) -> None:
    sandbox.hold_refunds()
    send(refund)
    sandbox.finish_refund(refund.number, "ABNORMAL")
    assert found() == {("refund", refund.number, "failed_there", None, None)}
    assert found(compare(is_mending=True)) == set()
    refund.refresh_from_db()
    assert refund.state == "failed"


def test_a_transfer_whose_notice_was_lost(withdrawal: Withdrawal, sandbox: SandboxControl) -> None:
    sandbox.confirm_transfer(withdrawal.number)
    assert found() == {("transfer", withdrawal.number, "not_recorded", None, 500)}
    assert command("--mend")[0] == 0
    withdrawal.refresh_from_db()
    assert withdrawal.state == "paid"
    assert found() == set()
    assert verify_all(now=world.now()) == []


def test_a_transfer_that_failed_there_an_hour_ago(withdrawal: Withdrawal, sandbox: SandboxControl) -> None:
    """Bills tell what moved. What did not is asked about once it is overdue."""
    sandbox.fail_transfer(withdrawal.number)
    assert found() == set()
    Withdrawal.objects.update(sent_at=world.now() - timedelta(hours=2))
    assert found() == {("transfer", withdrawal.number, "failed_there", None, None)}
    assert found(compare(is_mending=True)) == set()
    withdrawal.refresh_from_db()
    assert withdrawal.state == "failed"
    assert verify_all(now=world.now()) == []


def test_a_payment_that_was_lost_here_for_an_order_of_ours(payment: Payment, sandbox: SandboxControl) -> None:
    """As after a restore: the order is there, the attempt to pay it is not. The gateway names the order."""
    sandbox.pay(payment.number)
    plant("DELETE FROM payments_payment")
    assert found() == {("payment", payment.number, "lost_here", None, PAID)}
    assert found(compare(is_mending=True)) == set()
    order = Order.objects.get()
    assert (order.state, order.paid_fen) == ("paid", PAID)
    assert Payment.objects.get().number == payment.number
    assert found() == set()


# --- for a person: listed, and left as it is ---------------------------------------------------------------


def stays(*expected: tuple[str, str, str, int | None, int | None]) -> None:
    """These differences are told, and mending leaves them."""
    before = list(Payment.objects.values()) + list(Refund.objects.values()) + list(Withdrawal.objects.values())
    assert found() == set(expected)
    code, said = command("--mend")
    assert code == 1
    for _kind, number, cause, _ours, _theirs in expected:
        assert f"{cause}: " in said and number in said
    after = list(Payment.objects.values()) + list(Refund.objects.values()) + list(Withdrawal.objects.values())
    assert after == before


def test_money_under_a_number_we_do_not_know(order: Order, payment: Payment) -> None:
    """Its order was paid by something else, as far as we know: a person must look."""
    plant("UPDATE payments_payment SET number = 'PFORGOTTEN000001'")
    stays(
        ("payment", payment.number, "unknown_here", None, PAID),
        ("payment", "PFORGOTTEN000001", "missing_there", PAID, None),
    )


def test_money_for_an_order_that_was_given_up(payment: Payment, sandbox: SandboxControl) -> None:
    """Before the restore it may have been paid and sent: giving the money back is a person's decision."""
    sandbox.pay(payment.number)
    reversal.cancel_order(order=payment.order, actor="system", reason="", now=world.now())
    plant("DELETE FROM payments_payment")
    stays(("payment", payment.number, "unknown_here", None, PAID))


@pytest.mark.parametrize("state", ["SUCCESS", "PROCESSING"])
def test_a_refund_under_a_number_we_do_not_know(refund: Refund, sandbox: SandboxControl, state: str) -> None:
    sandbox.hold_refunds()
    tasks.send_refund(subject=refund.number, now=world.now())
    if state == "SUCCESS":
        sandbox.finish_refund(refund.number)
    plant("UPDATE payments_refund SET number = 'RFORGOTTEN000001'")
    stays(("refund", refund.number, "unknown_here", None, PAID))
    assert BookDifference.objects.last().reference == refund.payment.number


def test_a_transfer_under_a_number_we_do_not_know(withdrawal: Withdrawal, sandbox: SandboxControl) -> None:
    sandbox.confirm_transfer(withdrawal.number)
    plant("UPDATE payouts_withdrawal SET number = 'WFORGOTTEN000001'")
    stays(("transfer", withdrawal.number, "unknown_here", None, 500))


def test_done_here_and_unknown_there(refund: Refund, sandbox_process: SandboxProcess) -> None:
    send(refund)
    plant_there(sandbox_process, "DELETE FROM refunds")
    stays(("refund", refund.number, "missing_there", PAID, None))


def test_paid_here_and_unknown_there(order: Order, payment: Payment, sandbox_process: SandboxProcess) -> None:
    plant_there(sandbox_process, "DELETE FROM transactions")
    plant_there(sandbox_process, "UPDATE payments SET state = 'NOTPAY'")
    stays(("payment", payment.number, "missing_there", PAID, None))


def test_paid_out_here_and_not_there(withdrawal: Withdrawal) -> None:
    plant("UPDATE payouts_withdrawal SET state = 'paid', finished_at = now()")
    stays(("transfer", withdrawal.number, "missing_there", 500, None))


def test_done_here_and_not_done_there(refund: Refund, sandbox: SandboxControl) -> None:
    sandbox.hold_refunds()
    send(refund)
    plant("UPDATE payments_refund SET state = 'succeeded', succeeded_at = now()")
    stays(("refund", refund.number, "other_state", PAID, None))


def test_another_amount_there(order: Order, payment: Payment, sandbox_process: SandboxProcess) -> None:
    plant_there(sandbox_process, "UPDATE transactions SET amount_fen = amount_fen + 1")
    stays(("payment", payment.number, "amount", PAID, PAID + 1))


def test_another_amount_there_before_we_know(payment: Payment, sandbox: SandboxControl) -> None:
    sandbox.pay(payment.number, amount_fen=1)
    stays(("payment", payment.number, "amount", None, 1))


def test_another_refund_there(refund: Refund, sandbox_process: SandboxProcess) -> None:
    send(refund)
    plant_there(sandbox_process, "UPDATE refunds SET amount_fen = 7")
    stays(("refund", refund.number, "amount", PAID, 7))


def test_another_transfer_there(
    withdrawal: Withdrawal, sandbox: SandboxControl, sandbox_process: SandboxProcess
) -> None:
    sandbox.confirm_transfer(withdrawal.number)
    sending.settle_unknown(number=withdrawal.number, now=world.now())
    plant_there(sandbox_process, "UPDATE transfers SET amount_fen = 501")
    stays(("transfer", withdrawal.number, "amount", 500, 501))


def test_taken_twice_under_one_number(order: Order, payment: Payment, sandbox: SandboxControl) -> None:
    sandbox.pay_again(payment.number)
    stays(("payment", payment.number, "twice", PAID, 2 * PAID))


def test_another_number_of_theirs(order: Order, payment: Payment) -> None:
    """Number and amount agree, but it is another transaction: ours was exchanged for it."""
    plant("UPDATE payments_payment SET transaction_id = '4200OTHER'")
    stays(("payment", payment.number, "other_id", PAID, PAID))
    assert "4200OTHER" in BookDifference.objects.last().detail


def test_given_up_here_and_paid_there(withdrawal: Withdrawal, sandbox: SandboxControl) -> None:
    """Her money is hers again in our books, and in her hand too."""
    sandbox.confirm_transfer(withdrawal.number)
    plant("UPDATE payouts_withdrawal SET state = 'failed', finished_at = now()")
    stays(("transfer", withdrawal.number, "ended_here", None, 500))


def test_an_answer_that_does_not_fit_is_not_taken_in(payment: Payment, sandbox: SandboxControl) -> None:
    sandbox.pay(payment.number)
    plant("UPDATE payments_payment SET gateway = 'sandbox', amount_fen = amount_fen - 1")
    stays(("payment", payment.number, "amount", None, PAID))


# --- what the bill does not know -------------------------------------------------------------------------


def test_a_refund_of_an_older_bill_is_asked_about(refund: Refund, sandbox_process: SandboxProcess) -> None:
    """Asked for a week ago, it stands in that day's bill; it succeeded today."""
    send(refund)
    plant_there(sandbox_process, "UPDATE refunds SET created_at = created_at - 7 * 86400")
    assert found() == set()


def test_no_book_no_comparison(payment: Payment, sandbox: SandboxControl) -> None:
    sandbox.pay(payment.number)
    sandbox.fail("bill", "error_before", times=None)
    with pytest.raises(CommandError):
        call_command("reconcile")
    assert Reconciliation.objects.count() == 0


def test_a_mending_that_fails_says_why(payment: Payment, sandbox: SandboxControl) -> None:
    sandbox.pay(payment.number)
    sandbox.fail("query_payment", "drop_before", times=None)
    code, said = command("--mend")
    assert code == 1
    assert "did not answer" in said
    assert BookDifference.objects.get().is_open
