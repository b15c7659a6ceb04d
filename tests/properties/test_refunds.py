"""Any sequence of refunds over any order, before and after settlement and withdrawal, keeps every sum.

The last step gives everything back: then nobody has earned anything, whatever the path was.
"""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from distributors.commissions.rules import Rates, split_line
from distributors.payouts import actions as payouts
from distributors.payouts import sending
from distributors.payouts.models import Withdrawal
from orders.aftersales.rules import LineFacts, refundable_fen
from orders.flow import delivery, reversal
from orders.flow.verification import verify_all
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.lifecycle.rules import LineDraft, OrderDraft, PartDraft, Recipient
from orders.lifecycle.writing import create_order
from orders.payments.rules import Share, split_refund
from orders.settlements.rules import kept_after_refund
from orders.shipments.rules import NothingToShip
from shop.base.errors import Conflict, Invalid
from shop.catalogue.models import Sku
from shop.gateways.contract import TransferState
from shop.ledger import chart
from shop.ledger.queries import balance_fen
from shop.states.machine import move
from shop.work import actions as work
from tests import world
from tests.distributors.sellers import payee
from tests.orders import trade


@given(
    freight_fen=st.integers(0, 10**6),
    lines=st.dictionaries(st.integers(1, 9), st.tuples(st.integers(0, 99), st.integers(0, 10**7)), max_size=6),
    data=st.data(),
)
def test_a_split_refund_is_both_its_parts(freight_fen: int, lines: dict[int, tuple[int, int]], data: Any) -> None:
    """Also one of freight alone, and lines that cost nothing; pieces count once, with the rest."""
    whole = Share(freight_fen, lines)
    first_fen = data.draw(st.integers(0, _fen(whole)))
    first, rest = split_refund(whole, first_fen)
    assert (_fen(first), _fen(rest)) == (first_fen, _fen(whole) - first_fen)
    assert (
        min(first.freight_fen, rest.freight_fen, *(fen for part in (first, rest) for _n, fen in part.lines.values()))
        >= 0
    )
    for line, (pieces, fen) in lines.items():
        parts = [part.lines.get(line, (0, 0)) for part in (first, rest)]
        assert (parts[0][0], parts[1][0], parts[0][1] + parts[1][1]) == (0, pieces, fen)


def _fen(share: Share) -> int:
    return share.freight_fen + sum(fen for _pieces, fen in share.lines.values())


@given(
    amount_fen=st.integers(0, 10**7),
    paid_fen=st.integers(1, 10**7),
    cuts=st.lists(st.integers(0, 10**7), max_size=6),
)
def test_what_a_supplier_keeps_depends_on_the_sum_alone(amount_fen: int, paid_fen: int, cuts: list[int]) -> None:
    amount_fen = min(amount_fen, paid_fen)
    refunded, kept = 0, amount_fen
    for cut in cuts:
        refunded = min(paid_fen, refunded + cut)
        now = kept_after_refund(amount_fen=amount_fen, paid_fen=paid_fen, refunded_fen=refunded)
        assert now <= kept
        kept = now
    assert kept == kept_after_refund(amount_fen=amount_fen, paid_fen=paid_fen, refunded_fen=refunded)
    assert kept_after_refund(amount_fen=amount_fen, paid_fen=paid_fen, refunded_fen=paid_fen) == 0


@given(quantity=st.integers(1, 50), paid_fen=st.integers(0, 10**6), data=st.data())
def test_pieces_given_back_one_after_the_other_are_worth_the_line(
    quantity: int, paid_fen: int, data: st.DataObject
) -> None:
    back = pieces = 0
    while pieces < quantity:
        some = data.draw(st.integers(1, quantity - pieces))
        back += refundable_fen(LineFacts(quantity, paid_fen, pieces, back), some)
        pieces += some
    assert back == paid_fen


