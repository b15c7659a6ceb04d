"""A refund decided again after a restore, which the channel has paid already: it ends, and nobody pays it twice."""

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from orders.aftersales.models import AfterSale
from orders.flow import aftersale, reversal, tasks
from orders.flow.forgotten import RefundsOnHold
from orders.flow.restoring import replace_refund
from orders.flow.verification import verify_all
from orders.lifecycle.models import Order
from orders.payments.actions import NoticeMismatch, start_payment
from orders.payments.models import Payment, Refund
from orders.payments.refunds import send_again
from shop.base.errors import Conflict, Invalid, NotFound
from shop.gateways.contract import Gateway
from shop.gateways.sandbox.client import SandboxControl
from shop.states.machine import StateConflict
from shop.states.models import StateChange
from shop.work.models import Due
from tests import world
from tests.orders import gateway_books, trade
from tests.orders.gateway_books import found, given_back, half_back
from tests.shop.offices import address, staff

pytestmark = pytest.mark.django_db
TEA = 9_800


@pytest.fixture
def payment(sandbox: SandboxControl) -> Payment:
    """苏 paid three teas, which she saw at 阿禾's."""
    world.rule()
    order = trade.placed((world.product(world.yunling(), "云岭白茶"), 3, world.ahe()))
    started = start_payment(order=order, kind="jsapi", payer_openid="o-su", now=world.now())
    gateway_books.paid(started, sandbox)
    started.refresh_from_db()
    return started


@pytest.fixture
def order(payment: Payment) -> Order:
    return Order.objects.get(pk=payment.order_id)


def withheld(refund: Refund | None) -> Refund:
    """The worker would send it, and finds that the channel gave back what we do not know of."""
    assert refund is not None
    tasks.send_refund(subject=refund.number, now=world.now())
    refund.refresh_from_db()
    assert (refund.state, refund.fail_reason) == ("failed", str(tasks.SECOND_TIME))
    return refund


def void(refund: Refund, by: str, reason: str = "恢复前已退") -> Refund:
    return replace_refund(number=refund.number, by=by, actor=world.STAFF, reason=reason, now=world.now())


def at_the_channel(sandbox: SandboxControl) -> dict[str, int]:
    return {row["out_refund_no"]: row["amount_fen"] for row in sandbox.state()["refunds"]}


def damaged(order: Order) -> AfterSale:
    """苏 shows one damaged piece, and the supplier agrees; it is decided at once."""
    trade.ship(order)
    trade.receive(order)
    facts = {"line": 1, "kind": "refund_only", "reason": "damaged", "quantity": 1, "now": world.now()}
    case = aftersale.open_aftersale(user=order.user, order_number=order.number, **facts)
    return aftersale.agree(aftersale=case, actor="supplier:x", now=world.now())


