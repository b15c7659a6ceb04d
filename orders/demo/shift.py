"""Letting time pass in the demo: dates go into the past, so that what they wait for falls due.

No clock is turned. The books, the history of states and the gateways' notices keep their instants;
everything that decides *when* something happens moves. The database refuses to change what was
promised when an order was placed, so only the tables' owner can do this, by setting the guards aside
for one transaction; the app's role cannot.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection, models, transaction
from django.db.models import F

from distributors.commissions.models import Commission
from distributors.links.models import Bond
from distributors.payouts.models import Withdrawal
from orders.aftersales.models import AfterSale
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.payments.models import Payment, Refund
from orders.settlements.models import Earning
from orders.shipments.models import Shipment
from shop.work.models import Due, DueState

MOVING: tuple[type[models.Model], ...] = (
    Order,
    SupplierOrder,
    OrderLine,
    Payment,
    Refund,
    Shipment,
    AfterSale,
    Commission,
    Earning,
    Withdrawal,
    Bond,
)


def shift_days(days: int) -> int:
    """Move the trade ``days`` into the past; return how many rows moved."""
    by = timedelta(days=days)
    moved = 0
    with transaction.atomic():
        for model in MOVING:
            with _guards_aside(model):
                moved += model._default_manager.update(**_earlier(model, by))
        moved += Due.objects.filter(state=DueState.OPEN).update(due_at=F("due_at") - by)
    return moved


@contextmanager
def _guards_aside(model: type[models.Model]) -> Iterator[None]:
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def _earlier(model: type[models.Model], by: timedelta) -> dict[str, Any]:
    instants = (
        field.name
        for field in model._meta.concrete_fields
        if isinstance(field, models.DateTimeField) and not field.auto_now
    )
    return {name: F(name) - by for name in instants}
