"""An order's rows as the database takes them: one call for the order, its parts and its lines."""

from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection, models

from orders.lifecycle.models import Order, OrderLine, SupplierOrder, new_order_number, new_supplier_order_number
from orders.lifecycle.rules import LineDraft, OrderDraft, PartDraft, adds_up
from shop.base.locks import require_transaction
from shop.privacy.fields import SealedField


def _initial(model: type[models.Model]) -> dict[str, Any]:
    """Return what the columns of a new row hold where the draft says nothing."""
    return {str(field.column): field.get_default() for field in model._meta.concrete_fields if not field.primary_key}


_NEW_ORDER, _NEW_PART, _NEW_LINE = _initial(Order), _initial(SupplierOrder), _initial(OrderLine)
# Columns that have another form at rest than in Python.
_SEALED: list[tuple[str, SealedField]] = [
    (str(field.column), field) for field in Order._meta.concrete_fields if isinstance(field, SealedField)
]
_LINE_FACTS = tuple(LineDraft.__slots__)


@dataclass(frozen=True, slots=True)
class OrderRows:
    """A placed order as rows: what it was drafted as, its numbers, and the parameters of ``lifecycle_place``."""

    draft: OrderDraft
    number: str
    part_numbers: tuple[str, ...]
    json: tuple[str, str, str]


def order_rows(draft: OrderDraft) -> OrderRows:
    """Return the rows of a draft, with new numbers.

    Lines are numbered 1, 2, 3 … through the parts. Raises ``ValueError`` for a draft that does not
    add up: that is a fault of the caller, never of a customer.
    """
    if not adds_up(draft):
        raise ValueError("the draft's amounts do not add up")
    number = new_order_number()
    numbers = tuple(new_supplier_order_number() for _part in draft.parts)
    parts = [_part(draft, part, number) for part, number in zip(draft.parts, numbers, strict=True)]
    numbered = enumerate(((part, line) for part in draft.parts for line in part.lines), start=1)
    lines = [{"supplier_id": part.supplier_id, "line": _line(number, line)} for number, (part, line) in numbered]
    return OrderRows(draft, number, numbers, (_json(_order_row(draft, number)), _json(parts), _json(lines)))


def create_order(*, draft: OrderDraft) -> Order:
    """Write down an order with its parts and lines, in one statement whatever their number.

    Raises what :func:`order_rows` raises.
    """
    require_transaction()
    rows = order_rows(draft)
    with connection.cursor() as cursor:
        cursor.execute("SELECT lifecycle_place(%s::json, %s::json, %s::json)", rows.json)
        (order_id,) = cursor.fetchone()
    return stored(rows, order_id)


def stored(rows: OrderRows, order_id: int) -> Order:
    """Return the order that the database has just written from these rows."""
    order = Order(pk=order_id, number=rows.number, **_facts(rows.draft))
    order._state.adding = False  # noqa: SLF001
    order._state.db = connection.alias  # noqa: SLF001
    return order


def _json(rows: Any) -> str:
    return orjson.dumps(rows).decode()


def _facts(draft: OrderDraft) -> dict[str, Any]:
    """Return what the draft says of an order, by column; the order's own columns are called like its fields."""
    to = draft.recipient
    return {
        "user_id": draft.user_id,
        "goods_fen": draft.goods_fen,
        "discount_fen": draft.discount_fen,
        "freight_fen": draft.freight_fen,
        "payable_fen": draft.payable_fen,
        "recipient_name": to.name,
        "recipient_phone": to.phone,
        "region_code": to.region_code,
        "region_names": to.region_names,
        "address_detail": to.detail,
        "note": draft.note,
        "placed_at": draft.placed_at,
        "expires_at": draft.expires_at,
    }


def _order_row(draft: OrderDraft, number: str) -> dict[str, Any]:
    row = _NEW_ORDER | _facts(draft) | {"number": number}
    for column, field in _SEALED:
        row[column] = field.sealed(row[column])
    return row


def _part(draft: OrderDraft, part: PartDraft, number: str) -> dict[str, Any]:
    return _NEW_PART | {
        "number": number,
        "supplier_id": part.supplier_id,
        "goods_fen": part.goods_fen,
        "discount_fen": part.discount_fen,
        "freight_fen": part.freight_fen,
        "payable_fen": part.payable_fen,
        "placed_at": draft.placed_at,
    }


def _line(number: int, line: LineDraft) -> dict[str, Any]:
    facts = {name: getattr(line, name) for name in _LINE_FACTS}
    return _NEW_LINE | facts | {"line": number, "credit_evidence": dict(line.credit_evidence)}
