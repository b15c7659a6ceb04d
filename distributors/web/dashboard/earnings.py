"""What the store earns: commissions one by one, and the books' own lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from distributors.commissions import queries as commissions
from distributors.commissions.models import ClawBack, Commission
from distributors.commissions.states import CommissionState
from distributors.web.access import StoreRequest, store_owner
from shop.base.errors import NotFound
from shop.ledger import chart
from shop.ledger.chart import JournalKind
from shop.ledger.models import Line
from shop.ledger.queries import statement
from shop.web.product_page import more_url
from shop.web.shelf import stretch

PER_PAGE = 20

STATE_TONES = {
    CommissionState.FROZEN: "wait",
    CommissionState.HELD: "go",
    CommissionState.SETTLED: "good",
    CommissionState.CLAWED_BACK: "quiet",
}
STATE_WORDS: dict[str, str | Promise] = {
    CommissionState.FROZEN: gettext_lazy("Frozen"),
    CommissionState.HELD: gettext_lazy("Held: an after-sale is open"),
    CommissionState.SETTLED: gettext_lazy("Settled"),
    CommissionState.CLAWED_BACK: gettext_lazy("Taken back"),
}
# Which of the store's accounts a person may read line by line.
BOOKS: dict[str, str | Promise] = {
    "available": gettext_lazy("Available"),
    "frozen": gettext_lazy("Frozen"),
    "paying": gettext_lazy("Being paid out"),
    "debt": gettext_lazy("Owed"),
}


# The books' kinds in the words of whom they concern.
KIND_WORDS: dict[str, str | Promise] = {
    JournalKind.COMMISSION_ACCRUED: gettext_lazy("Commission of a paid order"),
    JournalKind.COMMISSION_SETTLED: gettext_lazy("Commission settled"),
    JournalKind.COMMISSION_CLAWED_BACK: gettext_lazy("Taken back: the customer was refunded"),
    JournalKind.WITHDRAWAL_STARTED: gettext_lazy("Withdrawal asked for"),
    JournalKind.WITHDRAWAL_PAID: gettext_lazy("Withdrawal paid"),
    JournalKind.WITHDRAWAL_FAILED: gettext_lazy("Withdrawal came back"),
    JournalKind.DEBT_REPAID: gettext_lazy("Debt repaid"),
}


@dataclass(frozen=True)
class CommissionRow:
    """One commission at the desk; amounts in fen, rate in basis points."""

    order_number: str
    line: int
    level: int
    state: str
    tone: str
    base_fen: int
    rate_bp: int
    amount_fen: int
    left_fen: int
    is_capped: bool
    when: str
    when_at: datetime
    claw_backs: tuple[ClawBack, ...]


@dataclass(frozen=True)
class Tab:
    """One choice above a list."""

    code: str
    label: str
    is_here: bool


@require_safe
@store_owner
def earnings(request: StoreRequest) -> HttpResponse:
    """Commissions by state, newest first, with what was taken back of each."""
    state = request.GET.get("state", "")
    state = state if state in CommissionState.values else ""
    taken = Prefetch("claw_backs", ClawBack.objects.order_by("at", "pk"))
    rows = commissions.commissions_of(request.store).prefetch_related(taken)
    if state == CommissionState.CLAWED_BACK:
        rows = rows.filter(Q(state=state) | Q(clawed_back_fen__gt=0))
    elif state:
        rows = rows.filter(state=state)
    found, position = stretch(rows, request.GET.get("after", ""), PER_PAGE)
    words = {"": _("All")} | {code: str(STATE_WORDS[code]) for code in CommissionState.values}
    context = {
        "section": "earnings",
        "rows": commission_rows(found),
        "sums": commissions.earnings_of(request.store),
        "tabs": [Tab(code, label, code == state) for code, label in words.items()],
        "more_url": more_url(request, position),
    }
    return render(request, "dashboard/earnings.html", context)


def commission_rows(found: Sequence[Commission]) -> list[CommissionRow]:
    """Return commissions in words; each with its claw-backs prefetched."""
    rows = []
    for row in found:
        when, at = _when(row)
        rows.append(
            CommissionRow(
                order_number=row.order_number,
                line=row.line,
                level=row.level,
                state=str(STATE_WORDS[row.state]),
                tone=STATE_TONES[CommissionState(row.state)],
                base_fen=row.base_fen,
                rate_bp=row.rate_bp,
                amount_fen=row.amount_fen,
                left_fen=row.left_fen,
                is_capped=row.is_capped,
                when=when,
                when_at=at,
                claw_backs=tuple(row.claw_backs.all()),
            )
        )
    return rows


def _when(row: Commission) -> tuple[str, datetime]:
    """Return the moment that matters most for a commission now."""
    if row.settled_at is not None:
        return _("settled"), row.settled_at
    if row.due_at is not None and row.state == CommissionState.FROZEN:
        return _("settles"), row.due_at
    return _("since"), row.accrued_at


@require_safe
@store_owner
def books(request: StoreRequest) -> HttpResponse:
    """The lines of one of the store's accounts, newest first, as the ledger has them."""
    book = request.GET.get("book", "available")
    if book not in BOOKS:
        raise NotFound(_("There is no such account."))
    paths = {
        "available": chart.store_available,
        "frozen": chart.store_frozen,
        "paying": chart.store_paying,
        "debt": chart.store_debt,
    }
    found, position = _stretch(paths[book](request.store.code), request.GET.get("after", ""))
    context = {
        "section": "earnings",
        "rows": [
            {
                "text": str(KIND_WORDS.get(line.journal.kind, line.journal.get_kind_display())),
                "reference": line.journal.reference,
                "amount_fen": line.amount_fen,
                "at": line.posted_at,
            }
            for line in found
        ],
        "book": book,
        "balance_fen": getattr(request.desk.money, f"{book}_fen"),
        "tabs": [Tab(code, str(label), code == book) for code, label in BOOKS.items()],
        "more_url": more_url(request, position),
    }
    return render(request, "dashboard/books.html", context)


def _stretch(path: str, after: str) -> tuple[list[Line], str]:
    """Return one stretch of an account's lines and where the next begins: instant and id of the last line."""
    rows = statement(path)
    moment, _tilde, key = after.partition("~")
    at = _instant(moment)
    if at is not None and key.isdigit() and len(key) < 19:
        rows = rows.filter(Q(posted_at__lt=at) | Q(posted_at=at, id__lt=int(key)), posted_at__lte=at)
    found = list(rows[: PER_PAGE + 1])
    if len(found) <= PER_PAGE:
        return found, ""
    last = found[PER_PAGE - 1]
    return found[:PER_PAGE], f"{last.posted_at.isoformat()}~{last.pk}"


def _instant(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
