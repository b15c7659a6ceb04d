"""A case between customer, supplier and platform; silence decides for whoever's turn it is."""

from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, transaction

from distributors.commissions.models import Commission
from orders.aftersales.actions import CaseOpen
from orders.aftersales.models import AfterSale, Evidence
from orders.aftersales.queries import case_of, case_of_supplier
from orders.aftersales.rules import LineFacts, refundable_fen, refundable_freight_fen
from orders.flow import aftersale
from orders.lifecycle.models import Order
from orders.payments.models import Refund
from shop.base.errors import Conflict, Invalid, NotFound
from tests import world
from tests.orders import trade

pytestmark = pytest.mark.django_db
SU, YUN, STAFF = "user:U1", "supplier:yunling", "staff:U9"


@pytest.fixture
def order() -> Order:
    """苏 has received three teas for ¥98 each and ¥12 freight."""
    world.rule()
    bought = trade.bought((world.product(world.yunling(), "云岭白茶"), 3, world.ahe()))
    trade.ship(bought)
    trade.receive(bought)
    return bought


def ask(order: Order, *, kind: str = "return_refund", **more: object) -> AfterSale:
    facts = {"line": 1, "reason": "quality", "quantity": 3, "text": "发霉了", "now": world.now()}
    return aftersale.open_aftersale(user=order.user, order_number=order.number, kind=kind, **(facts | more))


def after(case: AfterSale) -> datetime:
    case.refresh_from_db()
    assert case.deadline_at is not None
    return case.deadline_at


def silence(case: AfterSale) -> AfterSale:
    """The deadline passes."""
    aftersale.decide_overdue(number=case.number, now=after(case))
    case.refresh_from_db()
    return case


def test_a_return_from_first_word_to_money(order: Order) -> None:
    case = ask(order)
    assert (case.amount_fen, case.freight_fen) == (3 * 9_800 + order.freight_fen, order.freight_fen)
    assert set(Commission.objects.values_list("state", flat=True)) == {"held"}

    case = aftersale.agree(aftersale=case, actor=YUN, now=world.now())
    assert not Refund.objects.exists()
    case = aftersale.send_back(aftersale=case, carrier="中通", tracking_number="ZT1", actor=SU, now=world.now())
    case = aftersale.receive_back(aftersale=case, actor=YUN, now=world.now())

    refund = Refund.objects.get()
    assert (refund.number, refund.amount_fen) == (case.refund_number, case.amount_fen)
    assert world.on_hand(trade.lines(order)[0].sku) == 100
    trade.arrives(refund)
    case.refresh_from_db()
    order.refresh_from_db()
    assert (case.state, order.state) == ("refunded", "refunded")
    assert trade.clearing(order) == 0


def test_a_refund_without_return_goes_at_once(order: Order) -> None:
    case = ask(order, kind="refund_only", quantity=1)

    aftersale.agree(aftersale=case, actor=YUN, now=world.now())

    refund = Refund.objects.get()
    assert refund.amount_fen == 9_800
    assert world.on_hand(trade.lines(order)[0].sku) == 97
    trade.arrives(refund)
    case.refresh_from_db()
    assert (case.state, case.closed_at is not None) == ("refunded", True)
    assert set(Commission.objects.values_list("state", flat=True)) == {"frozen"}


def test_who_does_not_answer_has_agreed(order: Order) -> None:
    case = ask(order, kind="refund_only", quantity=1)
    assert after(case) == case.opened_at + timedelta(hours=48)
    aftersale.decide_overdue(number=case.number, now=after(case) - timedelta(seconds=1))
    case.refresh_from_db()
    assert case.state == "opened"

    assert silence(case).state == "agreed"
    assert Refund.objects.get().number == case.refund_number


def test_who_sends_nothing_back_keeps_the_goods(order: Order) -> None:
    case = aftersale.agree(aftersale=ask(order), actor=YUN, now=world.now())

    assert silence(case).state == "withdrawn"
    assert not Refund.objects.exists()
    assert set(Commission.objects.values_list("state", flat=True)) == {"frozen"}


def test_returned_goods_nobody_looks_at_are_received(order: Order) -> None:
    case = aftersale.agree(aftersale=ask(order), actor=YUN, now=world.now())
    aftersale.send_back(aftersale=case, carrier="中通", tracking_number="ZT1", actor=SU, now=world.now())

    assert silence(case).state == "received"
    assert Refund.objects.get().amount_fen == case.amount_fen


def test_the_platform_decides_what_the_supplier_refused(order: Order) -> None:
    case = aftersale.reject(aftersale=ask(order), actor=YUN, text="没有问题", now=world.now())
    assert case.state == "rejected"
    case = aftersale.escalate(aftersale=case, actor=SU, text="有照片", now=world.now())
    case = aftersale.decide(aftersale=case, is_agreed=True, actor=STAFF, text="照片清楚", now=world.now())

    assert case.state == "agreed"
    assert [(said.author, said.text) for said in case.evidence.all()] == [
        ("customer", "发霉了"),
        ("supplier", "没有问题"),
        ("customer", "有照片"),
        ("platform", "照片清楚"),
    ]


