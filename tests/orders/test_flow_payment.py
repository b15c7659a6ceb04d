"""Money arrives: every consequence once, and money that the order cannot use goes back."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from distributors.commissions.models import Commission
from orders.flow import paid, reversal
from orders.flow.payment import confirm_payment
from orders.flow.verification import verify_all
from orders.lifecycle.models import Order
from orders.payments.actions import NoticeMismatch
from orders.payments.models import Payment, Refund
from orders.settlements.models import Earning
from shop.accounts.models import User, WechatIdentity
from shop.gateways.contract import PaymentState
from shop.ledger.models import Journal
from shop.ledger.queries import balance_fen
from shop.notifications.models import Notification
from shop.stock.models import StockItem
from shop.work.models import Due
from tests import world
from tests.orders import trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def tea_sold() -> Order:
    """苏 buys two teas in the shop of 阿禾, whom 林 recruited: ¥196 and ¥10 freight."""
    world.rule()
    tea = world.product(world.yunling(), "云岭白茶")
    return trade.placed((tea, 2, world.ahe()))


def test_a_payment_divides_the_money_between_everybody(tea_sold: Order) -> None:
    payment = trade.pay(tea_sold)

    assert (tea_sold.state, tea_sold.paid_fen) == ("paid", 20_600)
    assert [part.state for part in trade.parts(tea_sold)] == ["to_ship"]
    assert payment.is_applied
    assert trade.clearing(tea_sold) == 0
    assert balance_fen("gateway/sandbox") == 20_600
    assert trade.supplier_money(world.yunling()) == {"frozen": 12_000 + 1_000}
    assert trade.store_money(world.ahe()) == {"frozen": 1_960}
    assert trade.store_money(world.lin()) == {"frozen": 588}
    assert balance_fen("platform/fee") == 20_600 - 13_000 - 1_960 - 588
    assert list(Earning.objects.order_by("pk").values_list("amount_fen", flat=True)) == [12_000, 1_000]
    assert Commission.objects.count() == 2
    stock = StockItem.objects.get(sku=trade.lines(tea_sold)[0].sku)
    assert (stock.on_hand, stock.reserved, stock.sold) == (98, 0, 2)
    assert not Due.objects.filter(what__in=["order.expire", "payment.query"], state="open").exists()


def known_as(user: User, openid: str, **more: str) -> None:
    WechatIdentity.objects.create(user=user, app_id=f"app-{user.pk}", openid=openid, **more)


def test_who_pays_earns_nothing_from_it(tea_sold: Order) -> None:
    """阿禾 pays for 苏, who came by her link: under M12 that share is nobody's, and 林 keeps hers."""
    known_as(world.ahe().distributor.user, "openid-su")

    trade.pay(tea_sold)

    assert trade.store_money(world.ahe()) == {}
    assert trade.store_money(world.lin()) == {"frozen": 588}
    assert balance_fen("platform/fee") == 20_600 - 13_000 - 588
    assert list(Commission.objects.values_list("level", "amount_fen")) == [(2, 588)]
    assert set(Notification.objects.filter(kind="commission_accrued").values_list("user__name", flat=True)) == {
        "林 Lin"
    }
    assert verify_all(now=world.now()) == []

    # Half of it goes back, and nobody is asked for what she never had.
    reversal.refund(
        order_number=tea_sold.number,
        lines={1: (1, 9_800)},
        freight_fen=0,
        cause="staff",
        restock=False,
        actor="staff:U1",
        now=world.now(),
    )
    trade.arrives(Refund.objects.get())
    assert trade.clearing(tea_sold) == 0
    assert verify_all(now=world.now()) == []


def test_who_pays_is_known_by_every_app_of_hers(tea_sold: Order) -> None:
    """The openid is another account's, which by its unionid is 林's too; 阿禾 earns as ever."""
    known_as(world.person("林 again"), "openid-su", unionid="u-lin")
    known_as(world.lin().distributor.user, "o-lin", unionid="u-lin")

    trade.pay(tea_sold)

    assert trade.store_money(world.lin()) == {}
    assert trade.store_money(world.ahe()) == {"frozen": 1_960}
    assert verify_all(now=world.now()) == []


