"""What a withdrawal does to the books: set aside, paid, given back. Each once, by its number."""

from datetime import datetime

from distributors.payouts.models import Withdrawal
from shop.ledger import chart
from shop.ledger.actions import Entry, post
from shop.ledger.queries import balance_fen


def reserve(withdrawal: Withdrawal, *, at: datetime) -> None:
    """Set the amount aside: available → paying. Raises ``InsufficientFunds``; nothing is posted then."""
    code = withdrawal.store.code
    entry = Entry(
        debit=chart.store_available(code),
        credit=chart.store_paying(code),
        amount_fen=withdrawal.amount_fen,
    )
    post(
        kind=chart.JournalKind.WITHDRAWAL_STARTED,
        reference=withdrawal.number,
        key=f"withdrawal_started:{withdrawal.number}",
        entries=[entry],
        at=at,
    )


def reserve_restored(withdrawal: Withdrawal, *, at: datetime) -> None:
    """Set aside what was paid already: available → paying as far as it goes, the rest is the store's debt.

    The caller holds the store's lock.
    """
    code = withdrawal.store.code
    available_fen = min(balance_fen(chart.store_available(code)), withdrawal.amount_fen)
    parts = [
        (chart.store_available(code), available_fen),
        (chart.store_debt(code), withdrawal.amount_fen - available_fen),
    ]
    post(
        kind=chart.JournalKind.WITHDRAWAL_STARTED,
        reference=withdrawal.number,
        key=f"withdrawal_started:{withdrawal.number}",
        entries=[Entry(debit=path, credit=chart.store_paying(code), amount_fen=fen) for path, fen in parts if fen],
        at=at,
    )


def pay_out(withdrawal: Withdrawal, *, at: datetime) -> None:
    """Book what was paid: paying → gateway, and what was withheld → the tax office's account."""
    code = withdrawal.store.code
    net_fen = withdrawal.amount_fen - withdrawal.tax_fen
    parts = [(chart.gateway(withdrawal.gateway), net_fen), (chart.tax_withheld(), withdrawal.tax_fen)]
    post(
        kind=chart.JournalKind.WITHDRAWAL_PAID,
        reference=withdrawal.number,
        key=f"withdrawal_paid:{withdrawal.number}",
        entries=[Entry(debit=chart.store_paying(code), credit=path, amount_fen=fen) for path, fen in parts if fen],
        at=at,
    )


def give_back(withdrawal: Withdrawal, *, at: datetime) -> None:
    """Return what was set aside: paying → available."""
    code = withdrawal.store.code
    entry = Entry(
        debit=chart.store_paying(code),
        credit=chart.store_available(code),
        amount_fen=withdrawal.amount_fen,
    )
    post(
        kind=chart.JournalKind.WITHDRAWAL_FAILED,
        reference=withdrawal.number,
        key=f"withdrawal_failed:{withdrawal.number}",
        entries=[entry],
        at=at,
    )
