"""The chart of accounts: every account path, its rule, and which journal may move what where.

Pure data and text; the database's checks and ``verify_ledger`` are made from the same rules, so the
patterns stay within what Python and PostgreSQL both read the same way.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from shop.base.errors import Invalid

# Without an upper bound, which would make PostgreSQL's matching many times slower; names are
# bounded where they are made, below.
CODE = "[A-Za-z0-9_-]+"
CODE_LENGTH_MAX = 40
PATH_LENGTH_MAX = 100
_CODE = re.compile(CODE)
PLATFORM = "platform"


class AccountKind(TextChoices):
    """What an account is. Debits raise an asset or an expense, credits raise the others."""

    ASSET = "asset", _("Asset")
    LIABILITY = "liability", _("Liability")
    INCOME = "income", _("Income")
    EXPENSE = "expense", _("Expense")

    @property
    def grows_by_debit(self) -> bool:
        return self in (AccountKind.ASSET, AccountKind.EXPENSE)


@dataclass(frozen=True)
class AccountRule:
    """Accounts whose whole path matches ``pattern`` are of ``kind``; guarded ones never go below zero."""

    pattern: str
    kind: AccountKind
    guarded: bool


# The first rule that matches decides. Guarded accounts come first: they are the busiest to check.
ACCOUNT_RULES: tuple[AccountRule, ...] = (
    AccountRule(f"order/{CODE}/clearing", AccountKind.LIABILITY, True),
    AccountRule(f"(store|supplier)/{CODE}/(available|paying)", AccountKind.LIABILITY, True),
    AccountRule(f"(store|supplier)/{CODE}/debt", AccountKind.ASSET, True),
    AccountRule(f"(store|supplier)/{CODE}/frozen", AccountKind.LIABILITY, False),
    AccountRule(f"gateway/{CODE}", AccountKind.ASSET, False),
    AccountRule("tax/withheld", AccountKind.LIABILITY, False),
    AccountRule(f"coupon/{PLATFORM}", AccountKind.EXPENSE, False),
    AccountRule(f"coupon/(?!{PLATFORM}$){CODE}", AccountKind.LIABILITY, False),
    AccountRule("platform/fee", AccountKind.INCOME, False),
    AccountRule("platform/(channel_cost|loss)", AccountKind.EXPENSE, False),
)
_COMPILED = tuple((re.compile(rule.pattern), rule) for rule in ACCOUNT_RULES)


@lru_cache(maxsize=65_536)
def rule_for(path: str) -> AccountRule:
    """Return the rule of an account path. Raises :class:`Invalid` for a path not on the chart."""
    for pattern, rule in _COMPILED:
        if len(path) <= PATH_LENGTH_MAX and pattern.fullmatch(path):
            return rule
    raise Invalid(
        _("There is no account “%(path)s” on the chart of accounts.") % {"path": path},
        field="account",
        code="unknown_account",
    )


def _path(*parts: str) -> str:
    for part in parts:
        if len(part) > CODE_LENGTH_MAX or not _CODE.fullmatch(part):
            raise Invalid(
                _("“%(code)s” cannot name an account: use 1 to 40 letters, digits, - or _.") % {"code": part},
                field="account",
                code="unknown_account",
            )
    return "/".join(parts)


def gateway(name: str) -> str:
    """Money at a payment channel, named as its adapter is."""
    return _path("gateway", name)


def clearing(order_number: str) -> str:
    """Received for an order, not yet divided; zero for every finished order."""
    return _path("order", order_number, "clearing")


def supplier_frozen(code: str) -> str:
    """Owed to a supplier, not yet due."""
    return _path("supplier", code, "frozen")


def supplier_available(code: str) -> str:
    """Owed to a supplier, due now."""
    return _path("supplier", code, "available")


def supplier_paying(code: str) -> str:
    """On its way to a supplier."""
    return _path("supplier", code, "paying")


def supplier_debt(code: str) -> str:
    """Owed by a supplier: deducted after it was paid out."""
    return _path("supplier", code, "debt")


def store_frozen(code: str) -> str:
    """Owed to a distributor, not yet due."""
    return _path("store", code, "frozen")


def store_available(code: str) -> str:
    """Owed to a distributor, may be withdrawn."""
    return _path("store", code, "available")


def store_paying(code: str) -> str:
    """On its way to a distributor."""
    return _path("store", code, "paying")


def store_debt(code: str) -> str:
    """Owed by a distributor: clawed back after it was paid out."""
    return _path("store", code, "debt")


def tax_withheld() -> str:
    """Withheld from distributors, owed to the tax office."""
    return "tax/withheld"


def coupon(funder: str) -> str:
    """Who pays for a discount: ``platform`` (our expense) or a party's code (its fund with us)."""
    return _path("coupon", funder)


def platform_fee() -> str:
    """What we earn."""
    return "platform/fee"


def platform_channel_cost() -> str:
    """What payment channels charge us."""
    return "platform/channel_cost"


def platform_loss() -> str:
    """What nobody will pay back."""
    return "platform/loss"