def test_the_payers_share_is_refused_by_the_database_and_found_behind_its_back(
    tea_sold: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahe = world.ahe().distributor.user
    known_as(ahe, "openid-su")
    monkeypatch.setattr(paid, "without_payers", lambda sold, payers: sold)
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        trade.pay(tea_sold)
    assert refusal.value.__cause__.diag.constraint_name == "settlements_commission_not_payers"

    WechatIdentity.objects.update(openid="o-ahe")
    trade.pay(tea_sold)
    assert verify_all(now=world.now()) == []
    WechatIdentity.objects.update(openid="openid-su", created_at=world.now() - timedelta(days=1))
    assert {one.check for one in verify_all(now=world.now())} == {"commission_beneficiary"}
    # Whom she turned out to be later says nothing about then.
    WechatIdentity.objects.update(created_at=world.now() + timedelta(days=1))
    assert verify_all(now=world.now()) == []


def test_everybody_concerned_is_told(tea_sold: Order) -> None:
    trade.pay(tea_sold)

    told = Notification.objects.filter(facts__has_any_keys=["order"])
    assert set(told.values_list("user__name", "kind")) == {
        ("苏 Su", "order_paid"),
        ("云姐 Yun", "order_to_ship"),
        ("阿禾 Ahe", "commission_accrued"),
        ("林 Lin", "commission_accrued"),
    }


def test_the_same_word_again_changes_nothing(tea_sold: Order) -> None:
    payment = trade.pay(tea_sold)
    journals = Journal.objects.count()

    again = confirm_payment(gateway_name="sandbox", state=trade.said_paid(payment), now=world.now())

    assert again == "seen"
    assert Journal.objects.count() == journals
    assert not Refund.objects.exists()


def test_a_second_payment_is_booked_and_sent_back_in_full(tea_sold: Order) -> None:
    other = trade.start(tea_sold, kind="native")
    trade.pay(tea_sold)
    other.refresh_from_db()
    assert other.state == "expired"
    assert Due.objects.filter(what="payment.close", subject=other.number).exists()

    outcome = confirm_payment(gateway_name="sandbox", state=trade.said_paid(other), now=world.now())

    assert outcome == "second"
    back = Refund.objects.get()
    assert (back.cause, back.amount_fen, back.payment) == ("second_payment", 20_600, other)
    assert trade.clearing(tea_sold) == 20_600
    trade.arrives(back)
    assert trade.clearing(tea_sold) == 0
    tea_sold.refresh_from_db()
    assert (tea_sold.state, tea_sold.refunded_fen) == ("paid", 0)


def test_money_taken_twice_under_one_number_goes_back_once(tea_sold: Order) -> None:
    payment = trade.pay(tea_sold)
    twice = trade.said_paid(payment, transaction="42-the-second-time")

    outcomes = [confirm_payment(gateway_name="sandbox", state=twice, now=world.now()) for _ in range(2)]

    assert outcomes == ["second", "seen"]
    back = Refund.objects.select_related("payment").get()
    assert (back.payment.gateway_number, back.amount_fen) == (payment.number, 20_600)
    trade.arrives(back)
    assert trade.clearing(tea_sold) == 0
    assert balance_fen("gateway/sandbox") == 20_600


def test_a_payment_after_the_order_was_given_up_goes_back(tea_sold: Order) -> None:
    payment = trade.start(tea_sold)
    late = tea_sold.expires_at + timedelta(seconds=1)
    assert reversal.expire_order(number=tea_sold.number, now=late)

    outcome = confirm_payment(gateway_name="sandbox", state=trade.said_paid(payment), now=late)

    assert outcome == "late"
    tea_sold.refresh_from_db()
    assert (tea_sold.state, tea_sold.paid_fen) == ("cancelled", 0)
    assert world.on_hand(trade.lines(tea_sold)[0].sku) == 100
    back = Refund.objects.get()
    assert back.cause == "late_payment"
    trade.arrives(back)
    assert trade.clearing(tea_sold) == 0
    assert balance_fen("gateway/sandbox") == 0
    assert not Earning.objects.exists()


def test_a_payment_in_the_last_moment_counts_even_if_told_after_it(tea_sold: Order) -> None:
    payment = trade.start(tea_sold)

    outcome = confirm_payment(
        gateway_name="sandbox",
        state=trade.said_paid(payment),
        now=tea_sold.expires_at + timedelta(minutes=1),
    )

    assert outcome == "applied"
    assert not reversal.expire_order(number=tea_sold.number, now=tea_sold.expires_at + timedelta(minutes=2))


@pytest.mark.parametrize("amount_fen", [1, 20_599, 20_601])
def test_another_amount_is_never_applied(tea_sold: Order, amount_fen: int) -> None:
    payment = trade.start(tea_sold)

    with pytest.raises(NoticeMismatch) as refusal:
        confirm_payment(
            gateway_name="sandbox",
            state=trade.said_paid(payment, amount_fen=amount_fen),
            now=world.now(),
        )

    assert refusal.value.field == "amount"
    payment.refresh_from_db()
    assert payment.state == "started"
    assert not Journal.objects.exists()


def test_another_orders_transaction_is_never_applied(tea_sold: Order) -> None:
    first = trade.pay(tea_sold)
    zhou = world.place(world.customer("周 Zhou"), [(trade.lines(tea_sold)[0].sku, 2)])
    payment = trade.start(zhou)

    with pytest.raises(NoticeMismatch) as refusal:
        confirm_payment(
            gateway_name="sandbox",
            state=trade.said_paid(payment, transaction=first.transaction_id),
            now=world.now(),
        )

    assert refusal.value.field == "transaction_id"
    zhou.refresh_from_db()
    assert zhou.state == "placed"


def test_a_number_we_do_not_know_is_refused(tea_sold: Order) -> None:
    stranger = Payment(number="PUNKNOWN00000001", amount_fen=1)

    with pytest.raises(NoticeMismatch):
        confirm_payment(gateway_name="sandbox", state=trade.said_paid(stranger), now=world.now())


def test_unpaid_and_closed_say_nothing(tea_sold: Order) -> None:
    payment = trade.start(tea_sold)
    closed = PaymentState(number=payment.number, state="closed")

    assert confirm_payment(gateway_name="sandbox", state=closed, now=world.now()) == "ignored"
    payment.refresh_from_db()
    assert payment.state == "started"


def test_goods_that_vanished_send_the_money_back(tea_sold: Order) -> None:
    payment = trade.start(tea_sold)
    sku = trade.lines(tea_sold)[0].sku
    world.stock.release(reference=tea_sold.number, at=world.now())
    world.stock.correct(sku=sku, on_hand=1, reason="water damage", at=world.now())

    outcome = confirm_payment(gateway_name="sandbox", state=trade.said_paid(payment), now=world.now())

    assert outcome == "late"
    tea_sold.refresh_from_db()
    assert (tea_sold.state, tea_sold.cancel_reason) == ("cancelled", "sold out")
    assert world.on_hand(sku) == 1
    trade.arrives(Refund.objects.get())
    assert trade.clearing(tea_sold) == 0


def test_the_whole_story_runs_with_the_rights_of_the_apps_role(
    tea_sold: Order, as_app_role: Callable[[], AbstractContextManager[None]]
) -> None:
    with as_app_role():
        trade.pay(tea_sold)
        trade.settle(trade.complete(tea_sold))
        refund = reversal.refund(
            order_number=tea_sold.number,
            lines=trade.everything(tea_sold),
            freight_fen=1_000,
            cause="staff",
            restock=True,
            actor="staff:U1",
            now=world.now(),
        )
        trade.arrives(refund)

    assert trade.clearing(tea_sold) == 0
    assert verify_all(now=world.now()) == []
