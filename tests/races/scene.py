"""What the races are run on, made once for many rounds: wide orders, rich stores, people with tokens."""

from collections.abc import Sequence

from distributors.stores.models import Store
from orders.lifecycle.models import Order
from shop.accounts.actions import issue_tokens
from shop.accounts.models import User
from shop.catalogue.models import Product, Sku
from tests import world
from tests.distributors import desk
from tests.orders import trade


def token(user: User) -> str:
    """Return an access token of somebody."""
    return issue_tokens(user=user, device="race", now=world.now()).access


def rich(pieces: int = 10) -> Store:
    """Return 阿禾's store, which has earned ¥9.80 a piece by a sale that is completed, and a payee."""
    world.rule()
    store = world.store("阿禾 Ahe")
    sale = trade.bought((world.product(world.yunling(), "云岭白茶", pieces=10_000), pieces, store))
    trade.settle(trade.complete(sale))
    desk.payee(store)
    return store


def many_skus(title: str, count: int, *, pieces: int = 1_000) -> list[Sku]:
    """Return so many SKUs of one product of 云岭."""
    options = [f"第{number}号" for number in range(count)]
    made: Product = world.product(world.yunling(), title, options=options, pieces=pieces)
    return list(made.skus.order_by("position"))


def wide_order(skus: Sequence[Sku], store: Store | None = None, *, name: str = "苏 Su", pieces: int = 1) -> Order:
    """Return an order that waits for its money, with one line per SKU, sold by a store if one is named."""
    return trade.placed(*[(sku, pieces, store) if store else (sku, pieces) for sku in skus], name=name)


def wishes(*goods: tuple[Sku, int] | tuple[Sku, int, str]) -> list[tuple[str, int, str]]:
    """Return wishes as plain facts."""
    return [(sku.number, pieces, rest[0] if rest else "") for sku, pieces, *rest in goods]