class JournalKind(TextChoices):
    """Why money moved. Each kind allows certain moves only, see ``MOVES``."""

    PAYMENT_RECEIVED = "payment_received", _("Payment received")
    SUPPLIER_ACCRUED = "supplier_accrued", _("Supplier's share booked")
    COMMISSION_ACCRUED = "commission_accrued", _("Commission booked")
    FEE_TAKEN = "fee_taken", _("Platform fee taken")
    COUPON_FUNDED = "coupon_funded", _("Coupon funded")
    COUPON_RETURNED = "coupon_returned", _("Coupon funding returned")
    SUPPLIER_SETTLED = "supplier_settled", _("Supplier's share settled")
    COMMISSION_SETTLED = "commission_settled", _("Commission settled")
    COMMISSION_CLAWED_BACK = "commission_clawed_back", _("Commission clawed back")
    SUPPLIER_DEDUCTED = "supplier_deducted", _("Supplier's share deducted")
    FEE_RETURNED = "fee_returned", _("Platform fee returned")
    REFUND_PAID = "refund_paid", _("Refund paid")
    WITHDRAWAL_STARTED = "withdrawal_started", _("Withdrawal started")
    WITHDRAWAL_PAID = "withdrawal_paid", _("Withdrawal paid")
    WITHDRAWAL_FAILED = "withdrawal_failed", _("Withdrawal failed")
    SUPPLIER_PAYOUT_STARTED = "supplier_payout_started", _("Supplier's payout started")
    SUPPLIER_PAYOUT_PAID = "supplier_payout_paid", _("Supplier paid")
    SUPPLIER_PAYOUT_FAILED = "supplier_payout_failed", _("Supplier's payout failed")
    DEBT_REPAID = "debt_repaid", _("Debt repaid")
    CHANNEL_COST = "channel_cost", _("Channel cost")
    LOSS_WRITTEN_OFF = "loss_written_off", _("Loss written off")
    REVERSAL = "reversal", _("Reversal")


_CLEARING = f"order/{CODE}/clearing"
_PARTY = f"(store|supplier)/{CODE}"

# ``debit > credit``, whole text. A group repeated by its number keeps money with one and the same party.
MOVES: Mapping[str, str] = {
    JournalKind.PAYMENT_RECEIVED: f"gateway/{CODE} > {_CLEARING}",
    JournalKind.SUPPLIER_ACCRUED: f"{_CLEARING} > supplier/{CODE}/frozen",
    JournalKind.COMMISSION_ACCRUED: f"{_CLEARING} > store/{CODE}/frozen",
    JournalKind.FEE_TAKEN: f"{_CLEARING} > platform/fee",
    # A sale draws on the funder; a supplier fills its fund from what it earned.
    JournalKind.COUPON_FUNDED: (f"coupon/{CODE} > {_CLEARING}|supplier/({CODE})/(frozen|available) > coupon/\\1"),
    JournalKind.COUPON_RETURNED: f"{_CLEARING} > coupon/{CODE}",
    JournalKind.SUPPLIER_SETTLED: f"(supplier/{CODE})/frozen > \\1/(available|debt)",
    JournalKind.COMMISSION_SETTLED: f"(store/{CODE})/frozen > \\1/(available|debt)",
    JournalKind.COMMISSION_CLAWED_BACK: f"store/{CODE}/(frozen|available|debt) > {_CLEARING}",
    JournalKind.SUPPLIER_DEDUCTED: f"supplier/{CODE}/(frozen|available|debt) > {_CLEARING}",
    JournalKind.FEE_RETURNED: f"platform/fee > {_CLEARING}",
    JournalKind.REFUND_PAID: f"{_CLEARING} > gateway/{CODE}",
    # From debt only what was paid already in a time the database forgot: payouts.restoring.adopt.
    JournalKind.WITHDRAWAL_STARTED: f"(store/{CODE})/(available|debt) > \\1/paying",
    JournalKind.WITHDRAWAL_PAID: f"store/{CODE}/paying > (gateway/{CODE}|tax/withheld|platform/fee)",
    JournalKind.WITHDRAWAL_FAILED: f"(store/{CODE})/paying > \\1/available",
    JournalKind.SUPPLIER_PAYOUT_STARTED: f"(supplier/{CODE})/available > \\1/paying",
    JournalKind.SUPPLIER_PAYOUT_PAID: f"supplier/{CODE}/paying > gateway/{CODE}",
    JournalKind.SUPPLIER_PAYOUT_FAILED: f"(supplier/{CODE})/paying > \\1/available",
    JournalKind.DEBT_REPAID: f"({_PARTY})/available > \\1/debt",
    JournalKind.CHANNEL_COST: f"platform/channel_cost > gateway/{CODE}",
    JournalKind.LOSS_WRITTEN_OFF: f"platform/loss > ({_PARTY}/debt|{_CLEARING}|gateway/{CODE})",
    # A reversal is the mirror of another journal; post() builds it, verify_ledger compares them.
    JournalKind.REVERSAL: ".+ > .+",
}
_COMPILED_MOVES = {kind: re.compile(pattern) for kind, pattern in MOVES.items()}


def allows(kind: str, debit: str, credit: str) -> bool:
    """Return whether a journal of this kind may move money from ``debit`` to ``credit``."""
    pattern = _COMPILED_MOVES.get(kind)
    return pattern is not None and pattern.fullmatch(f"{debit} > {credit}") is not None


def database_pattern(pattern: str) -> str:
    """Return a pattern of this module as PostgreSQL matches it against a whole text."""
    return f"^(?:{pattern})$"