def test_finance_ends_what_was_paid_before_the_restore(
    order: Order, payment: Payment, gateway: Gateway, sandbox: SandboxControl, client: Client
) -> None:
    """¥98 went back to 苏 in a life we forgot. Her case is decided again; 文 of finance says that it is the same."""
    lost = given_back(gateway, payment, TEA)
    case = damaged(order)
    again = withheld(Refund.objects.get(number=case.refund_number))
    assert found() == {("refund", lost, "unknown_here", None, TEA)}
    assert verify_all(now=world.now()) == []
    taken = trade.store_money(world.ahe()), trade.supplier_money(world.yunling())
    order.refresh_from_db()
    refunded_fen = order.refunded_fen

    page = address("payments.refund", "act_replace", again.pk)
    client.force_login(staff("客服", may=("payments.view_refund",)))
    assert client.get(page).status_code == client.post(page, {"by": lost, "reason": "x"}).status_code == 403
    client.force_login(staff("文 Wen", may=("payments.view_refund", "payments.change_refund")))
    asks = client.get(page)
    assert (asks.context["form"].initial, "¥98.00" in asks.context["explain"]) == ({"by": lost}, True)
    assert client.post(page, {"by": lost, "reason": " "}).status_code == 400
    assert client.post(page, {"by": "RNEVER0001", "reason": "恢复前已退"}).status_code == 400
    assert Refund.objects.get().state == "failed"
    assert client.post(page, {"by": lost, "reason": "恢复前已退"}).status_code == 302

    again.refresh_from_db()
    first = Refund.objects.get(number=lost)
    assert (again.state, first.state, first.replaces_id) == ("voided", "succeeded", again.pk)
    assert [(one.quantity, one.amount_fen) for one in first.lines.all()] == [(1, TEA)]
    said = StateChange.objects.get(subject=f"refund:{again.number}", target="voided")
    assert (lost in said.reason, "恢复前已退" in said.reason, said.actor[:6]) == (True, True, "staff:")
    case.refresh_from_db()
    order.refresh_from_db()
    assert (case.state, case.refund_number, order.refunded_fen) == ("refunded", lost, refunded_fen)
    assert (trade.store_money(world.ahe()), trade.supplier_money(world.yunling())) == taken
    assert trade.clearing(order) == 0
    assert verify_all(now=world.now()) == []
    assert found() == set()

    # It is over, whoever tries: said again it is the same, and nothing of it is sent.
    assert void(again, lost).pk == first.pk
    with pytest.raises(StateConflict):
        void(again, "RLOST00002")
    with pytest.raises(StateConflict):
        send_again(number=again.number, actor=world.STAFF, now=world.now())
    for task in (tasks.send_refund, tasks.query_refund):
        task(subject=again.number, now=world.now())
    assert client.get(address("payments.refund", "change", again.pk)).content.decode().count("act/") == 0
    assert not Due.objects.filter(subject=again.number, state="open").exists()
    assert at_the_channel(sandbox) == {lost: TEA}
    client.force_login(order.user)
    shown = client.get(f"/orders/{order.number}/", HTTP_ACCEPT_LANGUAGE="en").content.decode()
    assert (shown.count("Refunded</dt>"), "needs a person" in shown) == (1, False)


def test_what_is_still_owed_has_a_number_of_its_own(
    order: Order, payment: Payment, gateway: Gateway, sandbox: SandboxControl, client: Client
) -> None:
    """One piece had gone back; after the restore 苏 cancels all three. She gets the other two's money, and no more."""
    lost = given_back(gateway, payment, TEA)
    again = withheld(reversal.cancel_order(order=order, actor="system", reason="", now=world.now()))
    call_command("adopt_refund", lost, "--instead-of", again.number, "--reason", "恢复前已退", verbosity=0)
    rest = Refund.objects.get(replaces=again, state="failed")
    client.force_login(order.user)
    shown = client.get(f"/orders/{order.number}/").content.decode()
    assert [word in shown for word in ("退款处理中", "已收货", "¥98.00", "¥196.00")] == [True, False, True, True]
    client.force_login(staff("文 Wen", may=("payments.view_refund", "payments.change_refund")))
    asks = client.get(address("payments.refund", "act_replace", rest.pk))
    assert (asks.context["form"].initial, "¥196.00" in asks.context["explain"]) == ({}, True)
    assert (rest.amount_fen, trade.clearing(order)) == (order.payable_fen - TEA, order.payable_fen - TEA)
    assert verify_all(now=world.now()) == []
    tasks.send_refund(subject=rest.number, now=world.now())
    assert at_the_channel(sandbox) == {lost: TEA}

    send_again(number=rest.number, actor=world.STAFF, now=world.now())
    tasks.send_refund(subject=rest.number, now=world.now())
    tasks.query_refund(subject=rest.number, now=world.now())
    order.refresh_from_db()
    assert (order.state, order.refunded_fen, trade.clearing(order)) == ("refunded", order.payable_fen, 0)
    assert world.on_hand(world.product(world.yunling(), "云岭白茶")) == 100
    assert at_the_channel(sandbox) == {lost: TEA, rest.number: order.payable_fen - TEA}
    assert verify_all(now=world.now()) == []


