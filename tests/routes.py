"""Every address of the shop, what ``docs/access.toml`` says about it, and two worlds to try it with.

World one belongs to the five people who knock: 苏 Su (a customer), 阿禾 Ahe (a distributor), 云姐 Yun (a
supplier), a member of staff, and nobody. World two belongs to strangers, and each private text in it
carries ``CANARY``: nobody of world one may ever read it.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import URLPattern, URLResolver, get_resolver

from distributors.links.models import ShareLink
from distributors.payouts.models import Withdrawal
from distributors.stores.models import Store
from orders.checkout import cart
from orders.flow import aftersale
from orders.lifecycle.models import Order
from shop.accounts.actions import issue_tokens
from shop.accounts.models import User
from shop.catalogue.models import Product
from tests import world
from tests.orders import trade

FILE = Path(__file__).resolve().parent.parent / "docs" / "access.toml"
CANARY = "canary-7f3a"
ROLES = ("anonymous", "customer", "distributor", "supplier", "staff")
_TOLD = tomllib.loads(FILE.read_text(encoding="utf-8"))
GROUPS = {name: frozenset(roles) for name, roles in _TOLD["groups"].items()} | {
    role: frozenset([role]) for role in ROLES
}
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_GROUP = re.compile(r"\(\?P<(\w+)>([^)]*)\)")


@dataclass(frozen=True)
class Route:
    """One address: its pattern from the root, and the view behind it."""

    pattern: str
    view: Any

    @property
    def methods(self) -> list[str]:
        """The methods worth trying: those of an API view, else reading and sending a form."""
        api = getattr(self.view, "cls", None)
        if api is None:
            return ["GET", "POST"]
        return [name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(api, name)]

    @property
    def parameters(self) -> list[str]:
        return _PARAMETER.findall(self.pattern) + [name for name, _inside in _GROUP.findall(self.pattern)]

    def url(self, values: dict[str, str]) -> str:
        """Return the address with these values."""
        text = _GROUP.sub(lambda found: values[found.group(1)], self.pattern)
        text = _PARAMETER.sub(lambda found: values[found.group(1)], text)
        return "/" + text.replace("^", "").replace("$", "").replace("\\", "")


def routes() -> list[Route]:
    """Return every route of the resolver, in its order, each pattern once."""
    found: dict[str, Route] = {}
    for pattern, entry in _walk(get_resolver()):
        found.setdefault(pattern, Route(pattern, entry.callback))
    return list(found.values())


def _walk(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        pattern = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(entry, pattern)
        else:
            yield pattern, entry


@dataclass(frozen=True)
class Rule:
    """What the file says about a route."""

    may: frozenset[str]
    # "path": the address names a thing, which must be the caller's. "caller": rows are the caller's own.
    owner: str = ""
    # From a prefix: models differ in what may be done with them, so only refusals are promised.
    is_prefix: bool = False


@dataclass
class Access:
    """The file: rules by pattern and by prefix."""

    by_pattern: dict[str, Rule]
    by_prefix: dict[str, Rule]
    used: set[str] = field(default_factory=set)

    def rule(self, pattern: str) -> Rule | None:
        """Return the rule of a pattern, or of the longest prefix that covers it."""
        if pattern in self.by_pattern:
            self.used.add(pattern)
            return self.by_pattern[pattern]
        prefixes = [prefix for prefix in self.by_prefix if pattern.startswith(prefix)]
        if not prefixes:
            return None
        longest = max(prefixes, key=len)
        self.used.add(longest)
        return self.by_prefix[longest]


def access() -> Access:
    """Read the file."""

    def rule(facts: dict[str, Any], *, is_prefix: bool) -> Rule:
        return Rule(GROUPS[facts["may"]], facts.get("owner", ""), is_prefix)

    return Access(
        {name: rule(facts, is_prefix=False) for name, facts in _TOLD["routes"].items()},
        {name: rule(facts, is_prefix=True) for name, facts in _TOLD["prefixes"].items()},
    )


# --- two worlds -----------------------------------------------------------------------------------


@dataclass
class Things:
    """What one person of a world owns, by what it is called in addresses."""

    user: User
    order: Order
    order_waiting: Order
    part: str
    payment: str
    case: str
    address: str
    store: Store | None = None
    product: Product | None = None
    link: ShareLink | None = None
    withdrawal: Withdrawal | None = None
    sale: Order | None = None


def media_file() -> str:
    """Return the name of a picture that anybody may see."""
    name = "products/access-test.txt"
    if not default_storage.exists(name):
        default_storage.save(name, ContentFile(b"picture"))
    return name


def bought_by(user: User, tea: Product, *, secret: str = "") -> Things:
    """Let a person own one of everything that a customer owns."""
    address = world.address(user, detail=f"灵隐路 1 号 {secret}")
    waiting = world.place(user, [(tea, 1)], note=secret)
    order = world.place(user, [(tea, 2)], note=secret)
    trade.pay(order)
    trade.ship(order)
    (part,) = trade.parts(order)
    case = aftersale.open_aftersale(
        user=user,
        order_number=order.number,
        line=1,
        kind="refund_only",
        reason="other",
        quantity=1,
        text=secret,
        now=world.now(),
    )
    payment = trade.start(waiting, kind="native")
    cart.put_in(
        owner=cart.CartOwner(user=user),
        sku_number=world.sku_of(tea).number,
        quantity=1,
        store_code="",
        now=world.now(),
    )
    return Things(user, order, waiting, part.number, payment.number, case.number, address.number)


def token_of(user: User) -> str:
    """Return an access token of a person."""
    return issue_tokens(user=user, device="access test", now=world.now()).access
