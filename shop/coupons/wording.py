"""Coupons in words: what one does, and why one does not count."""

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from shop.base.money import format_yuan
from shop.coupons.rules import PERCENT, Refusal

_REASONS: dict[str, str | Promise] = {
    "paused": _("This coupon is paused for now."),
    "not_yet": _("It cannot be used yet."),
    "expired": _("Its time is over."),
    "not_new": _("It is for your first order only."),
    "out_of_scope": _("None of these goods are in its range."),
    "budget_spent": _("What this coupon may give is spent."),
    "no_room": _("These goods cost too little for it."),
    "not_combined": _("It does not add up with the coupon you chose. Leave that one out to use this."),
    "unknown": _("You do not hold this coupon, or it was used already."),
}


def reason(refusal: Refusal) -> str:
    """Return why a piece takes nothing off, with the way out where there is one."""
    if refusal.code == "below_minimum":
        return gettext("¥%(amount)s more of the goods in its range, and it counts.") % {
            "amount": format_yuan(refusal.missing_fen)
        }
    return reason_text(refusal.code)


def reason_text(code: str) -> str:
    """Return the words of a reason that needs no figure."""
    return str(_REASONS[code])


def benefit(*, kind: str, amount_fen: int, percent_bp: int, ceiling_fen: int, min_fen: int) -> str:
    """Return what a coupon does in one line: ``¥20 off goods from ¥100``."""
    facts = {
        "amount": short_yuan(amount_fen),
        "percent": f"{percent_bp / 100:g}",
        "ceiling": short_yuan(ceiling_fen),
        "min": short_yuan(min_fen),
    }
    if kind == PERCENT:
        if min_fen:
            return gettext("%(percent)s %% off goods from ¥%(min)s, ¥%(ceiling)s at most") % facts
        return gettext("%(percent)s %% off, ¥%(ceiling)s at most") % facts
    if min_fen:
        return gettext("¥%(amount)s off goods from ¥%(min)s") % facts
    return gettext("¥%(amount)s off") % facts


def short_yuan(amount_fen: int) -> str:
    """Return an amount without needless decimals: ``20`` or ``9.90``."""
    return format_yuan(amount_fen).removesuffix(".00")
