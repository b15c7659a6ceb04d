"""Moments of a trade for tests: paid, delivered, completed, settled, given back.

The gateway's word is handed to the flow as a query would bring it; tests of the gateway itself use
the sandbox. Amounts in fen.
"""

from datetime import datetime, timedelta

from distributors.commissions import actions as commissions
from distributors.links.bonds import bind_customer
from distributors.stores.models import Store
from orders.flow import delivery, reversal
from orders.flow.payment import confirm_payment
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.payments.models import Payment, Refund
from orders.settlements import actions as settlements
from shop.base.numbers import new_number
from shop.gateways.contract import PaymentState, RefundState
from shop.ledger.queries import balance_fen
from shop.suppliers.models import Supplier
from tests import world

RAIL = "sandbox"


def start(order: Order, *, kind: str = "jsapi", openid: str = "openid-su") -> Payment:
    """Return an open payment of the order, as asked for at the gateway."""
    return Payment.objects.create(
        order=order,
        gateway=RAIL,
        kind=kind,
        amount_fen=order.payable_fen,
        payer_openid=openid if kind == "jsapi" else "",
        prepay_id="prepaid",
        started_at=world.now(),
    )


def said_paid(payment: Payment, *, amount_fen: int | None = None, transaction: str = "") -> PaymentState:
    """Return what a gateway says about a payment that was made."""
    return PaymentState(
        number=payment.number,
        state="paid",
        amount_fen=payment.amount_fen if amount_fen is None else amount_fen,
        transaction_id=transaction or f"42{payment.number}",
        payer_openid="openid-su",
        paid_at=world.now(),
    )


def pay(order: Order, *, now: datetime | None = None) -> Payment:
    """Pay the order; it is read anew."""
    payment = start(order)
    outcome = confirm_payment(gateway_name=RAIL, state=said_paid(payment), now=now or world.now())
    assert outcome == "applied", outcome
    order.refresh_from_db()
    payment.refresh_from_db()
    return payment


def placed(*wishes: world.Wish, name: str = "苏 Su", at: datetime | None = None) -> Order:
    """Return an order that waits for its money, from a customer of the store her first wish names."""
    user = world.customer(name)
    for _goods, _quantity, *store in wishes[:1]:
        for one in store:
            bind_customer(store=one, user=user, reason="shared", now=world.now())
    return world.place(user, wishes, at=at)


def bought(*wishes: world.Wish, name: str = "苏 Su") -> Order:
    """Return a paid order."""
    order = placed(*wishes, name=name)
    pay(order)
    return order


def parts(order: Order) -> list[SupplierOrder]:
    """Return the order's supplier orders, as they now are."""
    return list(SupplierOrder.objects.filter(order=order).select_related("supplier").order_by("pk"))


def lines(order: Order) -> list[OrderLine]:
    """Return the order's lines, as they now are."""
    return list(OrderLine.objects.filter(order=order).order_by("line"))


def ship(order: Order, *, now: datetime | None = None) -> None:
    """Every supplier sends everything."""
    for part in parts(order):
        if part.state == "to_ship":
            delivery.ship(
                supplier_order=part,
                carrier="顺丰速运",
                tracking_number=new_number("SF"),
                actor=f"supplier:{part.supplier.code}",
                now=now or world.now(),
            )


def receive(order: Order, *, now: datetime | None = None) -> None:
    """The customer says that everything arrived."""
    for part in parts(order):
        if part.state == "shipped":
            delivery.confirm_receipt(supplier_order=part, actor="system", now=now or world.now())


def complete(order: Order) -> datetime:
    """Ship, receive, and let every return window pass; return the moment after it."""
    ship(order)
    receive(order)
    later = world.now() + timedelta(days=60)
    for part in parts(order):
        delivery.complete_supplier_order(number=part.number, now=later)
    order.refresh_from_db()
    return later


def settle(now: datetime) -> tuple[int, int]:
    """Settle what is due; return how many commissions and earnings."""
    settled = commissions.settle_due(limit=500, now=now)
    return settled, settlements.settle_due(limit=500, now=now)


def arrives(refund: Refund, *, now: datetime | None = None) -> str:
    """The gateway says that the customer has her money back."""
    state = RefundState(
        number=refund.number,
        payment_number=refund.payment.number,
        state="succeeded",
        amount_fen=refund.amount_fen,
        refund_id=f"50{refund.number}",
        succeeded_at=now or world.now(),
    )
    return reversal.confirm_refund(gateway_name=RAIL, state=state, now=now or world.now())


def everything(order: Order) -> dict[int, tuple[int, int]]:
    """Return all that is left of every line, as a refund takes it."""
    return {
        line.line: (line.quantity - line.refunded_quantity, line.paid_fen - line.refunded_fen)
        for line in lines(order)
        if line.paid_fen > line.refunded_fen
    }


def clearing(order: Order) -> int:
    """Return what of the order's money is neither divided nor given back."""
    return balance_fen(f"order/{order.number}/clearing")


def store_money(store: Store) -> dict[str, int]:
    """Return a store's four accounts, those that hold something."""
    return _held("store", store.code)


def supplier_money(supplier: Supplier) -> dict[str, int]:
    """Return a supplier's four accounts, those that hold something."""
    return _held("supplier", supplier.code)


def _held(side: str, code: str) -> dict[str, int]:
    names = ("frozen", "available", "paying", "debt")
    held = {name: balance_fen(f"{side}/{code}/{name}") for name in names}
    return {name: fen for name, fen in held.items() if fen}
