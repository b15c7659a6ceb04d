"""What can be asked of the books. Nothing here writes, and nothing here may come from a replica."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import CharField, F, Func, QuerySet, Subquery, Sum, Value

from shop.ledger import chart
from shop.ledger.models import Account, Balance, Journal, Line, Transfer
from shop.ledger.proof import Finding
from shop.ledger.verification import verify

__all__ = [
    "Finding",
    "MoneyMove",
    "TrialLine",
    "balance_fen",
    "balances_fen",
    "order_money_map",
    "statement",
    "trial_balance",
    "verify",
]


@dataclass(frozen=True, slots=True)
class MoneyMove:
    """One transfer of a sale, in the order it was posted."""

    journal_key: str
    journal_kind: str
    reference: str
    debit: str
    credit: str
    amount_fen: int
    happened_at: datetime
    posted_at: datetime


@dataclass(frozen=True, slots=True)
class TrialLine:
    """All accounts of one sort together: ``store/*/frozen`` and the like."""

    name: str
    kind: str
    debits_fen: int
    credits_fen: int
    balance_fen: int


def balance_fen(path: str) -> int:
    """Return what an account holds, positive on its own side; 0 for one that never moved."""
    return balances_fen([path])[path]


def balances_fen(paths: Sequence[str]) -> dict[str, int]:
    """Return what each account holds, by path; 0 for those that never moved. One statement."""
    found = Balance.objects.filter(path__in=paths).values_list("path", "balance_fen")
    return dict.fromkeys(paths, 0) | dict(found)


def statement(path: str) -> QuerySet[Line]:
    """Return an account's lines, newest first, each with ``journal``, ``counter``, ``amount_fen``.

    ``amount_fen`` is positive when the account's balance grew. Page with a cursor over ``posted_at``:
    both halves of the view are read in index order, so a page costs the same however long the account.
    Raises ``Invalid`` for a path that is not on the chart.
    """
    grows, shrinks = F("debit_fen"), F("credit_fen")
    if not chart.rule_for(path).kind.grows_by_debit:
        grows, shrinks = shrinks, grows
    account = Account.objects.filter(path=path).values("id")[:1]
    return (
        Line.objects.filter(account_id=Subquery(account))
        .select_related("journal", "counter")
        .annotate(amount_fen=grows - shrinks)  # type: ignore[no-redef]  # the model only names it
        .order_by("-posted_at", "-id")
    )


def order_money_map(order_number: str) -> list[MoneyMove]:
    """Return every transfer of a sale, in order: those that name it, and those over its clearing."""
    clearing = Line.objects.filter(account__path=chart.clearing(order_number))
    named = Journal.objects.filter(reference=order_number)
    # A union, for an OR of the two would read every journal.
    journals = named.values("id").union(clearing.values("journal_id"))
    rows = (
        Transfer.objects.filter(journal_id__in=journals)
        .order_by("id")
        .values_list(
            "journal__key",
            "journal__kind",
            "journal__reference",
            "debit__path",
            "credit__path",
            "amount_fen",
            "journal__happened_at",
            "posted_at",
        )
    )
    return [MoneyMove(*row) for row in rows]


def trial_balance() -> list[TrialLine]:
    """Return the sums by sort of account; debits and credits are equal overall.

    Reads every account: for reports, not for pages that customers wait for.
    """
    name = Func(
        F("path"),
        Value("^(order|store|supplier)/[^/]+"),
        Value("\\1/*"),
        function="regexp_replace",
        output_field=CharField(),
    )
    rows = (
        Balance.objects.annotate(name=name)
        .values("name", "kind")
        .annotate(debits=Sum("debits_fen"), credits=Sum("credits_fen"), balance=Sum("balance_fen"))
        .order_by("kind", "name")
        .values_list("name", "kind", "debits", "credits", "balance")
    )
    return [
        TrialLine(name, kind, int(debits_fen), int(credits_fen), int(balance_fen))
        for name, kind, debits_fen, credits_fen, balance_fen in rows
    ]
