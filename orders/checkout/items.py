"""What a customer wishes for, and how much of it one cart or order can hold."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from shop.base.errors import Invalid

QUANTITY_MAX = 999
LINES_MAX = 100


@dataclass(frozen=True, slots=True)
class Item:
    """One wish: a SKU, how many, and the store it was seen in ("" for none)."""

    sku_number: str
    quantity: int
    store_code: str = ""


def check_quantity(quantity: object, *, field: str = "quantity") -> int:
    """Return a quantity of one line: a whole number from 1 to 999. Raises ``Invalid``."""
    if type(quantity) is not int or not 1 <= quantity <= QUANTITY_MAX:
        raise Invalid(
            _("Choose a whole number of pieces from 1 to %(max)d.") % {"max": QUANTITY_MAX},
            field=field,
        )
    return quantity


def check_items(items: Sequence[Item]) -> tuple[Item, ...]:
    """Return the items of an order if there are 1 to 100 with good quantities.

    Raises ``Invalid``; its field says which item: ``items.0.quantity``.
    """
    if not 1 <= len(items) <= LINES_MAX:
        raise Invalid(_("Choose 1 to %(max)d different goods at a time.") % {"max": LINES_MAX}, field="items")
    for index, item in enumerate(items):
        check_quantity(item.quantity, field=f"items.{index}.quantity")
    return tuple(items)


def pieces_by_sku(wishes: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Sum (SKU id, quantity) pairs: two lines of one SKU need its pieces together."""
    wanted: Counter[int] = Counter()
    for sku_id, quantity in wishes:
        wanted[sku_id] += quantity
    return dict(wanted)
