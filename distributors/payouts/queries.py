"""What a distributor has, and what became of her withdrawals."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from distributors.payouts.models import PayoutAccount, Withdrawal
from distributors.payouts.states import TO_DECIDE, WithdrawalState
from distributors.stores.models import Store
from shop.base.errors import NotFound
from shop.ledger import chart
from shop.ledger.queries import balances_fen


@dataclass(frozen=True, slots=True)
class Balances:
    """A store's money in fen: not yet due, free to withdraw, on its way, and owed by the store."""

    frozen_fen: int
    available_fen: int
    paying_fen: int
    debt_fen: int


def balances_of(store: Store) -> Balances:
    """Return a store's money as the books say; one statement."""
    paths = {
        "frozen_fen": chart.store_frozen(store.code),
        "available_fen": chart.store_available(store.code),
        "paying_fen": chart.store_paying(store.code),
        "debt_fen": chart.store_debt(store.code),
    }
    found = balances_fen(list(paths.values()))
    return Balances(**{name: found[path] for name, path in paths.items()})


def payout_account_of(store: Store) -> PayoutAccount | None:
    """Return where a store's owner is paid, None before she said so."""
    return PayoutAccount.objects.filter(distributor_id=store.distributor_id).first()


def withdrawals_of(store: Store) -> QuerySet[Withdrawal]:
    """Return a store's withdrawals, newest first."""
    return Withdrawal.objects.filter(store=store).order_by("-pk")


def withdrawal_of(store: Store, number: str) -> Withdrawal:
    """Return one of the store's withdrawals. Raises ``NotFound`` for another's."""
    withdrawal = withdrawals_of(store).filter(number=number).first()
    if withdrawal is None:
        raise NotFound(_("There is no such withdrawal among yours."), field="number")
    return withdrawal


def withdrawals_to_review() -> QuerySet[Withdrawal]:
    """Return what waits for a decision, the oldest first; for staff."""
    rows = Withdrawal.objects.filter(state__in=TO_DECIDE)
    return rows.select_related("store__distributor__user").order_by("pk")


def unsettled(*, since: datetime) -> QuerySet[Withdrawal]:
    """Return what was sent before ``since`` and has no known end; for the alarm."""
    open_states = (WithdrawalState.SENDING, WithdrawalState.UNKNOWN)
    return Withdrawal.objects.filter(state__in=open_states, sent_at__lt=since).order_by("pk")
