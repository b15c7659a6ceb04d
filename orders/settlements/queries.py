"""What can be asked about suppliers' money. Every query starts from the supplier."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from orders.settlements.models import Earning, Statement, SupplierPayout
from orders.settlements.rules import StatementSums, statement_sums
from shop.base.errors import NotFound
from shop.ledger import chart
from shop.ledger.models import Line
from shop.ledger.queries import balances_fen
from shop.suppliers.models import Supplier


@dataclass(frozen=True, slots=True)
class Position:
    """What a supplier is owed and owes, in fen."""

    frozen_fen: int
    available_fen: int
    paying_fen: int
    debt_fen: int


@dataclass(frozen=True, slots=True)
class Watermark:
    """The last transfer on each of the supplier's two accounts that a statement takes in."""

    available: int = 0
    debt: int = 0


def position_of(supplier: Supplier) -> Position:
    """Return the supplier's position from the books."""
    paths = [
        chart.supplier_frozen(supplier.code),
        chart.supplier_available(supplier.code),
        chart.supplier_paying(supplier.code),
        chart.supplier_debt(supplier.code),
    ]
    found = balances_fen(paths)
    return Position(*(found[path] for path in paths))


def earnings_of(supplier: Supplier) -> QuerySet[Earning]:
    """Return what the supplier earned, newest first."""
    mine = Earning.objects.filter(supplier=supplier)
    return mine.select_related("order_line", "supplier_order").order_by("-pk")


def statements_of(supplier: Supplier) -> QuerySet[Statement]:
    """Return the supplier's statements, newest first."""
    return Statement.objects.filter(supplier=supplier).order_by("-pk")


def statement_of(supplier: Supplier, number: str) -> Statement:
    """Return one of the supplier's statements. Raises ``NotFound``."""
    found = Statement.objects.filter(supplier=supplier, number=number).first()
    if found is None:
        raise NotFound(_("There is no such statement."), field="number")
    return found


def payouts_of(supplier: Supplier) -> QuerySet[SupplierPayout]:
    """Return what was paid to the supplier, newest first."""
    return SupplierPayout.objects.filter(supplier=supplier).order_by("-pk")


def statement_lines(statement: Statement) -> QuerySet[Line]:
    """Return the journal rows a statement consists of, oldest first, each with ``change_fen``.

    ``change_fen`` is what the row adds to the supplier's position (available less debt).
    """
    before = Statement.objects.filter(supplier=statement.supplier_id, pk__lt=statement.pk)
    last = before.order_by("-pk").first()
    start = Watermark(last.available_upto, last.debt_upto) if last else Watermark()
    end = Watermark(statement.available_upto, statement.debt_upto)
    lines = lines_between(statement.supplier, start, end)
    return lines.select_related("journal", "counter").order_by("posted_at", "id")


def lines_between(supplier: Supplier, start: Watermark, end: Watermark) -> QuerySet[Line]:
    """Return the lines of the supplier's two accounts after ``start`` up to ``end``."""
    available = Q(
        account__path=chart.supplier_available(supplier.code),
        id__gt=start.available,
        id__lte=end.available,
    )
    debt = Q(account__path=chart.supplier_debt(supplier.code), id__gt=start.debt, id__lte=end.debt)
    return Line.objects.filter(available | debt).annotate(change_fen=F("credit_fen") - F("debit_fen"))


def sums_between(supplier: Supplier, start: Watermark, end: Watermark) -> StatementSums:
    """Add up the lines after ``start`` up to ``end`` by what they mean on a statement."""
    moves = (
        lines_between(supplier, start, end)
        .annotate(kind=Coalesce("journal__reverses__kind", "journal__kind"))
        .values("kind")
        .annotate(change=Sum("change_fen"))
        .values_list("kind", "change")
    )
    return statement_sums((kind, int(change)) for kind, change in moves)


def watermark(supplier: Supplier, *, until_at: datetime, least: Watermark) -> Watermark:
    """Return the last transfers before ``until_at`` on the supplier's two accounts.

    Both accounts are guarded: a transfer is stamped while its account is locked, so on one account
    whatever is not visible yet will carry a higher id and a later time, and none is ever skipped.
    """

    def last(path: str, floor: int) -> int:
        lines = Line.objects.filter(account__path=path, posted_at__lt=until_at)
        newest = lines.order_by("-posted_at", "-id").values_list("id", flat=True).first()
        return max(floor, newest or 0)

    return Watermark(
        available=last(chart.supplier_available(supplier.code), least.available),
        debt=last(chart.supplier_debt(supplier.code), least.debt),
    )


def frozen_by_state(supplier: Supplier) -> Mapping[str, int]:
    """Return what the supplier earned net of deductions, by the earning's state, in fen."""
    rows = (
        Earning.objects.filter(supplier=supplier)
        .values("state")
        .annotate(fen=Sum(F("amount_fen") - F("deducted_fen")))
        .values_list("state", "fen")
    )
    return {state: int(fen) for state, fen in rows}
