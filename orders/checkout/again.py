"""Buying again what was bought once: into the cart with what is still to be had."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from orders.checkout.cart import CartOwner, put_in
from orders.lifecycle.models import OrderLine
from shop.base.errors import DomainError


@dataclass(frozen=True, slots=True)
class Missing:
    """A line that could not be bought again, and why."""

    title: str
    why: str


@dataclass(frozen=True, slots=True)
class BoughtAgain:
    """What went into the cart, and what did not."""

    put_in: tuple[str, ...]
    missing: tuple[Missing, ...]


def buy_again(*, owner: CartOwner, lines: Iterable[OrderLine], now: datetime) -> BoughtAgain:
    """Put the goods of these lines into the cart, each as often as it was bought, at today's price.

    What is no longer for sale, or not in that number, is left out and said. A line at a time: a full cart keeps what
    went in before.
    """
    done: list[str] = []
    missing: list[Missing] = []
    for line in lines:
        store_code = line.store.code if line.store else ""
        try:
            put_in(owner=owner, sku_number=line.sku.number, quantity=line.quantity, store_code=store_code, now=now)
        except DomainError as error:
            missing.append(Missing(line.title, str(error)))
        else:
            done.append(line.title)
    return BoughtAgain(tuple(done), tuple(missing))