def test_the_platform_may_refuse_too(order: Order) -> None:
    case = aftersale.reject(aftersale=ask(order), actor=YUN, text="不", now=world.now())
    case = aftersale.escalate(aftersale=case, actor=SU, now=world.now())
    case = aftersale.decide(aftersale=case, is_agreed=False, actor=STAFF, text="无据", now=world.now())

    assert case.state == "withdrawn"
    assert set(Commission.objects.values_list("state", flat=True)) == {"frozen"}


def test_a_refused_case_holds_the_money_until_nobody_can_escalate_it(order: Order) -> None:
    case = aftersale.reject(aftersale=ask(order), actor=YUN, text="不", now=world.now())
    assert set(Commission.objects.values_list("state", flat=True)) == {"held"}

    late = after(case)
    assert silence(case).state == "rejected"
    assert set(Commission.objects.values_list("state", flat=True)) == {"frozen"}
    with pytest.raises(aftersale.WindowClosed):
        aftersale.escalate(aftersale=case, actor=SU, now=late)


def test_one_open_case_per_line(order: Order) -> None:
    ask(order, quantity=1)
    with pytest.raises(CaseOpen):
        ask(order, quantity=1)


def test_money_under_way_cannot_be_withdrawn(order: Order) -> None:
    case = aftersale.agree(aftersale=ask(order, kind="refund_only", quantity=1), actor=YUN, now=world.now())
    with pytest.raises(Conflict):
        aftersale.withdraw(aftersale=case, actor=SU, now=world.now())
    with pytest.raises(Conflict):
        aftersale.agree(aftersale=case, actor=YUN, now=world.now())
    assert Refund.objects.count() == 1


def test_what_was_not_shipped_is_agreed_at_once() -> None:
    bought = trade.bought((world.product(world.yunling(), "云岭白茶"), 2))

    case = ask(bought, kind="cancel_before_ship", reason="no_reason", quantity=2)

    case.refresh_from_db()
    assert (case.state, case.amount_fen) == ("agreed", bought.paid_fen)
    assert [part.state for part in trade.parts(bought)] == ["closed"]
    assert world.on_hand(trade.lines(bought)[0].sku) == 100
    trade.arrives(Refund.objects.get())
    bought.refresh_from_db()
    assert bought.state == "refunded"


def test_after_the_window_it_is_too_late(order: Order) -> None:
    ends = trade.lines(order)[0].window_ends_at
    assert ends is not None
    with pytest.raises(aftersale.WindowClosed):
        ask(order, now=ends)
    assert ask(order, now=ends - timedelta(seconds=1)).state == "opened"


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("quantity", {"quantity": 4}),
        ("quantity", {"quantity": 0}),
        ("quantity", {"quantity": -1}),
        ("kind", {"kind": "gift"}),
        ("reason", {"reason": "because"}),
        ("line", {"line": 2}),
        ("text", {"text": "长" * 501}),
    ],
)
def test_what_cannot_be_asked_is_named(order: Order, field: str, more: dict[str, object]) -> None:
    with pytest.raises((Invalid, NotFound)) as refusal, transaction.atomic():
        ask(order, **more)
    assert refusal.value.field == field
    assert not AfterSale.objects.exists()


def test_cases_belong_to_customer_and_supplier(order: Order) -> None:
    case = ask(order)
    assert case_of(order.user, case.number) == case
    assert case_of_supplier(world.yunling(), case.number) == case
    for mine in (
        lambda: case_of(world.person("周 Zhou"), case.number),
        lambda: case_of_supplier(world.yangshan(), case.number),
    ):
        with pytest.raises(NotFound):
            mine()
    with pytest.raises(NotFound):
        aftersale.open_aftersale(
            user=world.person("周 Zhou"),
            order_number=order.number,
            line=1,
            kind="refund_only",
            reason="quality",
            quantity=1,
            now=world.now(),
        )


def test_the_last_pieces_take_the_remainder() -> None:
    line = LineFacts(quantity=3, paid_fen=1_000)
    assert refundable_fen(line, 1) == 333
    assert refundable_fen(LineFacts(3, 1_000, 1, 333), 1) == 333
    assert refundable_fen(LineFacts(3, 1_000, 2, 666), 1) == 334
    assert refundable_fen(LineFacts(3, 1_000, 2, 666), 0) == 334


@pytest.mark.parametrize(
    ("is_last", "is_shipped", "reason", "fen"),
    [
        (True, False, "no_reason", 1_000),
        (True, True, "no_reason", 0),
        (True, True, "damaged", 1_000),
        (False, True, "damaged", 0),
        (False, False, "no_reason", 0),
    ],
)
def test_freight_goes_back_by_rule(is_last: bool, is_shipped: bool, reason: str, fen: int) -> None:
    assert refundable_freight_fen(left_fen=1_000, is_last=is_last, is_shipped=is_shipped, reason=reason) == fen


def test_the_database_keeps_what_was_said_and_how_a_case_lives(order: Order) -> None:
    case = ask(order)
    with pytest.raises(DatabaseError), transaction.atomic():
        Evidence.objects.filter(aftersale=case).update(text="nothing")
    with pytest.raises(DatabaseError), transaction.atomic():
        AfterSale.objects.filter(pk=case.pk).update(state="refunded")
