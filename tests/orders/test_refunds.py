"""Refunds of anything at any time: who gives what back, what the gateway does, what may not be."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from distributors.commissions.models import Commission
from orders.flow import reversal, tasks
from orders.lifecycle.actions import RefundTooLarge
from orders.lifecycle.models import Order
from orders.payments.models import Payment, Refund, RefundLine
from orders.payments.refunds import RefundNotPossible, send_again
from orders.settlements.models import Deduction, Earning
from shop.base.errors import Conflict, Invalid
from shop.gateways.contract import RefundState
from shop.ledger.actions import Entry, post
from shop.ledger.queries import balance_fen
from shop.work.models import Due
from tests import world
from tests.orders import trade

pytestmark = pytest.mark.django_db


def give_back(order: Order, lines: dict[int, tuple[int, int]], **more: object) -> Refund:
    facts = {"freight_fen": 0, "cause": "staff", "restock": False, "actor": "staff:U1", "now": world.now()}
    return reversal.refund(order_number=order.number, lines=lines, **(facts | more))


@pytest.fixture
def order() -> Order:
    """苏 has paid two teas of ¥98, ¥60 of each the supplier's, sold by 阿禾 (10 %) under 林 (3 %)."""
    world.rule()
    return trade.bought((world.product(world.yunling(), "云岭白茶"), 2, world.ahe()))


def test_one_of_two_pieces_takes_half_of_everybodys_part(order: Order) -> None:
    refund = give_back(order, {1: (1, 9_800)})

    assert (refund.amount_fen, refund.supplier_order) == (9_800, trade.parts(order)[0])
    assert trade.supplier_money(world.yunling()) == {"frozen": 6_000 + 1_000}
    assert trade.store_money(world.ahe()) == {"frozen": 980}
    assert trade.store_money(world.lin()) == {"frozen": 294}
    assert trade.clearing(order) == 9_800
    assert balance_fen("gateway/sandbox") == 20_600
    assert trade.arrives(refund) == "succeeded"
    assert trade.clearing(order) == 0
    assert balance_fen("gateway/sandbox") == 10_800
    order.refresh_from_db()
    assert (order.state, order.refunded_fen) == ("paid", 9_800)


def test_what_was_not_sent_goes_back_with_all_its_money(order: Order) -> None:
    """Else a part would be left of which nobody has anything to send, and which nobody could end."""
    with pytest.raises(Invalid) as refusal:
        give_back(order, {1: (2, 19_000)})
    assert (refusal.value.field, Refund.objects.count()) == ("lines", 0)
    trade.arrives(give_back(order, {1: (1, 9_000)}))
    with pytest.raises(Invalid):
        give_back(order, {1: (1, 9_800)})
    trade.arrives(give_back(order, {1: (1, 10_600)}))
    order.refresh_from_db()
    assert (order.state, [part.state for part in trade.parts(order)]) == ("completed", ["closed"])


def test_what_was_sent_goes_back_for_any_part_of_its_money(order: Order) -> None:
    trade.ship(order)
    assert give_back(order, {1: (2, 19_000)}).amount_fen == 19_000
    trade.receive(order)


def test_a_refund_that_arrived_arrives_once(order: Order) -> None:
    refund = give_back(order, {1: (1, 9_800)})
    trade.arrives(refund)

    assert trade.arrives(refund) == "seen"
    assert balance_fen("gateway/sandbox") == 10_800


def test_freight_alone_touches_no_commission(order: Order) -> None:
    give_back(order, {}, freight_fen=400)

    assert trade.supplier_money(world.yunling()) == {"frozen": 12_000 + 600}
    assert trade.store_money(world.ahe()) == {"frozen": 1_960}
    assert trade.parts(order)[0].freight_refunded_fen == 400


