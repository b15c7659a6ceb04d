"""Every book against every other. Our book against the gateway's: ``test_reconcile_gateway``."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from orders.flow import tasks
from orders.flow.verification import verify_all
from orders.lifecycle.models import Order
from orders.payments.actions import start_payment
from orders.payments.models import Payment
from shop.gateways.sandbox.client import SandboxControl
from shop.work.models import Due
from tests import world
from tests.orders import trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(sandbox: SandboxControl) -> Payment:
    """苏 is about to pay a tea."""
    world.rule()
    order = trade.placed((world.product(world.yunling(), "云岭白茶"), 1, world.ahe()))
    return start_payment(order=order, kind="jsapi", payer_openid="o-su", now=world.now())


def paid(payment: Payment, sandbox: SandboxControl) -> Order:
    sandbox.pay(payment.number)
    tasks.query_payment(subject=payment.number, now=world.now())
    return Order.objects.get(pk=payment.order_id)


def run(*arguments: str) -> tuple[int, str]:
    said = StringIO()
    try:
        call_command(*arguments, stdout=said, stderr=said)
    except SystemExit as end:
        return int(str(end.code)), said.getvalue()
    return 0, said.getvalue()


def test_a_finished_trade_leaves_nothing_to_find(payment: Payment, sandbox: SandboxControl) -> None:
    order = paid(payment, sandbox)
    trade.settle(trade.complete(order))

    assert verify_all(now=world.now()) == []
    assert run("verify_all")[0] == 0


@pytest.mark.parametrize(
    ("check", "spoil"),
    [
        ("order_adds_up", "UPDATE lifecycle_supplierorder SET freight_fen = 801, payable_fen = payable_fen + 1"),
        (
            "order_paid",
            (
                "ALTER TABLE lifecycle_order DROP CONSTRAINT order_paid_as_its_state_says; "
                "UPDATE lifecycle_order SET state = 'placed'"
            ),
        ),
        ("payment_booked", "UPDATE payments_payment SET amount_fen = amount_fen + 1"),
        ("refund_counted", "UPDATE payments_payment SET refund_count = 3"),
        ("line_refunded", "UPDATE lifecycle_orderline SET refunded_quantity = 1"),
        ("commission_rule", "UPDATE commissions_commission SET clawed_back_fen = 5"),
        ("commission_books", "UPDATE commissions_commission SET state = 'frozen'"),
        (
            "commission_early",
            "UPDATE commissions_commission SET due_at = now() - interval '9 days', settled_at = now()",
        ),
        ("earning_rule", "UPDATE settlements_earning SET deducted_fen = 7"),
        ("earning_books", "UPDATE settlements_earning SET state = 'frozen'"),
        ("gateway_account", "UPDATE payments_payment SET state = 'started', is_applied = false"),
        ("stock_sums", "UPDATE stock_stockitem SET reserved = 1, on_hand = on_hand - 1"),
        ("reservation", "UPDATE stock_reservation SET state = 'released'"),
        (
            "clearing",
            (
                "INSERT INTO payments_refund (number, order_id, payment_id, cause, reason, amount_fen, "
                "freight_fen, state, gateway_refund_id, requested_at, send_at, fail_reason) "
                "SELECT 'R1', order_id, id, 'staff', '', 5, 0, 'sent', '', now(), now(), '' "
                "FROM payments_payment"
            ),
        ),
    ],
)
def test_what_a_privileged_hand_changed_is_found(
    payment: Payment, sandbox: SandboxControl, check: str, spoil: str
) -> None:
    trade.settle(trade.complete(paid(payment, sandbox)))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(spoil)
        cursor.execute("SET LOCAL session_replication_role = origin")

    assert check in {finding.check for finding in verify_all(now=world.now())}
    assert run("verify_all")[0] == 1


def test_work_that_lies_there_is_found(payment: Payment, sandbox: SandboxControl) -> None:
    Due.objects.filter(what="payment.query").update(due_at=world.now() - timedelta(minutes=11))
    Due.objects.filter(what="order.expire").update(state="parked", last_error="broken")

    found = {(one.check, one.subject.split()[0]) for one in verify_all(now=world.now())}

    assert found == {("work_late", "payment.query"), ("work_parked", "order.expire")}
