"""What is true of parcels: what can be in one, and how many a supplier order may have. Pure."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from shop.base.errors import Conflict, Invalid

# As many as a payment channel accepts for one order.
PARCELS_MAX = 15
CARRIER_LENGTH_MAX = 40
TRACKING_NUMBER_LENGTH_MAX = 40
EVENT_LENGTH_MAX = 200


class NothingToShip(Conflict):
    """More would be sent than was ordered and not given back."""

    code = "nothing_to_ship"


def still_to_ship(
    *, ordered: Mapping[int, int], refunded: Mapping[int, int], shipped: Mapping[int, int]
) -> dict[int, int]:
    """Return the pieces of each line that may still be sent, by line number; lines with none left out.

    Pieces given back before they were sent need no parcel.
    """
    left = {line: quantity - max(refunded.get(line, 0), 0) - shipped.get(line, 0) for line, quantity in ordered.items()}
    return {line: quantity for line, quantity in left.items() if quantity > 0}


def check_contents(quantities: Mapping[int, int] | None, *, left: Mapping[int, int]) -> dict[int, int]:
    """Return what goes into a parcel by line number; None stands for everything that is left.

    Raises ``Invalid`` (quantities) for unknown lines and odd numbers, :class:`NothingToShip`.
    """
    contents = dict(left if quantities is None else quantities)
    if not contents:
        raise NothingToShip(_("Everything was sent already."))
    for line, quantity in contents.items():
        if type(quantity) is not int or quantity < 1:
            raise Invalid(
                _("Give a whole number of pieces, 1 or more, for line %(line)s.") % {"line": line},
                field="quantities",
            )
        if quantity > left.get(line, 0):
            raise NothingToShip(
                _("Line %(line)s has %(left)d pieces left to send.") % {"line": line, "left": left.get(line, 0)},
                field="quantities",
                extra={"line": line, "left": left.get(line, 0)},
            )
    return contents


def clean_text(text: str, *, field: str, longest: int) -> str:
    """Return a carrier's name, tracking number or event without stray blanks. Raises ``Invalid``."""
    clean = " ".join(text.split())
    if not 1 <= len(clean) <= longest or not clean.isprintable():
        raise Invalid(
            _("Enter 1 to %(max)d characters.") % {"max": longest},
            field=field,
        )
    return clean