def test_fen_by_fen_ends_where_one_refund_ends(order: Order) -> None:
    for fen in (1, 2, 1, 3, 9_793):
        give_back(order, {1: (0, fen)})

    assert trade.supplier_money(world.yunling()) == {"frozen": 7_000}
    assert trade.store_money(world.ahe()) == {"frozen": 980}
    assert trade.clearing(order) == 9_800
    assert Deduction.objects.filter(order=order).count() == 5


def test_everything_given_back_before_shipping_ends_the_order(order: Order) -> None:
    refund = reversal.cancel_order(order=order, actor="user:U1", reason="moved away", now=world.now())
    assert refund is not None

    assert (refund.cause, refund.amount_fen) == ("cancelled", 20_600)
    assert [part.state for part in trade.parts(order)] == ["closed"]
    assert world.on_hand(trade.lines(order)[0].sku) == 100
    order.refresh_from_db()
    assert order.state == "paid"
    trade.arrives(refund)
    order.refresh_from_db()
    assert (order.state, order.refunded_fen) == ("refunded", 20_600)
    assert trade.clearing(order) == 0
    assert balance_fen("platform/fee") == 0
    assert trade.supplier_money(world.yunling()) == {}
    assert set(Commission.objects.values_list("state", flat=True)) == {"clawed_back"}
    assert set(Earning.objects.values_list("state", flat=True)) == {"deducted"}


def test_one_supplier_of_two_can_be_cancelled(order: Order) -> None:
    both = trade.bought((world.product(world.yunling(), "红茶"), 1), (world.product(world.yangshan(), "橙子"), 1))
    first, _other = trade.parts(both)

    refund = reversal.cancel_supplier_order(supplier_order=first, actor="user:U1", reason="too late", now=world.now())

    assert refund is not None
    assert (refund.supplier_order, refund.amount_fen) == (first, first.payable_fen)
    assert [part.state for part in trade.parts(both)] == ["closed", "to_ship"]
    trade.arrives(refund)
    trade.complete(both)
    assert both.state == "completed"
    assert trade.clearing(both) == 0


def test_what_was_shipped_cannot_be_cancelled(order: Order) -> None:
    trade.ship(order)

    with pytest.raises(reversal.NotCancellable):
        reversal.cancel_order(order=order, actor="user:U1", reason="", now=world.now())
    assert not Refund.objects.exists()


def test_after_settlement_the_available_money_goes_first(order: Order) -> None:
    trade.settle(trade.complete(order))
    assert trade.store_money(world.ahe()) == {"available": 1_960}

    give_back(order, {1: (1, 9_800)})

    assert trade.store_money(world.ahe()) == {"available": 980}
    assert trade.supplier_money(world.yunling()) == {"available": 7_000}
    order.refresh_from_db()
    assert order.state == "completed"


def test_after_withdrawal_the_rest_is_debt_and_the_next_sale_repays_it(order: Order) -> None:
    trade.settle(trade.complete(order))
    ahe = world.ahe().code
    with transaction.atomic():
        for kind, debit, credit in (
            ("withdrawal_started", f"store/{ahe}/available", f"store/{ahe}/paying"),
            ("withdrawal_paid", f"store/{ahe}/paying", "gateway/sandbox"),
        ):
            entries = [Entry(debit, credit, 1_500)]
            post(kind=kind, reference="W1", key=f"{kind}:W1", entries=entries, at=world.now())

    give_back(order, {1: (2, 19_600)})

    assert trade.store_money(world.ahe()) == {"debt": 1_500}
    again = trade.bought((world.product(world.yunling(), "云岭白茶"), 2, world.ahe()), name="周 Zhou")
    trade.settle(trade.complete(again))
    assert trade.store_money(world.ahe()) == {"available": 460}


@pytest.mark.parametrize(
    ("lines", "freight_fen"),
    [({1: (1, 19_601)}, 0), ({1: (3, 9_800)}, 0), ({}, 1_001), ({1: (-1, 100)}, 0), ({1: (0, -5)}, 0)],
)
def test_more_than_was_paid_never_goes_back(order: Order, lines: dict[int, tuple[int, int]], freight_fen: int) -> None:
    with pytest.raises((RefundTooLarge, Invalid)), transaction.atomic():
        give_back(order, lines, freight_fen=freight_fen)

    assert not Refund.objects.exists()
    assert trade.lines(order)[0].refunded_fen == 0
    assert trade.clearing(order) == 0


