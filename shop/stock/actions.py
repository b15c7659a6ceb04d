"""What can happen to stock. Every verb is set-based: its statements do not grow with the SKUs.

Stock rows are always locked in SKU order, after the order's row and before accounts
(docs/locking.md). Call these last before the ledger: a hot SKU's row stays locked until commit.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from shop.base.errors import Conflict, Invalid
from shop.catalogue.models import Sku
from shop.catalogue.queries import product_numbers
from shop.pages import marks
from shop.stock.models import Reservation, StockItem
from shop.stock.queries import last_counts
from shop.stock.states import ReservationState

QUANTITY_MAX = 10**9
# How the database says that pieces are missing (stock/migrations/0003_reserve.py).
_SHORT = "LJ001"

# Only the constants below are put together into statements; every value travels as a parameter.
_WANTED = "wanted AS (SELECT * FROM unnest(%(skus)s::bigint[], %(quantities)s::bigint[]) AS w(sku_id, quantity))"

# Locked first, in SKU order; the UPDATE repeats the condition on the row as it then is.
_LOCKED = f"""
WITH {_WANTED},
locked AS (
    SELECT item.sku_id, item.on_hand, w.quantity
    FROM stock_stockitem item JOIN wanted w USING (sku_id)
    ORDER BY item.sku_id
    FOR NO KEY UPDATE OF item
)"""  # noqa: S608

# The movements come first: what this reference brought back before is left out.
_RESTOCK = f"""
{_LOCKED},
moved AS (
    INSERT INTO stock_stockmovement (sku_id, kind, quantity, reference, at)
    SELECT sku_id, 'returned', quantity, %(reference)s, %(at)s FROM locked ORDER BY sku_id
    ON CONFLICT (reference, sku_id) WHERE kind = 'returned' DO NOTHING
    RETURNING sku_id, quantity
)
UPDATE stock_stockitem item
SET on_hand = item.on_hand + m.quantity, returned = item.returned + m.quantity
FROM moved m WHERE item.sku_id = m.sku_id"""  # noqa: S608

_RECEIVE = f"""
WITH {_WANTED},
moved AS (
    INSERT INTO stock_stockmovement (sku_id, kind, quantity, reference, at)
    SELECT sku_id, 'received', quantity, %(reference)s, %(at)s FROM wanted ORDER BY sku_id
)
INSERT INTO stock_stockitem (sku_id, received, on_hand, reserved, sold, returned)
SELECT sku_id, quantity, quantity, 0, 0, 0 FROM wanted ORDER BY sku_id
ON CONFLICT (sku_id) DO UPDATE
SET received = stock_stockitem.received + EXCLUDED.received,
    on_hand = stock_stockitem.on_hand + EXCLUDED.on_hand"""  # noqa: S608

_CORRECT = f"""
{_LOCKED},
moved AS (
    INSERT INTO stock_stockmovement (sku_id, kind, quantity, reference, at)
    SELECT sku_id, 'corrected', quantity - on_hand,
           %(reference)s || CASE WHEN %(is_count)s THEN ':' || quantity ELSE '' END, %(at)s
    FROM locked WHERE quantity <> on_hand OR %(is_count)s ORDER BY sku_id
)
UPDATE stock_stockitem item
SET received = item.received + l.quantity - item.on_hand, on_hand = l.quantity
FROM locked l WHERE item.sku_id = l.sku_id AND item.on_hand <> l.quantity"""  # noqa: S608


class OutOfStock(Conflict):
    """Not enough pieces. ``extra["skus"]`` names each SKU with its ``wanted`` and ``left`` pieces."""

    code = "out_of_stock"


def receive(*, sku: Sku, quantity: int, reference: str, at: datetime) -> None:
    """Take pieces in. ``reference`` is the delivery's. Raises ``Invalid`` (field ``quantity``)."""
    _check(quantity, least=1)
    with transaction.atomic():
        _execute(_RECEIVE, {sku.pk: quantity}, reference=reference, at=at)
        marks.products_changed_by(lambda: product_numbers([sku.pk]))


