"""The books as a beancount file, for accountants with their own tools."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import date, timedelta

from django.db import connection, transaction
from django.utils import timezone

from shop.base.money import FEN_PER_YUAN
from shop.ledger.chart import AccountKind
from shop.ledger.models import Account, Transfer
from shop.ledger.queries import balances_fen

_ROOTS = {
    AccountKind.ASSET: "Assets",
    AccountKind.LIABILITY: "Liabilities",
    AccountKind.INCOME: "Income",
    AccountKind.EXPENSE: "Expenses",
}
_CHUNK = 5000


def beancount_lines() -> Iterator[str]:
    """Yield the lines of a beancount file: accounts, one transaction per journal, balance assertions.

    The balances asserted are ours, not sums of the exported transactions, so a checker that accepts
    the file has compared the two. Everything is read from one snapshot.
    """
    with ExitStack() as stack:
        if not connection.in_atomic_block:
            stack.enter_context(transaction.atomic())
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield from _lines()


def _lines() -> Iterator[str]:
    accounts = list(Account.objects.order_by("path"))
    names = beancount_names(accounts)
    first, last = _span()
    yield 'option "title" "Linjia"'
    yield 'option "operating_currency" "CNY"'
    yield ""
    for account in accounts:
        yield f"{first} open {names[account.path]} CNY"
        yield f'  path: "{account.path}"'
    yield from _transactions({account.pk: names[account.path] for account in accounts})
    yield ""
    balances = balances_fen([account.path for account in accounts])
    for account in accounts:
        # beancount counts debits as positive on every account, checks at the start of a day, and
        # would forgive a fen if it were not told otherwise.
        sign = 1 if AccountKind(account.kind).grows_by_debit else -1
        amount = yuan(sign * balances[account.path])
        yield f"{last + timedelta(days=1)} balance {names[account.path]} {amount} ~ 0 CNY"


def _span() -> tuple[date, date]:
    """Return the first and the last day on which anything happened."""
    moments = Transfer.objects.order_by("journal__happened_at").values_list("journal__happened_at", flat=True)
    first, last = moments.first(), moments.last()
    if first is None or last is None:
        return date(1970, 1, 1), date(1970, 1, 1)
    return timezone.localdate(first), timezone.localdate(last)


def _transactions(names: dict[int, str]) -> Iterator[str]:
    transfers = Transfer.objects.select_related("journal").order_by("journal_id", "id").iterator(chunk_size=_CHUNK)
    journal_id = None
    for transfer in transfers:
        journal = transfer.journal
        if journal.pk != journal_id:
            journal_id = journal.pk
            happened_on = timezone.localdate(journal.happened_at)
            yield ""
            yield f'{happened_on} * "{journal.kind}" "{_quoted(journal.reference)}"'
            yield f'  key: "{_quoted(journal.key)}"'
        amount = yuan(transfer.amount_fen)
        yield f"  {names[transfer.debit_id]}  {amount} CNY"
        yield f"  {names[transfer.credit_id]}  -{amount} CNY"


def beancount_names(accounts: Iterable[Account]) -> dict[str, str]:
    """Return a legal beancount name for each account path; different paths get different names."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for account in accounts:
        parts = [_part(part) for part in account.path.split("/")]
        plain = name = ":".join([_ROOTS[AccountKind(account.kind)], *parts])
        number = 1
        while name in taken:
            number += 1
            name = f"{plain}-{number}"
        taken.add(name)
        names[account.path] = name
    return names


def _part(part: str) -> str:
    """Return one step of a path in beancount's letters: it starts with a capital or a digit."""
    plain = part.replace("_", "-")
    if plain[0] == "-":
        return f"X{plain}"
    return plain[0].upper() + plain[1:]


def yuan(amount_fen: int) -> str:
    """Return fen as yuan with two decimals and no separators, as programs read it."""
    sign = "-" if amount_fen < 0 else ""
    whole, fen = divmod(abs(amount_fen), FEN_PER_YUAN)
    return f"{sign}{whole}.{fen:02d}"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