def test_a_line_that_is_not_there_is_named(order: Order) -> None:
    with pytest.raises(Invalid) as refusal:
        give_back(order, {7: (1, 1)})
    assert refusal.value.field == "lines"


def test_an_unpaid_order_has_nothing_to_give_back() -> None:
    waiting = trade.placed((world.product(world.yunling(), "云岭白茶"), 1))
    with pytest.raises(Conflict):
        give_back(waiting, {1: (1, 1)})


def test_the_channel_allows_fifty_refunds(order: Order) -> None:
    for _ in range(50):
        give_back(order, {1: (0, 1)})

    with pytest.raises(RefundNotPossible), transaction.atomic():
        give_back(order, {1: (0, 1)})
    assert Payment.objects.get(order=order).refund_count == 50


def test_refunds_of_one_payment_are_sent_apart(order: Order, settings: object) -> None:
    settings.LINJIA_REFUND_SPACING_SECONDS = 60  # type: ignore[attr-defined]
    first = give_back(order, {1: (0, 1)})
    second = give_back(order, {1: (0, 1)})

    assert second.send_at == first.send_at + timedelta(seconds=60)
    assert Due.objects.get(what="refund.send", subject=second.number).due_at == second.send_at


def test_a_failed_refund_waits_for_staff_and_keeps_its_number(order: Order) -> None:
    refund = give_back(order, {1: (1, 9_800)})
    abnormal = RefundState(number=refund.number, payment_number="", state="abnormal")

    reversal.confirm_refund(gateway_name="sandbox", state=abnormal, now=world.now())

    refund.refresh_from_db()
    assert (refund.state, trade.clearing(order)) == ("failed", 9_800)
    send_again(number=refund.number, actor="staff:U1", now=world.now())
    assert Due.objects.filter(what="refund.send", subject=refund.number, state="open").exists()
    assert trade.arrives(refund) == "succeeded"
    assert trade.clearing(order) == 0


def test_an_old_word_after_the_new_one_changes_nothing(order: Order) -> None:
    refund = give_back(order, {1: (1, 9_800)})
    trade.arrives(refund)
    for state in ("processing", "abnormal", "closed"):
        old = RefundState(number=refund.number, payment_number="", state=state)
        assert reversal.confirm_refund(gateway_name="sandbox", state=old, now=world.now()) == "seen"
    refund.refresh_from_db()
    assert refund.state == "succeeded"


def test_the_database_keeps_numbers_amounts_and_lines(order: Order) -> None:
    refund = give_back(order, {1: (1, 9_800)})
    for change in (
        lambda: Refund.objects.filter(pk=refund.pk).update(amount_fen=1),
        lambda: Refund.objects.filter(pk=refund.pk).update(number="R1"),
        lambda: Payment.objects.filter(order=order).update(amount_fen=1),
        lambda: RefundLine.objects.filter(refund=refund).update(amount_fen=1),
        RefundLine.objects.filter(refund=refund).delete,
        lambda: Payment.objects.filter(order=order).update(refunded_fen=20_601),
        lambda: Payment.objects.filter(order=order).update(state="started"),
        lambda: Deduction.objects.filter(refund_number=refund.number).update(amount_fen=1),
        lambda: Earning.objects.filter(order=order).update(state="deducted", deducted_fen=10**9),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_handlers_ignore_what_is_over(order: Order) -> None:
    refund = give_back(order, {1: (1, 9_800)})
    trade.arrives(refund)

    tasks.send_refund(subject=refund.number, now=world.now())
    tasks.query_refund(subject=refund.number, now=world.now())
    tasks.send_refund(subject="R-unknown", now=world.now())
    assert balance_fen("gateway/sandbox") == 10_800