def correct(*, sku: Sku, on_hand: int, reason: str, at: datetime) -> None:
    """Set the pieces on the shelf to what was counted; the reserved ones are not among them.

    Raises ``Invalid`` naming the field.
    """
    if not reason.strip():
        raise Invalid(_("Say why the number is corrected."), field="reason")
    _check(on_hand, least=0, field="on_hand")
    _set_on_hand({sku.pk: on_hand}, reference=reason.strip()[:64], at=at, is_count=False)


def take_count(*, counts: Mapping[int, int], source: str, at: datetime) -> set[int]:
    """Set SKUs' pieces on the shelf to what a list says, by SKU id; return the ids it was news for.

    ``source`` names the list (``import``). A number that the same source said last time is no news:
    reading an old list again does not bring back what was sold since. Raises ``Invalid`` (field
    ``on_hand``).
    """
    for pieces in counts.values():
        _check(pieces, least=0, field="on_hand")
    said = last_counts(counts, prefix=f"{source}:")
    news = {sku_id: pieces for sku_id, pieces in counts.items() if said.get(sku_id) != f"{source}:{pieces}"}
    if news:
        _set_on_hand(news, reference=source, at=at, is_count=True)
    return set(news)


def reserve(*, reference: str, quantities: Mapping[int, int], at: datetime) -> None:
    """Hold pieces for an order, all SKUs or none. ``quantities`` are pieces by SKU id.

    Raises :class:`OutOfStock` naming each SKU and what is left of it, ``Conflict`` when the order
    holds some already, ``Invalid`` (field ``quantity``).
    """
    for quantity in quantities.values():
        _check(quantity, least=1)
    ordered = sorted(quantities.items())
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT stock_reserve(%s, %s::bigint[], %s::bigint[], %s)",
                [reference, [sku_id for sku_id, _pieces in ordered], [pieces for _sku_id, pieces in ordered], at],
            )
    except IntegrityError as error:
        if "stock_one_reservation" in str(error):
            raise Conflict(_("Pieces are held for this order already.")) from error
        raise
    except DatabaseError as error:
        raise out_of_stock(error) or error from error


def is_short(error: DatabaseError) -> bool:
    """Whether it failed because pieces are missing, as ``stock_reserve`` and ``stock_sell`` say it."""
    return getattr(error.__cause__, "pgcode", None) == _SHORT


def out_of_stock(error: DatabaseError) -> OutOfStock | None:
    """Return our word for what ``stock_reserve`` refuses; None when it was something else that failed."""
    if not is_short(error):
        return None
    cause: Any = error.__cause__
    return _out_of_stock(json.loads(cause.diag.message_detail))


def release(*, reference: str, at: datetime) -> bool:
    """Give back what an order holds. True when this call did; False when nothing was held."""
    return _settle(reference, ReservationState.RELEASED, at)


def commit(*, reference: str, at: datetime) -> bool:
    """Sell what an order holds. True when this call or an earlier one did; False when it was released."""
    if _settle(reference, ReservationState.CONSUMED, at):
        return True
    return Reservation.objects.filter(reference=reference, state=ReservationState.CONSUMED).exists()


def rereserve_and_commit(*, reference: str, quantities: Mapping[int, int], at: datetime) -> bool:
    """Sell to an order that is paid, also late. True when it has its pieces, now or from before.

    False, with nothing written, when there are not enough pieces: the payment must go back.
    """
    ordered = sorted(quantities.items())
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT stock_sell(%s, %s::bigint[], %s::bigint[], %s)",
                [reference, [sku_id for sku_id, _pieces in ordered], [pieces for _sku_id, pieces in ordered], at],
            )
    except DatabaseError as error:
        if is_short(error):
            return False
        raise
    return True


