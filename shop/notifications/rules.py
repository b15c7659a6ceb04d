"""The words of each kind of notification, made from plain facts in the reader's language."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from shop.base.money import format_yuan

# Facts named ``…_fen`` are shown as yuan under the same name without the suffix.
TEXTS: dict[str, tuple[str | Promise, str | Promise]] = {
    "order_paid": (_("Payment received"), _("Order %(order)s is paid: ¥%(amount)s.")),
    "order_to_ship": (_("New order to ship"), _("Order %(order)s waits for your parcel.")),
    "order_expired": (_("Order cancelled"), _("Order %(order)s was not paid in time.")),
    "order_shipped": (_("On its way"), _("%(carrier)s %(tracking)s, order %(order)s.")),
    "order_received": (_("Received"), _("Order %(order)s was received.")),
    "order_cancelled": (_("Order cancelled"), _("Order %(order)s: %(reason)s")),
    "refund_sent": (_("Refund on its way"), _("¥%(amount)s of order %(order)s is going back to you.")),
    "refund_succeeded": (_("Refund arrived"), _("¥%(amount)s of order %(order)s came back to you.")),
    "refund_failed": (_("Refund needs a person"), _("Refund %(refund)s failed: %(reason)s")),
    "late_payment_refunded": (
        _("Paid too late"),
        _("Order %(order)s had ended; your ¥%(amount)s is going back to you."),
    ),
    "second_payment_refunded": (
        _("Paid twice"),
        _("Order %(order)s was paid already; your ¥%(amount)s is going back to you."),
    ),
    "aftersale_opened": (_("New after-sale"), _("Order %(order)s: %(reason)s, ¥%(amount)s.")),
    "aftersale_agreed": (_("After-sale agreed"), _("After-sale %(aftersale)s was agreed.")),
    "aftersale_rejected": (_("After-sale rejected"), _("After-sale %(aftersale)s: %(reason)s")),
    "aftersale_message": (_("A word about your after-sale"), _("After-sale %(aftersale)s: %(text)s")),
    "aftersale_closed": (_("After-sale closed"), _("After-sale %(aftersale)s is closed.")),
    "review_written": (_("New review"), _("%(product)s: %(stars)s stars.")),
    "review_answered": (_("The supplier answered your review"), _("%(product)s: %(answer)s")),
    "review_hidden": (_("Your review is hidden"), _("%(product)s: %(reason)s")),
    "commission_accrued": (_("A sale came in"), _("Order %(order)s will bring you ¥%(amount)s.")),
    "commission_clawed_back": (
        _("Commission taken back"),
        _("¥%(amount)s of order %(order)s went back because of a refund."),
    ),
    "commission_settled": (_("Commission available"), _("¥%(amount)s can be withdrawn now.")),
    "withdrawal_waiting": (
        _("Confirm your withdrawal"),
        _("Confirm ¥%(amount)s in WeChat within 24 hours."),
    ),
    "withdrawal_paid": (_("Withdrawal paid"), _("¥%(amount)s was paid to you.")),
    "withdrawal_failed": (
        _("Withdrawal came back"),
        _("¥%(amount)s is available again: %(reason)s"),
    ),
    "withdrawal_rejected": (_("Withdrawal rejected"), _("¥%(amount)s is available again: %(reason)s")),
    "distributor_approved": (_("Welcome"), _("Your store %(store)s is open.")),
    "distributor_rejected": (_("Application declined"), _("%(reason)s")),
    "distributor_suspended": (_("Store suspended"), _("%(reason)s")),
    "statement_closed": (_("New statement"), _("Statement %(statement)s waits for you: ¥%(amount)s.")),
    "export_ready": (_("Your data is ready"), _("The file with everything about you waits on the privacy page.")),
    "account_stays": (_("Your account was not deleted"), _("%(reason)s")),
    "favourite_back": (_("Back in stock"), _("%(product)s can be had again, for ¥%(amount)s.")),
    "favourite_cheaper": (_("Cheaper now"), _("%(product)s: ¥%(amount)s instead of ¥%(was)s.")),
    "product_reviewed": (_("Product reviewed"), _("%(product)s: %(result)s")),
}


def render(kind: str, facts: Mapping[str, Any]) -> tuple[str, str]:
    """Return title and text of a notification. Raises ``KeyError`` for an unknown kind or a missing fact."""
    title, text = TEXTS[kind]
    shown = dict(facts)
    for name, value in facts.items():
        if name.endswith("_fen"):
            shown[name.removesuffix("_fen")] = format_yuan(int(value))
    return str(title), str(text) % shown


# What a message is about, by how its kind begins; what fits nowhere is about the account.
GROUPS: dict[str, str | Promise] = {
    "orders": _("Orders and parcels"),
    "money_back": _("Refunds and returns"),
    "store": _("My store"),
    "kept": _("What I keep"),
    "account": _("Account and other"),
}
_BEGINNINGS = {
    "orders": ("order_", "review_"),
    "money_back": ("refund_", "aftersale_", "late_payment_", "second_payment_"),
    "kept": ("favourite_",),
    "store": ("commission_", "withdrawal_", "distributor_", "statement_", "product_reviewed"),
}


def group_of(kind: str) -> str:
    """Return what a kind of message is about: a key of ``GROUPS``."""
    return next((group for group, starts in _BEGINNINGS.items() if kind.startswith(starts)), "account")


def kinds_of(group: str) -> list[str]:
    """Return the kinds of one group."""
    return [kind for kind in TEXTS if group_of(kind) == group]


# Where a message leads whose writer did not say: addresses that floors above serve, by how the kind begins.
_PLACES = {
    "order_to_ship": "/supplier/",
    "order_": "/orders/%(order)s/",
    "late_payment_": "/orders/%(order)s/",
    "second_payment_": "/orders/%(order)s/",
    "refund_": "/orders/%(order)s/",
    "aftersale_opened": "/supplier/",
    "aftersale_": "/after-sales/%(aftersale)s/",
    "favourite_": "/p/%(number)s/",
    "commission_": "/dashboard/",
    "withdrawal_": "/dashboard/withdrawals/",
    "distributor_": "/dashboard/",
    "review_written": "/supplier/",
    "product_reviewed": "/supplier/",
}


def place_of(kind: str, facts: Mapping[str, Any]) -> str:
    """Return the page a message speaks of, "" when there is none or a fact is missing."""
    pattern = next((place for start, place in _PLACES.items() if kind.startswith(start)), "")
    try:
        return pattern % facts
    except KeyError:
        return ""
