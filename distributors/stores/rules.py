"""What a store may call itself and how it may price. Pure."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from shop.base.errors import Invalid
from shop.base.money import format_yuan
from shop.pricing.rules import Offer

NAME_LENGTH_MAX = 40
ANNOUNCEMENT_LENGTH_MAX = 200
INTRODUCTION_LENGTH_MAX = 300
TITLE_LENGTH_MAX = 120
REASON_LENGTH_MAX = 200


def checked_text(text: object, *, field: str, longest: int, shortest: int = 0) -> str:
    """Return a text without outer blanks. Raises ``Invalid`` (``field``) when it does not fit."""
    if not isinstance(text, str):
        raise Invalid(_("This must be a text."), field=field)
    clean = text.strip()
    if len(clean) < shortest:
        raise Invalid(_("This may not be empty."), field=field)
    if len(clean) > longest:
        raise Invalid(
            ngettext("Use at most %(longest)d character.", "Use at most %(longest)d characters.", longest)
            % {"longest": longest},
            field=field,
        )
    if not all(character.isprintable() or character == "\n" for character in clean):
        raise Invalid(_("This contains characters that cannot be shown."), field=field)
    return clean


def check_own_prices(prices: Mapping[int, int], offers: Mapping[int, Offer]) -> None:
    """Refuse own prices (SKU id → fen) outside the supplier's band.

    Raises ``Invalid`` (field ``prices``) naming the band; also for a SKU that is not offered.
    """
    for sku_id, price_fen in prices.items():
        offer = offers.get(sku_id)
        if offer is None:
            raise Invalid(_("You can only set prices of this product's own options."), field="prices")
        # bool is an int to Python, but True is no price.
        if type(price_fen) is not int:
            raise Invalid(_("A price is a whole number of fen."), field="prices")
        if not offer.floor_fen <= price_fen <= offer.ceiling_fen:
            raise Invalid(
                _("The price must be between ¥%(floor)s and ¥%(ceiling)s.")
                % {
                    "floor": format_yuan(offer.floor_fen),
                    "ceiling": format_yuan(offer.ceiling_fen),
                },
                field="prices",
                extra={"floor_fen": offer.floor_fen, "ceiling_fen": offer.ceiling_fen},
            )