def restock(*, reference: str, quantities: Mapping[int, int], at: datetime) -> None:
    """Put returned goods back on the shelf, once per ``reference`` (the refund's number) and SKU.

    Raises ``Invalid`` (field ``quantity``), also when more comes back than was sold.
    """
    for quantity in quantities.values():
        _check(quantity, least=1)
    try:
        with transaction.atomic():
            _execute(_RESTOCK, quantities, reference=reference, at=at)
    except IntegrityError as error:
        if "stock_returned_was_sold" in str(error):
            raise Invalid(_("More cannot come back than was sold."), field="quantity") from error
        raise


def count_sold(*, since: datetime) -> int:
    """Bring products' sold counts up to date where something was sold or returned since; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_SOLD, {"since": since})
        return int(cursor.rowcount)


_COUNT_SOLD = """
UPDATE catalogue_product p SET sold_count = counted.pieces
FROM (
    SELECT sku.product_id, sum(item.sold - item.returned) AS pieces
    FROM catalogue_sku sku JOIN stock_stockitem item ON item.sku_id = sku.id
    WHERE sku.product_id IN (
        SELECT moved.product_id
        FROM stock_stockmovement movement JOIN catalogue_sku moved ON moved.id = movement.sku_id
        WHERE movement.kind IN ('sold', 'returned') AND movement.at >= %(since)s
    )
    GROUP BY sku.product_id
) counted
WHERE p.id = counted.product_id AND p.sold_count <> counted.pieces"""


def _set_on_hand(on_hand: Mapping[int, int], *, reference: str, at: datetime, is_count: bool) -> None:
    """A count leaves a movement even where it changes nothing: it is what the source said last."""
    with transaction.atomic():
        rows = [StockItem(sku_id=sku_id) for sku_id in sorted(on_hand)]
        StockItem.objects.bulk_create(rows, ignore_conflicts=True)
        _execute(_CORRECT, on_hand, reference=reference, at=at, is_count=is_count)
        marks.products_changed_by(lambda: product_numbers(on_hand))


def _settle(reference: str, to: ReservationState, at: datetime) -> bool:
    """Move an order's open reservations and their pieces; false when there are none. One statement."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT stock_settle(%s, %s, %s)", [reference, to, at])
        return bool(cursor.fetchone()[0])


def _execute(sql: str, quantities: Mapping[int, int], **facts: Any) -> Sequence[tuple[Any, ...]]:
    ordered = sorted(quantities.items())
    skus, pieces = [sku_id for sku_id, _pieces in ordered], [pieces for _sku_id, pieces in ordered]
    with connection.cursor() as cursor:
        cursor.execute(sql, {"skus": skus, "quantities": pieces, **facts})
        return cursor.fetchall() if cursor.description else []


def _check(quantity: object, *, least: int, field: str = "quantity") -> None:
    if type(quantity) is not int or not least <= quantity <= QUANTITY_MAX:
        raise Invalid(_("Give a whole number of pieces, %(least)d or more.") % {"least": least}, field=field)


def _out_of_stock(short: Sequence[tuple[Any, ...]]) -> OutOfStock:
    skus = {sku.pk: sku for sku in Sku.objects.filter(pk__in=[row[0] for row in short]).select_related("product")}
    facts = [
        {"sku": skus[sku_id].number, "sku_id": sku_id, "wanted": wanted, "left": left}
        for sku_id, wanted, left in short
        if sku_id in skus
    ]
    names = [
        _("%(product)s %(options)s: %(left)d left")
        % {
            "product": skus[fact["sku_id"]].product.title,
            "options": skus[fact["sku_id"]].option_text,
            "left": fact["left"],
        }
        for fact in facts
    ]
    return OutOfStock(
        _("Not enough in stock. %(skus)s. Choose fewer.") % {"skus": "; ".join(names)},
        field="quantity",
        extra={"skus": facts},
    )