@dataclass(frozen=True)
class Bought:
    """One line as it was bought: pieces, unit price and what the discount and the shares are."""

    part: int
    quantity: int
    unit_fen: int
    discount_fen: int
    supply_permille: int
    level1_bp: int
    level2_bp: int

    def draft(self, sku: Sku, store_id: int, referrer_id: int) -> LineDraft:
        paid_fen = self.unit_fen * self.quantity - self.discount_fen
        split = split_line(
            paid_fen=paid_fen,
            supplier_fen=paid_fen * self.supply_permille // 1000,
            rates=Rates(self.level1_bp, self.level2_bp, "G"),
            has_level1=True,
            has_level2=True,
        )
        return LineDraft(
            product_id=sku.product_id,
            sku_id=sku.pk,
            title="货",
            option_text="",
            image="",
            quantity=self.quantity,
            unit_fen=self.unit_fen,
            supply_unit_fen=split.supplier_fen // self.quantity,
            discount_fen=self.discount_fen,
            paid_fen=paid_fen,
            supplier_fen=split.supplier_fen,
            pool_fen=split.pool_fen,
            store_id=store_id,
            referrer_store_id=referrer_id,
            level1_bp=self.level1_bp,
            level2_bp=self.level2_bp,
            level1_fen=split.level1_fen,
            level2_fen=split.level2_fen,
            rule_number="G",
            credit_reason="bond",
            return_days=7,
        )


@st.composite
def _bought(draw: st.DrawFn) -> Bought:
    quantity, unit_fen = draw(st.integers(1, 4)), draw(st.integers(1, 30_000))
    return Bought(
        part=draw(st.integers(0, 1)),
        quantity=quantity,
        unit_fen=unit_fen,
        discount_fen=draw(st.integers(0, quantity * unit_fen)),
        supply_permille=draw(st.integers(0, 1000)),
        level1_bp=draw(st.integers(0, 3000)),
        level2_bp=draw(st.integers(0, 2000)),
    )


Step = tuple[str, int, int, int]
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["refund", "refund", "refund", "arrive", "complete", "settle", "withdraw"]),
        st.integers(0, 5),
        st.integers(0, 1000),
        st.integers(0, 1000),
    ),
    max_size=7,
)