def test_what_was_paid_beyond_it_goes_back_besides(order: Order, payment: Payment, gateway: Gateway) -> None:
    """All three had been given back; after the restore one of them is decided again."""
    lost = given_back(gateway, payment, order.payable_fen)
    facts = {"cause": "staff", "restock": True, "actor": world.STAFF, "now": world.now()}
    again = withheld(reversal.refund(order_number=order.number, lines={1: (1, TEA)}, freight_fen=0, **facts))
    void(again, lost)
    order.refresh_from_db()
    assert (order.state, order.refunded_fen, trade.clearing(order)) == ("refunded", order.payable_fen, 0)
    assert world.on_hand(world.product(world.yunling(), "云岭白茶")) == 100
    assert trade.store_money(world.ahe()) == trade.supplier_money(world.yunling()) == {}
    assert found() == set()
    assert verify_all(now=world.now()) == []


def test_money_that_came_too_late_and_went_back_by_hand(
    payment: Payment, gateway: Gateway, sandbox: SandboxControl
) -> None:
    """It paid no order, so nothing else hangs on it."""
    order = trade.placed((world.product(world.yunling(), "云岭白茶"), 1))
    late = start_payment(order=order, kind="jsapi", payer_openid="o-su", now=world.now())
    reversal.cancel_order(order=order, actor="system", reason="", now=world.now())
    sandbox.pay(late.number)
    tasks.query_payment(subject=late.number, now=world.now())
    lost = given_back(gateway, late, late.amount_fen, "RHAND00001")
    assert void(withheld(Refund.objects.get(payment=late)), lost).state == "succeeded"
    assert found() == set()
    assert verify_all(now=world.now()) == []


def test_what_cannot_be_voided(order: Order, payment: Payment, gateway: Gateway, sandbox: SandboxControl) -> None:
    lost = given_back(gateway, payment, 4_000)
    again = half_back(order)
    with pytest.raises(StateConflict):
        void(again, lost)
    withheld(again)
    for reason, by, error in (("  ", lost, Invalid), ("x", "RNEVER0001", Conflict), ("x", again.number, Conflict)):
        with pytest.raises(error):
            void(again, by, reason)
    with pytest.raises(NotFound):
        replace_refund(number="RNEVER0001", by=lost, actor=world.STAFF, reason="x", now=world.now())
    with pytest.raises(CommandError):
        call_command("adopt_refund", lost, "--instead-of", again.number, "--besides")
    sandbox.fail("query_refund", "drop_before", times=1)
    with pytest.raises(Conflict, match="重试"):
        void(again, lost)
    gateway_books.plant("UPDATE payments_payment SET number = 'POTHER0001'")
    with pytest.raises(Invalid, match=lost):
        void(again, lost)
    gateway_books.plant("UPDATE payments_payment SET number = %s", payment.number)

    # The channel knows it: it may be paid yet, and then it is.
    sandbox.hold_refunds()
    given_back(gateway, payment, 4_000, again.number)
    with pytest.raises(Conflict) as open_there:
        void(again, lost)
    sandbox.finish_refund(again.number)
    with pytest.raises(Conflict) as paid_there:
        void(again, lost)
    assert [one.value.code for one in (open_there, paid_there)] == ["may_be_paid", "paid"]
    assert list(Refund.objects.values_list("number", "state")) == [(again.number, "succeeded")]
    assert verify_all(now=world.now()) == []


def test_a_void_one_that_moves_all_the_same_is_a_difference(order: Order, payment: Payment, gateway: Gateway) -> None:
    """Somebody pays it by hand under its number: nothing is booked, it is named, and the order gives no more back."""
    lost = given_back(gateway, payment, 4_000)
    again = withheld(half_back(order))
    void(again, lost)
    given_back(gateway, payment, 4_000, again.number)
    assert found() == {("refund", again.number, "ended_here", None, 4_000)}
    with pytest.raises(NoticeMismatch):
        trade.arrives(again)
    with pytest.raises(RefundsOnHold):
        reversal.cancel_order(order=order, actor="system", reason="", now=world.now())
    assert verify_all(now=world.now()) == []
