"""Asking for money at a gateway that may be slow, silent, or late with its word."""

from datetime import timedelta

import pytest

from orders.flow import payment as flow
from orders.flow import reversal, tasks
from orders.lifecycle.models import Order
from orders.payments.actions import NotPayable, PaymentRefused, PaymentUnknown, start_payment
from orders.payments.models import Payment, Refund
from orders.payments.queries import payment_of, query_pause
from shop.base.errors import Invalid, NotFound
from shop.gateways.contract import GatewayUnknown
from shop.gateways.sandbox.client import SandboxControl, SandboxError
from shop.work.models import Due
from shop.work.sweep import run_due
from tests import world
from tests.orders import trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(sandbox: SandboxControl) -> Order:
    """苏 is about to pay a tea."""
    world.rule()
    return trade.placed((world.product(world.yunling(), "云岭白茶"), 1, world.ahe()))


def begin(order: Order, kind: str = "jsapi", openid: str = "o-su") -> Payment:
    return start_payment(order=order, kind=kind, payer_openid=openid, now=world.now())


def look(payment: Payment, *, minutes: float = 1) -> None:
    """The time comes to ask about a payment."""
    tasks.query_payment(subject=payment.number, now=world.now() + timedelta(minutes=minutes))


def test_inside_wechat_the_customer_gets_signed_arguments(order: Order) -> None:
    payment = begin(order)

    assert set(payment.client_params) == {
        "appId",
        "timeStamp",
        "nonceStr",
        "package",
        "signType",
        "paySign",
    }
    assert (payment.amount_fen, payment.state) == (order.payable_fen, "started")
    assert Due.objects.filter(what="payment.query", subject=payment.number, state="open").count() == 1


def test_a_code_to_scan_needs_no_openid(order: Order) -> None:
    assert begin(order, kind="native", openid="").code_url


def test_asking_again_gives_the_same_payment(order: Order, sandbox: SandboxControl) -> None:
    first, second = begin(order), begin(order)

    assert first == second
    assert len(sandbox.state()["payments"]) == 1


def test_another_way_to_pay_is_another_number(order: Order) -> None:
    assert begin(order).number != begin(order, kind="native", openid="").number


