"""Which texts there are and in which version. A changed text gets a new version: agreeing to it is a new act."""

from dataclasses import dataclass
from datetime import datetime, tzinfo

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Purpose:
    """What one agrees to: its text's version, what it covers, and what follows from taking it back."""

    code: str
    version: str
    title: str | Promise
    covers: str | Promise
    consequence: str | Promise
    may_withdraw: bool


PURPOSES = {
    purpose.code: purpose
    for purpose in (
        Purpose(
            "service",
            "2026-11",
            _("Using Linjia"),
            _("Your phone, addresses and orders, so that what you buy reaches you."),
            _("Without it there is no account. To take it back, delete your account below."),
            may_withdraw=False,
        ),
        Purpose(
            "identity",
            "2026-11",
            _("Real name and identity number"),
            _(
                "Asked for separately when you say where your earnings are paid: the tax office and WeChat want to know."
            ),
            _("Taking it back removes your payout account: nothing can be withdrawn until you agree again."),
            may_withdraw=True,
        ),
        Purpose(
            "news",
            "2026-11",
            _("News and offers"),
            _("Messages about offers of the stores you know. Messages about your own orders always come."),
            _("You get no more offers. Nothing else changes."),
            may_withdraw=True,
        ),
    )
}


def years_after(moment: datetime, years: int, zone: tzinfo) -> datetime:
    """Return the same day and time ``years`` later by the calendar of ``zone``, never earlier: a leap day becomes March 1."""
    local = moment.astimezone(zone)
    try:
        return local.replace(year=local.year + years)
    except ValueError:
        return local.replace(year=local.year + years, month=3, day=1)
