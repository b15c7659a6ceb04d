"""Notices: proven, stored raw, applied once, and refused when they speak against our records."""

import itertools
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from orders.flow import reversal, tasks
from orders.flow.notices import receive_notice
from orders.lifecycle.models import Order
from orders.payments.actions import NoticeMismatch, start_payment
from orders.payments.models import GatewayNotice, Payment, Refund
from shop.gateways.contract import NoticeRejected
from shop.gateways.sandbox.client import SandboxControl, SentNotice
from shop.ledger.models import Journal
from shop.ledger.queries import balance_fen
from tests import world
from tests.orders import trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(sandbox: SandboxControl) -> Payment:
    """苏 is about to pay a tea."""
    world.rule()
    order = trade.placed((world.product(world.yunling(), "云岭白茶"), 1, world.ahe()))
    return start_payment(order=order, kind="jsapi", payer_openid="o-su", now=world.now())


def tell(headers: dict[str, str], body: bytes, *, later: timedelta = timedelta()) -> str:
    return receive_notice(gateway_name="sandbox", headers=headers, body=body, now=world.now() + later)


def order_of(payment: Payment) -> Order:
    return Order.objects.get(pk=payment.order_id)


def test_a_notice_pays_the_order_and_is_kept_as_it_came(payment: Payment, sandbox: SandboxControl) -> None:
    sandbox.pay(payment.number)
    (notice,) = sandbox.pending_notices()

    assert tell(*notice) == "applied"

    kept = GatewayNotice.objects.get()
    assert (kept.event_id, kept.kind, kept.number) == (notice.event_id, "payment", payment.number)
    assert (kept.outcome, kept.raw["out_trade_no"]) == ("applied", payment.number)
    assert order_of(payment).state == "paid"


def test_fifty_times_the_same_notice_is_one_effect(payment: Payment, sandbox: SandboxControl) -> None:
    sandbox.pay(payment.number)
    (notice,) = sandbox.pending_notices()

    outcomes = [tell(*notice) for _ in range(50)]

    assert outcomes == ["applied"] + ["seen"] * 49
    assert GatewayNotice.objects.count() == 1
    assert Journal.objects.filter(kind="payment_received").count() == 1


def test_the_same_payment_told_by_another_event_is_one_effect(payment: Payment, sandbox: SandboxControl) -> None:
    sandbox.pay(payment.number)
    tasks.query_payment(subject=payment.number, now=world.now())
    (notice,) = sandbox.pending_notices()

    assert tell(*notice) == "seen"
    assert Journal.objects.filter(kind="payment_received").count() == 1


def test_every_forgery_is_refused_and_changes_nothing(payment: Payment, sandbox: SandboxControl) -> None:
    for variant in sandbox.forgery_variants():
        headers, body = sandbox.forge_notice(variant, payment.number, payment.amount_fen)
        with pytest.raises((NoticeRejected, NoticeMismatch)):
            tell(headers, body)

    assert order_of(payment).state == "placed"
    assert not Journal.objects.exists()


@pytest.mark.parametrize("short_fen", [1, 5_000])
def test_a_truly_signed_notice_of_less_money_is_kept_and_refused_every_time(
    payment: Payment, sandbox: SandboxControl, short_fen: int
) -> None:
    headers, body = sandbox.claim_notice(payment.number, payment.amount_fen - short_fen)

    for _ in range(3):
        with pytest.raises(NoticeMismatch) as refusal:
            tell(headers, body)
        assert refusal.value.extra["outcome"] == "mismatch:amount"

    assert GatewayNotice.objects.get().outcome == "mismatch:amount"
    assert order_of(payment).state == "placed"


def test_a_number_that_is_not_ours_is_kept_and_refused(sandbox: SandboxControl) -> None:
    headers, body = sandbox.claim_notice("P0000000000000000", 100)
    with pytest.raises(NoticeMismatch):
        tell(headers, body)
    assert GatewayNotice.objects.get().outcome == "mismatch:number"


def test_refund_notices_finish_refunds_once(payment: Payment, sandbox: SandboxControl) -> None:
    sandbox.pay(payment.number)
    tell(*sandbox.pending_notices()[0])
    order = order_of(payment)
    reversal.cancel_order(order=order, actor="user:U1", reason="", now=world.now())
    refund = Refund.objects.get()
    tasks.send_refund(subject=refund.number, now=world.now())
    (notice,) = sandbox.pending_notices("refund")

    assert [tell(*notice) for _ in range(3)] == ["succeeded", "seen", "seen"]
    assert trade.clearing(order) == 0
    assert balance_fen("gateway/sandbox") == 0


def test_money_taken_twice_under_one_number_is_sent_back(payment: Payment, sandbox: SandboxControl) -> None:
    sandbox.pay(payment.number)
    sandbox.pay_again(payment.number)

    outcomes = [tell(*notice) for notice in sandbox.pending_notices("payment")]
    assert sorted(outcomes) == ["applied", "second"]
    refund = Refund.objects.get()
    tasks.send_refund(subject=refund.number, now=world.now())
    tasks.query_refund(subject=refund.number, now=world.now())

    refund.refresh_from_db()
    order = order_of(payment)
    assert (refund.state, order.state, trade.clearing(order)) == ("succeeded", "paid", 0)
    sums = {"payment": 0, "refund": 0}
    for line in sandbox.book():
        sums[line.kind] += line.amount_fen
    assert sums["payment"] - sums["refund"] == balance_fen("gateway/sandbox") == payment.amount_fen


@pytest.mark.parametrize("places", list(itertools.permutations(range(3))))
def test_whatever_order_they_come_in_the_end_is_the_same(
    payment: Payment, sandbox: SandboxControl, places: tuple[int, ...]
) -> None:
    """Paid late, the refund of it, and the first notice once more, in every order."""
    order = order_of(payment)
    reversal.cancel_order(order=order, actor="user:U1", reason="", now=world.now())
    sandbox.pay_late(payment.number)
    tasks.query_payment(subject=payment.number, now=world.now())
    refund = Refund.objects.get()
    tasks.send_refund(subject=refund.number, now=world.now())
    paid, back = sandbox.pending_notices()
    told: list[SentNotice] = [paid, back, paid]

    for place in places:
        tell(*told[place])

    refund.refresh_from_db()
    order.refresh_from_db()
    assert (order.state, refund.state, trade.clearing(order)) == ("cancelled", "succeeded", 0)


def test_the_database_keeps_notices(payment: Payment, sandbox: SandboxControl) -> None:
    sandbox.pay(payment.number)
    tell(*sandbox.pending_notices()[0])
    for change in (
        lambda: GatewayNotice.objects.update(amount_fen=1),
        lambda: GatewayNotice.objects.update(outcome="seen"),
        lambda: GatewayNotice.objects.update(raw={}),
        GatewayNotice.objects.all().delete,
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    assert GatewayNotice.objects.get().outcome == "applied"
