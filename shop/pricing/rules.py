"""What a SKU costs whom: the four prices, the unit price of an offer, the price of a line. Fen only."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.utils.translation import gettext_lazy as _

from shop.base.errors import Conflict, Invalid
from shop.base.money import format_yuan, share_bp

PRICE_MAX_FEN = 10**11  # a thousand million yuan
QUANTITY_MAX = 9_999

# The band a store may price in where the supplier names none: a tenth below, three tenths above.
FLOOR_BP = 9_000
CEILING_BP = 13_000


@dataclass(frozen=True, slots=True)
class Offer:
    """What a SKU is offered at. ``own_fen`` is the price a store set itself, None for the retail price."""

    sku_id: int
    supply_fen: int
    retail_fen: int
    floor_fen: int
    ceiling_fen: int
    own_fen: int | None = None


@dataclass(frozen=True, slots=True)
class LinePrice:
    """The price of one line: each piece to the customer, each to the supplier, all pieces together."""

    unit_fen: int
    supply_unit_fen: int
    goods_fen: int


@dataclass(frozen=True, slots=True)
class Prices:
    """The four prices of a SKU and the one that is struck through beside them."""

    supply_fen: int
    retail_fen: int
    floor_fen: int
    ceiling_fen: int
    compare_at_fen: int | None = None


class PriceOutOfBand(Conflict):
    """A store's own price lies outside what the supplier allows now."""

    code = "price_out_of_band"


def unit_price_fen(offer: Offer) -> int:
    """Return what one piece costs a customer.

    Raises :class:`PriceOutOfBand` (field ``price``) when the store's own price is not between floor
    and ceiling; it is never bent to fit, for that would charge what nobody showed.
    """
    if offer.own_fen is None:
        return offer.retail_fen
    if not offer.floor_fen <= offer.own_fen <= offer.ceiling_fen:
        raise PriceOutOfBand(
            _("The price must be between ¥%(floor)s and ¥%(ceiling)s.")
            % {"floor": format_yuan(offer.floor_fen), "ceiling": format_yuan(offer.ceiling_fen)},
            field="price",
            extra={"floor_fen": offer.floor_fen, "ceiling_fen": offer.ceiling_fen},
        )
    return offer.own_fen


def line_price(offer: Offer, quantity: int) -> LinePrice:
    """Return the price of ``quantity`` pieces. Raises ``Invalid`` and :class:`PriceOutOfBand`."""
    unit_fen = unit_price_fen(offer)
    return LinePrice(unit_fen, offer.supply_fen, unit_fen * check_quantity(quantity))


def check_quantity(quantity: object) -> int:
    """Return a number of pieces that can be bought: a whole number from 1 to 9,999.

    Raises ``Invalid`` (field ``quantity``) for anything else, whatever its type.
    """
    if type(quantity) is not int or not 1 <= quantity <= QUANTITY_MAX:
        raise Invalid(
            _("Choose a whole number of pieces from 1 to %(max)d.") % {"max": QUANTITY_MAX},
            field="quantity",
        )
    return quantity


def with_own_prices(offers: Mapping[int, Offer], own_fen: Mapping[int, int]) -> dict[int, Offer]:
    """Return the offers of a store that set some prices itself, by SKU id."""
    return {sku_id: replace(offer, own_fen=own_fen.get(sku_id)) for sku_id, offer in offers.items()}


def band(*, supply_fen: int, retail_fen: int) -> tuple[int, int]:
    """Return floor and ceiling where the supplier names none: 90 % (at least supply) and 130 % of retail."""
    floor_fen = min(max(share_bp(retail_fen, FLOOR_BP), supply_fen), retail_fen)
    return floor_fen, max(share_bp(retail_fen, CEILING_BP), retail_fen)


def check_prices(prices: Prices) -> Prices:
    """Return the prices if supply ≤ floor ≤ retail ≤ ceiling. Raises ``Invalid`` naming the field."""
    for name in ("retail_fen", "supply_fen", "floor_fen", "ceiling_fen", "compare_at_fen"):
        value = getattr(prices, name)
        if value is None and name == "compare_at_fen":
            continue
        if type(value) is not int or not 0 <= value <= PRICE_MAX_FEN:
            raise Invalid(_("A price is a whole number of fen, 0 or more."), field=name)
    if prices.retail_fen == 0:
        raise Invalid(_("The retail price must be above zero."), field="retail_fen")
    if prices.supply_fen > prices.retail_fen:
        raise Invalid(_("The supply price cannot be above the retail price."), field="supply_fen")
    if not prices.supply_fen <= prices.floor_fen <= prices.retail_fen:
        raise Invalid(_("The floor price must be between the supply and the retail price."), field="floor_fen")
    if prices.ceiling_fen < prices.retail_fen:
        raise Invalid(_("The ceiling price cannot be below the retail price."), field="ceiling_fen")
    return prices
