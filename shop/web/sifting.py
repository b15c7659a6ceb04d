"""What a list's reader chose beside the words: order, shelf, prices, supplier, what is there. Read from the address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shop.base.money import format_yuan
from shop.catalogue.listing import ORDERS, RELEVANCE, Wish
from shop.suppliers.models import Supplier
from shop.suppliers.states import SupplierState
from shop.web.shelf import Shelf, top_shelves

# What a list's address may say; a kept page heeds these and nothing else.
PARAMS = ("after", "sort", "low", "high", "stock", "free", "supplier")
PRICE_YUAN_MAX = 1_000_000

_TABS = (
    ("", gettext_lazy("Best match")),
    ("newest", gettext_lazy("Newest")),
    ("sold", gettext_lazy("Best selling")),
    ("price_low", gettext_lazy("Price ↑")),
    ("price_high", gettext_lazy("Price ↓")),
)


@dataclass(frozen=True, slots=True)
class Tab:
    """One order a list can have, and the address of it."""

    label: str
    url: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Sieve:
    """The choices of one reader. ``low`` and ``high`` as she typed them; ``problem`` says what was wrong with them."""

    sort: str
    low: str
    high: str
    low_fen: int | None
    high_fen: int | None
    in_stock: bool
    is_delivered_free: bool
    supplier: Supplier | None
    problem: str

    @property
    def is_narrow(self) -> bool:
        """Whether anything but the order was chosen."""
        return any(
            (self.low_fen is not None, self.high_fen is not None, self.in_stock, self.is_delivered_free, self.supplier)
        )

    def wish(self, **more: Any) -> Wish:
        """Return the wish for a list of what passes."""
        return Wish(
            low_fen=self.low_fen,
            high_fen=self.high_fen,
            in_stock=self.in_stock,
            is_delivered_free=self.is_delivered_free,
            supplier_id=self.supplier.pk if self.supplier else None,
            **more,
        )

    def order(self, *, has_words: bool) -> Sequence[str]:
        """Return the order of the list: what fits best first where there are words, else the newest."""
        return ORDERS.get(self.sort, RELEVANCE if has_words else ORDERS["newest"])


def sieve_of(params: QueryDict) -> Sieve:
    """Read the choices of an address. What makes no sense is left out and said; one statement with a supplier."""
    low, high = params.get("low", "").strip()[:12], params.get("high", "").strip()[:12]
    low_fen, high_fen = _fen(low), _fen(high)
    is_wrong = (low and low_fen is None) or (high and high_fen is None)
    if low_fen is not None and high_fen is not None and low_fen > high_fen:
        low, high, low_fen, high_fen = high, low, high_fen, low_fen
    code = params.get("supplier", "")[:24]
    supplier = Supplier.objects.filter(code=code, state=SupplierState.ACTIVE).first() if code else None
    sort = params.get("sort", "")
    return Sieve(
        sort=sort if sort in ORDERS else "",
        low=low,
        high=high,
        low_fen=low_fen,
        high_fen=high_fen,
        in_stock=params.get("stock") == "1",
        is_delivered_free=params.get("free") == "1",
        supplier=supplier,
        problem=_("Give prices in yuan, like 9.90.") if is_wrong else "",
    )


def sieve_context(
    request: HttpRequest, sieve: Sieve, *, has_words: bool, categories: Sequence[Shelf] = ()
) -> dict[str, Any]:
    """Return what the row of orders and the sheet of filters show."""
    tabs = [
        Tab(str(label), _here(request, sort=name, after=""), sieve.sort == name)
        for name, label in _TABS
        if name != ("newest" if not has_words else None)
    ]
    if not has_words:
        # Without words nothing fits better than anything else: the newest come first.
        tabs[0] = Tab(_("Newest"), _here(request, sort="", after=""), sieve.sort in ("", "newest"))
    chips = []
    if sieve.low_fen is not None or sieve.high_fen is not None:
        chips.append(Tab(_price_text(sieve), _here(request, low="", high="", after=""), is_chosen=True))
    if sieve.in_stock:
        chips.append(Tab(_("In stock"), _here(request, stock="", after=""), is_chosen=True))
    if sieve.is_delivered_free:
        chips.append(Tab(_("Free delivery"), _here(request, free="", after=""), is_chosen=True))
    if sieve.supplier:
        chips.append(Tab(sieve.supplier.name, _here(request, supplier="", after=""), is_chosen=True))
    return {"sieve": sieve, "tabs": tabs, "chips": chips, "sieve_categories": categories}


def shelf_chosen(code: str) -> tuple[Shelf | None, int | None, list[Shelf]]:
    """Return the top shelf of this code with its key, and all of them to choose from. One statement."""
    shelves = top_shelves()
    chosen = next((one for one in shelves if one.code == code), None)
    return chosen, chosen.pk if chosen else None, shelves


def _fen(text: str) -> int | None:
    whole, _dot, rest = text.partition(".")
    rest = rest.ljust(2, "0")
    if not (whole.isascii() and whole.isdigit() and rest.isascii() and rest.isdigit() and len(rest) == 2):
        return None
    return int(whole) * 100 + int(rest) if int(whole) <= PRICE_YUAN_MAX else None


def _price_text(sieve: Sieve) -> str:
    low = f"¥{format_yuan(sieve.low_fen)}" if sieve.low_fen is not None else ""
    high = f"¥{format_yuan(sieve.high_fen)}" if sieve.high_fen is not None else ""
    return (f"{low} – {high}" if low and high else (f"≥ {low}" if low else f"≤ {high}")).replace(".00", "")


def _here(request: HttpRequest, **changes: str) -> str:
    query: Mapping[str, str] = {**request.GET.dict(), **changes}
    kept = QueryDict(mutable=True)
    for name, value in query.items():
        if value:
            kept[name] = value
    return f"{request.path}?{kept.urlencode()}" if kept else request.path