@pytest.mark.parametrize(("kind", "openid", "field"), [("cash", "o", "kind"), ("jsapi", "", "payer_openid")])
def test_what_cannot_be_asked_is_named(order: Order, kind: str, openid: str, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        begin(order, kind=kind, openid=openid)
    assert refusal.value.field == field
    assert not Payment.objects.exists()


def test_only_a_waiting_order_can_be_paid(order: Order) -> None:
    with pytest.raises(NotPayable):
        start_payment(order=order, kind="native", payer_openid=None, now=order.expires_at)
    reversal.cancel_order(order=order, actor="user:U1", reason="", now=world.now())
    with pytest.raises(NotPayable):
        begin(order)
    assert not Payment.objects.exists()


def test_who_asks_in_the_last_second_may_still_pay_until_the_order_is_given_up(sandbox: SandboxControl) -> None:
    """The channel refuses a payment that would end within a minute; the order does not wait for it."""
    world.rule()
    tea = world.product(world.yunling(), "云岭白茶")
    order = world.place(world.customer(), [(tea, 1)], at=world.now() - timedelta(minutes=29, seconds=30))

    payment = begin(order)
    tasks.expire_unpaid(subject=order.number, now=order.expires_at)
    tasks.close_payment(subject=payment.number, now=order.expires_at)

    order.refresh_from_db()
    (there,) = sandbox.state()["payments"]
    assert (order.state, there["state"]) == ("cancelled", "CLOSED")
    with pytest.raises(SandboxError, match="ORDER_CLOSED"):
        sandbox.pay(payment.number)


@pytest.mark.parametrize("mode", ["drop_before", "drop_answer"])
def test_a_lost_answer_is_asked_for_again_under_the_same_number(
    order: Order, sandbox: SandboxControl, mode: str
) -> None:
    sandbox.fail("collect", mode)
    with pytest.raises(PaymentUnknown) as refusal:
        begin(order)

    payment = begin(order)

    assert payment.number == refusal.value.extra["payment"]
    assert payment.prepay_id
    assert Payment.objects.count() == 1


def test_a_refusal_ends_that_payment_and_the_next_has_a_new_number(order: Order, sandbox: SandboxControl) -> None:
    sandbox.fail("collect", "refuse", status=400, code="PARAM_ERROR", message="no")
    with pytest.raises(PaymentRefused) as refusal:
        begin(order)
    assert refusal.value.extra["gateway_code"] == "PARAM_ERROR"

    again = begin(order)

    assert again.number != refusal.value.extra["payment"]
    assert set(Payment.objects.values_list("state", flat=True)) == {"failed", "started"}


def test_a_lost_notice_is_found_by_asking(order: Order, sandbox: SandboxControl) -> None:
    payment = begin(order)
    sandbox.pay(payment.number)
    sandbox.pending_notices()

    look(payment)

    order.refresh_from_db()
    assert order.state == "paid"
    assert trade.clearing(order) == 0


def test_an_unpaid_payment_is_asked_about_again_less_and_less_often(order: Order, sandbox: SandboxControl) -> None:
    payment = begin(order)
    look(payment, minutes=4)

    due = Due.objects.get(what="payment.query", subject=payment.number, state="open")
    assert timedelta(minutes=7) < due.due_at - world.now() < timedelta(minutes=9)
    at = world.now()
    least = timedelta(seconds=30)
    assert query_pause(since=at, now=at, least=least) == least
    assert query_pause(since=at - timedelta(days=1), now=at, least=least) == timedelta(minutes=10)


def test_a_silent_gateway_leaves_everything_as_it_is(order: Order, sandbox: SandboxControl) -> None:
    payment = begin(order)
    sandbox.fail("*", "drop_before", times=None)

    with pytest.raises(GatewayUnknown):
        flow.query_payment(number=payment.number, now=world.now())
    look(payment)

    payment.refresh_from_db()
    assert payment.state == "started"
    assert Due.objects.filter(what="payment.query", subject=payment.number, state="open").exists()


def test_what_was_paid_in_time_is_not_given_up(order: Order, sandbox: SandboxControl) -> None:
    payment = begin(order)
    sandbox.pay(payment.number)

    tasks.expire_unpaid(subject=order.number, now=order.expires_at + timedelta(seconds=1))

    order.refresh_from_db()
    assert order.state == "paid"


def test_giving_up_closes_the_payment_at_the_gateway(order: Order, sandbox: SandboxControl) -> None:
    payment = begin(order)

    tasks.expire_unpaid(subject=order.number, now=order.expires_at)
    order.refresh_from_db()
    assert (order.state, world.on_hand(trade.lines(order)[0].sku)) == ("cancelled", 100)
    tasks.close_payment(subject=payment.number, now=order.expires_at)

    (told,) = sandbox.state()["payments"]
    assert told["state"] == "CLOSED"


def test_paid_while_it_was_being_closed_goes_back(order: Order, sandbox: SandboxControl) -> None:
    payment = begin(order)
    reversal.cancel_order(order=order, actor="user:U1", reason="", now=world.now())
    sandbox.pay(payment.number)

    tasks.close_payment(subject=payment.number, now=world.now())

    refund = Refund.objects.get()
    assert (refund.cause, refund.amount_fen) == ("late_payment", order.payable_fen)
    tasks.send_refund(subject=refund.number, now=world.now())
    tasks.query_refund(subject=refund.number, now=world.now())
    refund.refresh_from_db()
    assert refund.state == "succeeded"
    assert trade.clearing(order) == 0


def test_a_gateway_that_stays_silent_does_not_keep_the_goods(order: Order, sandbox: SandboxControl) -> None:
    begin(order)
    sandbox.fail("*", "drop_before", times=None)

    with pytest.raises(GatewayUnknown):
        tasks.expire_unpaid(subject=order.number, now=order.expires_at + timedelta(minutes=1))
    tasks.expire_unpaid(subject=order.number, now=order.expires_at + timedelta(minutes=6))

    order.refresh_from_db()
    assert order.state == "cancelled"


def test_a_payment_belongs_to_its_customer(order: Order) -> None:
    payment = begin(order)
    assert payment_of(order.user, payment.number) == payment
    with pytest.raises(NotFound):
        payment_of(world.person("周 Zhou"), payment.number)


def test_the_sweep_does_all_of_it(order: Order, sandbox: SandboxControl) -> None:
    payment = begin(order)
    sandbox.pay(payment.number)
    Due.objects.update(due_at=world.now())

    run_due(rounds_max=20)

    order.refresh_from_db()
    assert order.state == "paid"
    assert not Due.objects.filter(what__in=["payment.query", "order.expire"], state="open").exists()


class TestRefundsAtTheGateway:
    """Sending money back through a gateway with moods."""

    @pytest.fixture
    def refund(self, order: Order, sandbox: SandboxControl) -> Refund:
        payment = begin(order)
        sandbox.pay(payment.number)
        look(payment)
        order.refresh_from_db()
        made = reversal.cancel_order(order=order, actor="user:U1", reason="", now=world.now())
        assert made is not None
        return made

    def test_accepted_is_not_done(self, refund: Refund, sandbox: SandboxControl) -> None:
        sandbox.hold_refunds()
        tasks.send_refund(subject=refund.number, now=world.now())
        refund.refresh_from_db()
        assert refund.state == "sent"
        sandbox.finish_refund(refund.number)
        tasks.query_refund(subject=refund.number, now=world.now())
        refund.refresh_from_db()
        assert refund.state == "succeeded"
        assert trade.clearing(refund.order) == 0

    @pytest.mark.parametrize("mode", ["drop_before", "drop_answer", "error_after"])
    def test_an_unknown_outcome_never_pays_twice(self, refund: Refund, sandbox: SandboxControl, mode: str) -> None:
        sandbox.fail("refund", mode)
        tasks.send_refund(subject=refund.number, now=world.now())
        for _ in range(3):
            tasks.query_refund(subject=refund.number, now=world.now())
            tasks.send_refund(subject=refund.number, now=world.now())

        tasks.query_refund(subject=refund.number, now=world.now())
        refund.refresh_from_db()
        assert refund.state == "succeeded"
        assert [line.amount_fen for line in sandbox.book() if line.kind == "refund"] == [refund.amount_fen]

    def test_an_abnormal_refund_waits_for_staff(self, refund: Refund, sandbox: SandboxControl) -> None:
        sandbox.fail_refunds("abnormal")
        tasks.send_refund(subject=refund.number, now=world.now())
        tasks.query_refund(subject=refund.number, now=world.now())
        refund.refresh_from_db()
        assert refund.state == "failed"
        assert trade.clearing(refund.order) == refund.amount_fen