@contextmanager
def _undone() -> Iterator[None]:
    """Everything inside happens and is then undone, so that each example starts anew."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.django_db
@settings(
    max_examples=25,
    deadline=None,
    # Shrinking would run the database for minutes; the failing example is printed as it is.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    lines=st.lists(_bought(), min_size=1, max_size=4),
    freight=st.tuples(st.integers(0, 2_000), st.integers(0, 2_000)),
    steps=_STEPS,
)
def test_any_sequence_of_refunds_keeps_every_sum(
    lines: list[Bought], freight: tuple[int, int], steps: list[Step]
) -> None:
    with _undone():
        order = _order(lines, freight)
        if order is None:
            return
        trade.pay(order)
        _holds(order)
        for step in steps:
            _take(order, step)
            _holds(order)
        for rest in _rest(order):
            reversal.refund(**rest, now=world.now())
            _holds(order)
        _arrive_all(order)
        _holds(order)
        _nobody_earned_anything(order)


def _order(lines: list[Bought], freight: tuple[int, int]) -> Order | None:
    world.rule()
    store, referrer = world.ahe(), world.lin()
    suppliers = [world.yunling(), world.yangshan()]
    skus = [world.sku_of(world.product(supplier, f"货 {number}")) for number, supplier in enumerate(suppliers)]
    drafts = []
    for number, supplier in enumerate(suppliers):
        made = [line.draft(skus[number], store.pk, referrer.pk) for line in lines if line.part == number]
        goods = sum(line.unit_fen * line.quantity for line in made)
        discount = sum(line.discount_fen for line in made)
        fen = freight[number]
        if made:
            drafts.append(PartDraft(supplier.pk, made, goods, discount, fen, goods - discount + fen))
    total = sum(part.payable_fen for part in drafts)
    if total == 0:
        return None
    draft = OrderDraft(
        user_id=world.customer().pk,
        recipient=Recipient("苏", "13800000001", world.XIHU, "浙江省 杭州市 西湖区", "灵隐路 1 号"),
        parts=drafts,
        goods_fen=sum(part.goods_fen for part in drafts),
        discount_fen=sum(part.discount_fen for part in drafts),
        freight_fen=sum(part.freight_fen for part in drafts),
        payable_fen=total,
        note="",
        placed_at=world.now(),
        expires_at=world.now() + timedelta(minutes=30),
    )
    return create_order(draft=draft)


def _take(order: Order, step: Step) -> None:
    what, which, first, second = step
    order.refresh_from_db()
    if what == "refund":
        _refund_some(order, which, first, second)
    elif what == "arrive":
        _arrive_all(order)
    elif what == "complete" and order.state == "paid":
        _arrive_all(order)
        # All pieces of a part may have gone back without all of its money: then there is nothing to send.
        with contextlib.suppress(NothingToShip):
            trade.complete(order)
    elif what == "settle":
        trade.settle(world.now() + timedelta(days=90))
    elif what == "withdraw":
        _empty_available()


def _refund_some(order: Order, which: int, first: int, second: int) -> None:
    lines = trade.lines(order)
    line = lines[which % len(lines)]
    left_fen, left_pieces = line.paid_fen - line.refunded_fen, line.quantity - line.refunded_quantity
    part = SupplierOrder.objects.get(pk=line.supplier_order_id)
    freight_fen = (part.freight_fen - part.freight_refunded_fen) * second // 1000
    amount_fen, pieces = left_fen * first // 1000, left_pieces * second // 1000
    if amount_fen + freight_fen == 0 or (amount_fen == 0 and pieces == 0):
        return
    reversal.refund(
        order_number=order.number,
        lines={line.line: (pieces, amount_fen)},
        freight_fen=freight_fen,
        cause="staff",
        restock=second % 2 == 0,
        actor="staff:test",
        now=world.now(),
    )


def _rest(order: Order) -> Iterator[dict[str, Any]]:
    """Everything that is left: supplier by supplier, then the freight of those without goods left."""
    facts = {"order_number": order.number, "cause": "staff", "restock": False, "actor": "staff:test"}
    for part in trade.parts(order):
        lines = {
            line.line: (0, line.paid_fen - line.refunded_fen)
            for line in OrderLine.objects.filter(supplier_order=part)
            if line.paid_fen > line.refunded_fen
        }
        if lines:
            yield facts | {"lines": lines, "freight_fen": part.freight_fen - part.freight_refunded_fen}
    freight_fen = sum(part.freight_fen - part.freight_refunded_fen for part in trade.parts(order))
    if freight_fen:
        yield facts | {"lines": {}, "freight_fen": freight_fen}


def _arrive_all(order: Order) -> None:
    for refund in order.refunds.exclude(state="succeeded").select_related("payment"):
        trade.arrives(refund)
    for part in trade.parts(order):
        delivery.complete_supplier_order(number=part.number, now=world.now())


def _empty_available() -> None:
    """Everybody takes out what can be taken out, so that later claw-backs become debts."""
    for store in (world.ahe(), world.lin()):
        payee(store, real_name="何禾" if store == world.ahe() else "林林")
        try:
            asked = payouts.request(
                store=store, amount_fen=balance_fen(chart.store_available(store.code)), now=world.now()
            )
        except (Conflict, Invalid):
            continue
        payouts.approve(withdrawal=asked, actor="staff:test", now=world.now())
        move(asked, "sending", actor="system", at=world.now())
        told = TransferState(asked.number, "paid", asked.amount_fen, f"bill of {asked.number}")
        sending.record(told=told, now=world.now())
        work.forget(what=sending.PAY, subject=asked.number)


def _holds(order: Order) -> None:
    off = [finding for finding in verify_all(now=world.now()) if finding.check != "order_expiry"]
    assert off == []
    order.refresh_from_db()
    pending = sum(refund.amount_fen for refund in order.refunds.exclude(state="succeeded"))
    assert trade.clearing(order) == pending
    work.forget(what="order.expire", subject=order.number)


def _nobody_earned_anything(order: Order) -> None:
    order.refresh_from_db()
    assert order.refunded_fen == order.paid_fen
    assert order.state in ("refunded", "completed")
    assert trade.clearing(order) == 0
    assert balance_fen("platform/fee") == 0
    taken_out = sum(Withdrawal.objects.filter(state="paid").values_list("amount_fen", flat=True))
    assert balance_fen("gateway/sandbox") == -taken_out
    for supplier in (world.yunling(), world.yangshan()):
        assert _net(trade.supplier_money(supplier)) == 0
    assert _net(trade.store_money(world.ahe())) + _net(trade.store_money(world.lin())) == -taken_out


def _net(money: dict[str, int]) -> int:
    return sum(-fen if name == "debt" else fen for name, fen in money.items())
