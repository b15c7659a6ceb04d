"""What delivery costs: which rule of a template counts for a place, and the price it gives. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise, lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from shop.base.money import format_yuan

PRICE_MAX_FEN = 10**9
UNITS_MAX = 10**9


class Basis(StrEnum):
    """What a template counts: pieces, or grams."""

    PIECE = "piece"
    WEIGHT = "weight"


@dataclass(frozen=True, slots=True)
class Rule:
    """The price for one place. An empty ``region_code`` is the whole country.

    Units are pieces or grams. ``free_above_fen``: goods paid at or above it travel free.
    """

    region_code: str = ""
    is_deliverable: bool = True
    first_units: int = 1
    first_fen: int = 0
    continued_units: int = 1
    continued_fen: int = 0
    free_above_fen: int | None = None
    region_names: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A price list, with the one rule that counts for the place asked about; None: nobody goes there."""

    name: str
    basis: str
    rule: Rule | None


@dataclass(frozen=True, slots=True)
class FreightQuote:
    """What delivery of one supplier's parcel costs, and why. 0 fen when it cannot be delivered.

    Sentences are put into words when they are read: placing an order needs the sum alone.
    """

    fen: int
    is_deliverable: bool
    explanation: tuple[str | Promise, ...] = ()


def match(rules: Sequence[Rule], lineage: Sequence[str]) -> Rule | None:
    """Return the rule of the smallest place around an address, else the whole country's, else None.

    ``lineage`` are the codes from the province down to the address itself.
    """
    depth = {code: place for place, code in enumerate(["", *lineage])}
    around = [rule for rule in rules if rule.region_code in depth]
    return max(around, key=lambda rule: depth[rule.region_code], default=None)


def quote(*, template: Template, units: Mapping[str, int], goods_fen: int) -> FreightQuote:
    """Return what delivery costs and how that comes about.

    ``units`` are the ``piece`` and ``weight`` (grams) of the parcel, ``goods_fen`` what is paid for
    its goods. No rule means not deliverable, never free. Begun units count as whole ones; a parcel
    has at least one. Raises ``ValueError`` for negative units or money.
    """
    count = units.get(template.basis, 0)
    if count < 0 or goods_fen < 0:
        raise ValueError("quote() takes units and money that are not negative")
    rule = template.rule
    if rule is None or not rule.is_deliverable:
        return FreightQuote(0, False, (_NOT_THERE,))
    free_above_fen = rule.free_above_fen
    if free_above_fen is not None and goods_fen >= free_above_fen:
        if free_above_fen == 0:
            return FreightQuote(0, True, (_FREE,))
        return FreightQuote(0, True, (_free_from(free_above_fen),))
    steps = _steps(max(count, 1), rule)
    fen = rule.first_fen + steps * rule.continued_fen
    if fen == 0:
        return FreightQuote(0, True, (_FREE,))
    explanation: list[str | Promise] = [_first(template.basis, rule)]
    if steps and rule.continued_fen:
        explanation.append(_continued(template.basis, rule, steps))
    if free_above_fen is not None:
        explanation.append(_missing(free_above_fen - goods_fen))
    return FreightQuote(fen, True, tuple(explanation))


def join_quotes(quotes: Sequence[FreightQuote]) -> FreightQuote:
    """Return the quote of a parcel whose goods follow several templates: all of it, or not deliverable."""
    if len(quotes) == 1:
        return quotes[0]
    if not quotes or not all(one.is_deliverable for one in quotes):
        stuck = [text for one in quotes if not one.is_deliverable for text in one.explanation]
        return FreightQuote(0, False, tuple(dict.fromkeys(stuck or [_NOT_THERE])))
    texts = dict.fromkeys(text for one in quotes for text in one.explanation)
    fen = sum(one.fen for one in quotes)
    if fen:
        texts.pop(_FREE, None)
    return FreightQuote(fen, True, tuple(texts))


def _steps(count: int, rule: Rule) -> int:
    """How many continued units are begun beyond the first ones."""
    beyond = max(0, count - rule.first_units)
    return -(-beyond // rule.continued_units)


def _first_text(basis: str, rule: Rule) -> str:
    return _("¥%(amount)s for the first %(units)s.") % {
        "amount": format_yuan(rule.first_fen),
        "units": _units_text(basis, rule.first_units),
    }


def _continued_text(basis: str, rule: Rule, steps: int) -> str:
    text = ngettext(
        "¥%(amount)s for each further %(units)s, %(steps)d time.",
        "¥%(amount)s for each further %(units)s, %(steps)d times.",
        steps,
    )
    return text % {
        "amount": format_yuan(rule.continued_fen),
        "units": _units_text(basis, rule.continued_units),
        "steps": steps,
    }


def _free_from_text(fen: int) -> str:
    return _("Free delivery from ¥%(amount)s.") % {"amount": format_yuan(fen)}


def _missing_text(fen: int) -> str:
    return _("Add ¥%(amount)s of goods for free delivery.") % {"amount": format_yuan(fen)}


def _units_text(basis: str, units: int) -> str:
    if basis == Basis.PIECE:
        return ngettext("%(count)d piece", "%(count)d pieces", units) % {"count": units}
    if units % 1000 == 0:
        return _("%(count)d kg") % {"count": units // 1000}
    return _("%(count)d g") % {"count": units}


_NOT_THERE = gettext_lazy("Cannot be delivered to this address.")
_FREE = gettext_lazy("Free delivery.")
_first, _continued = lazy(_first_text, str), lazy(_continued_text, str)
_free_from, _missing = lazy(_free_from_text, str), lazy(_missing_text, str)
