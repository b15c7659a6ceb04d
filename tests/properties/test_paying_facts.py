"""The one reading of a payment sees what plain questions see, and the one writing writes what plain rules say."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from distributors.commissions.models import Commission
from distributors.links.bonds import bind_customer
from distributors.stores.models import Store
from orders.flow.payment import confirm_payment
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.lifecycle.rules import SoldOrder
from orders.payments.models import GatewayNotice, Payment
from orders.payments.queries import taking_facts
from orders.settlements.models import Earning
from shop.catalogue.models import Sku
from shop.coupons.actions import claim
from shop.gateways.contract import Notice
from shop.ledger.models import Balance
from shop.notifications.models import Notification
from shop.states.models import StateChange
from shop.stock.models import Reservation, StockItem, StockMovement
from shop.suppliers.models import Supplier, SupplierMember
from shop.work.models import Due
from tests import world
from tests.orders import trade
from tests.shop.coupons import coupon

pytestmark = pytest.mark.django_db
NOW = world.now()
SLOW = examples(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@dataclass
class Town:
    """Those who are there in every example."""

    skus: list[Sku]
    stores: list[Store | None]
    suppliers: list[Supplier]


@pytest.fixture
def town() -> Town:
    world.rule()
    stores = [None, world.ahe(), world.lin()]
    suppliers = [world.yunling(), world.yangshan()]
    world.freight(suppliers[1], first_fen=800)
    goods = [
        world.product(suppliers[0], "云岭白茶"),
        world.product(suppliers[0], "云岭红茶", supply_fen=9_800),
        world.product(suppliers[1], "阳山蜜桃", supply_fen=0, retail_fen=4_507, options=["5 斤", "10 斤"]),
    ]
    return Town([sku for one in goods for sku in one.skus.order_by("position")], stores, suppliers)


def waiting(town: Town, draw: st.DrawFn) -> tuple[Order, Payment]:
    """An order of anything, led by anybody or nobody, with a coupon or none, and one payment of several."""
    user, store = world.customer("苏 Su"), draw(st.sampled_from(town.stores))
    if store:
        bind_customer(store=store, user=user, reason="shared", now=world.now())
    for place in range(draw(st.integers(0, 2))):
        SupplierMember.objects.create(supplier=draw(st.sampled_from(town.suppliers)), user=world.person(f"帮手{place}"))
    if draw(st.booleans()):
        claim(coupon=coupon(platform_bp=10_000), user=user, now=world.now())
    chosen = draw(st.lists(st.tuples(st.sampled_from(town.skus), st.integers(1, 3)), min_size=1, max_size=4))
    order = world.place(user, chosen)
    payment = trade.start(order)
    if draw(st.booleans()):
        trade.start(order, kind="native")
    if draw(st.booleans()):
        # Given up in favour of another way to pay, and paid all the same.
        Payment.objects.filter(pk=payment.pk).update(state="failed")
    if draw(st.booleans()):
        # What it held is free again, and there is enough of it.
        world.stock.release(reference=order.number, at=world.now())
    Due.objects.create(what="payment.query", subject=payment.number, due_at=world.now())
    return order, Payment.objects.get(pk=payment.pk)


# --- the plain side -------------------------------------------------------------------------------------------------


def plain_sold(order: Order) -> dict[str, Any]:
    """What the reading should see, asked with the models."""
    parts = SupplierOrder.objects.filter(order=order).select_related("supplier").order_by("pk")
    lines = OrderLine.objects.filter(order=order).order_by("line")
    return {
        "order": (order.pk, order.number, order.user_id, order.state, order.payable_fen),
        "parts": [
            (
                *(part.pk, part.number, part.supplier_id, part.supplier.code, part.freight_fen),
                sorted(SupplierMember.objects.filter(supplier=part.supplier).values_list("user_id", flat=True)),
            )
            for part in parts
        ],
        "lines": [
            (
                *(line.pk, line.line, line.supplier_order_id, line.sku_id, line.quantity, line.paid_fen),
                *(line.supplier_fen, line.subsidy_fen, line.level1_bp, line.level2_bp, line.level1_fen),
                *(line.level2_fen, line.rule_number, *plain_store(line.store), *plain_store(line.referrer_store)),
            )
            for line in lines
        ],
    }


def plain_store(store: Store | None) -> tuple[int | None, str, int | None]:
    return (store.pk, store.code, store.distributor.user_id) if store else (None, "", None)


def seen(sold: SoldOrder) -> dict[str, Any]:
    return {
        "order": (sold.id, sold.number, sold.user_id, sold.state, sold.payable_fen),
        "parts": [
            (
                *(part.id, part.number, part.supplier_id, part.supplier_code, part.freight_fen),
                sorted(part.member_ids),
            )
            for part in sold.parts
        ],
        "lines": [tuple(getattr(line, name) for name in line.__slots__) for line in sold.lines],
    }


def plain_books(order: Order, lines: list[OrderLine], parts: list[SupplierOrder]) -> dict[str, int]:
    """Where every fen should be, account by account."""
    books = Counter({f"gateway/{trade.RAIL}": order.payable_fen})
    books["coupon/platform"] = sum(line.subsidy_fen for line in lines)
    for part in parts:
        books[f"supplier/{part.supplier.code}/frozen"] += part.freight_fen
    for line in lines:
        books[f"supplier/{line.supplier_order.supplier.code}/frozen"] += line.supplier_fen
        for store, fen in ((line.store, line.level1_fen), (line.referrer_store, line.level2_fen)):
            if store:
                books[f"store/{store.code}/frozen"] += fen
    given = sum(fen for path, fen in books.items() if path.endswith("/frozen"))
    books["platform/fee"] = order.payable_fen + books["coupon/platform"] - given
    return {path: fen for path, fen in books.items() if fen}


def plain_shares(order: Order, lines: list[OrderLine]) -> list[tuple[Any, ...]]:
    """What the stores should earn."""
    return [
        (order.number, line.line, level, store.pk, line.paid_fen, bp, fen, line.rule_number, "frozen", NOW)
        for line in lines
        for level, store, bp, fen in (
            (1, line.store, line.level1_bp, line.level1_fen),
            (2, line.referrer_store, line.level2_bp, line.level2_fen),
        )
        if store and fen
    ]


def plain_news(order: Order, parts: list[SupplierOrder], lines: list[OrderLine]) -> list[tuple[int, str, Any]]:
    """Who should be told what."""
    news: list[tuple[int, str, Any]] = [(order.user_id, "order_paid", order.payable_fen)]
    for part in parts:
        members = SupplierMember.objects.filter(supplier=part.supplier)
        news += [(one.user_id, "order_to_ship", part.number) for one in members]
    earned: Counter[int] = Counter()
    for line in lines:
        for store, fen in ((line.store, line.level1_fen), (line.referrer_store, line.level2_fen)):
            if store:
                earned[store.distributor.user_id] += fen
    return sorted([*news, *((user_id, "commission_accrued", fen) for user_id, fen in earned.items() if fen)])


# --- the comparison -------------------------------------------------------------------------------------------------


@SLOW
@given(data=st.data())
def test_a_payment_sees_and_writes_what_plain_rules_say(town: Town, data: st.DataObject) -> None:
    with transaction.atomic():
        order, payment = waiting(town, data.draw)
        facts = taking_facts(gateway=trade.RAIL, number=payment.number, transaction_id="42", event_id="E1")
        assert facts.payment is not None and facts.sold is not None
        assert (facts.payment.id, facts.payment.amount_fen, facts.payment.state) == (
            payment.pk, payment.amount_fen, payment.state,
        )  # fmt: skip
        assert seen(facts.sold) == plain_sold(order)

        others = list(Payment.objects.filter(order=order).exclude(pk=payment.pk))
        stock = {item.sku_id: (item.on_hand + item.reserved, item.sold) for item in StockItem.objects.all()}
        last_step = StateChange.objects.order_by("-pk").values_list("pk", flat=True).first()
        assert confirm_payment(gateway_name=trade.RAIL, notice=notice(payment), now=NOW) == "applied"
        compare(order, payment, others, stock, last_step or 0)
        transaction.set_rollback(True)


def notice(payment: Payment) -> Notice:
    return Notice(
        event_id="E1",
        kind="payment",
        number=payment.number,
        state="paid",
        amount_fen=payment.amount_fen,
        transaction_id="42",
        merchant_id="",
        app_id="",
        created_at=NOW,
        raw={"payer": {"openid": "o-of-su"}, "attach": "“é”"},
    )


def compare(
    order: Order, payment: Payment, others: list[Payment], stock: dict[int, tuple[int, int]], last_step: int
) -> None:
    """Compare every table with the plain rules."""
    was = payment.state
    order.refresh_from_db()
    payment.refresh_from_db()
    parts, lines = trade.parts(order), list(OrderLine.objects.filter(order=order).order_by("line"))
    assert (order.state, order.paid_fen, order.paid_at) == ("paid", order.payable_fen, NOW)
    assert {part.state for part in parts} == {"to_ship"}
    assert (payment.state, payment.is_applied, payment.transaction_id, payment.payer_openid, payment.succeeded_at) == (
        "succeeded", True, "42", "o-of-su", NOW,
    )  # fmt: skip
    assert [Payment.objects.get(pk=one.pk).state for one in others] == ["expired" for _one in others]
    assert set(
        Due.objects.exclude(state="done").filter(what__in=("order.expire", "payment.query", "payment.close"))
        .values_list("what", "subject")
    ) == {("payment.close", one.number) for one in others}  # fmt: skip
    (kept,) = GatewayNotice.objects.all()
    assert (kept.event_id, kept.number, kept.state, kept.amount_fen, kept.outcome, kept.received_at) == (
        "E1", payment.number, "paid", payment.amount_fen, "applied", NOW,
    )  # fmt: skip
    assert kept.raw == {"payer": {}, "attach": "“é”"}
    compare_money(order, parts, lines)
    wanted: Counter[int] = Counter()
    for line in lines:
        wanted[line.sku_id] += line.quantity
    held = Reservation.objects.filter(reference=order.number).exclude(state="released")
    assert dict(held.values_list("sku_id", "quantity")) == wanted
    assert set(held.values_list("state", flat=True)) == {"consumed"}
    moved = StockMovement.objects.filter(reference=order.number, kind="sold")
    assert dict(moved.values_list("sku_id", "quantity")) == wanted
    for item in StockItem.objects.all():
        pieces, sold = stock[item.sku_id]
        assert (item.on_hand, item.reserved, item.sold) == (pieces - wanted[item.sku_id], 0, sold + wanted[item.sku_id])
    assert sorted(
        StateChange.objects.filter(pk__gt=last_step).values_list("subject", "source", "target", "reason")
    ) == sorted(
        [
            (f"order:{order.number}", "placed", "paid", ""),
            (f"payment:{payment.number}", was, "succeeded", ""),
            *((f"supplier_order:{part.number}", "waiting", "to_ship", "") for part in parts),
            *((f"payment:{one.number}", "started", "expired", "the order was paid another way") for one in others),
            *((f"reservation:{one.pk}", "open", "consumed", order.number) for one in held),
        ]
    )


def compare_money(order: Order, parts: list[SupplierOrder], lines: list[OrderLine]) -> None:
    owed = [(part.pk, part.supplier_id, None, part.freight_fen) for part in parts] + [
        (line.supplier_order_id, line.supplier_order.supplier_id, line.pk, line.supplier_fen) for line in lines
    ]
    earnings = Earning.objects.filter(order=order, state="frozen", accrued_at=NOW, deducted_fen=0)
    assert Counter(earnings.values_list("supplier_order_id", "supplier_id", "order_line_id", "amount_fen")) == Counter(
        row for row in owed if row[3]
    )
    shares = Commission.objects.filter(clawed_back_fen=0).values_list(
        "order_number", "line", "level", "store_id", "base_fen", "rate_bp", "amount_fen", "rule_number", "state",
        "accrued_at",
    )  # fmt: skip
    assert Counter(shares) == Counter(plain_shares(order, lines))
    balances = Balance.objects.exclude(balance_fen=0).values_list("path", "balance_fen")
    assert dict(balances) == plain_books(order, lines, parts)
    told = Notification.objects.filter(kind__in=("order_paid", "order_to_ship", "commission_accrued"))
    assert plain_news(order, parts, lines) == sorted(
        (one.user_id, one.kind, one.facts["order"] if one.kind == "order_to_ship" else one.facts["amount_fen"])
        for one in told
    )
    with connection.cursor() as cursor:
        # What is looked at when the transaction ends.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
