"""What can happen to the books: post, reverse, close a day. Money moves here and nowhere else.

One ``post_many`` per transaction, after the rows of the order and of the stock are locked: it locks
the accounts (docs/locking.md).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shop.base.errors import Conflict, Invalid
from shop.base.locks import require_transaction
from shop.base.money import format_yuan
from shop.ledger import chart
from shop.ledger.models import DailyDigest, Journal
from shop.ledger.rules import day_end

AMOUNT_MAX_FEN = 10**15
KEY_LENGTH_MAX = 160
REFERENCE_LENGTH_MAX = 64

# ledger_post's arguments after the time: accounts, journals, entries, each column an array.
_TYPES = (
    *("text[]", "text[]", "boolean[]"),
    *("text[]", "text[]", "text[]", "text[]", "bigint[]"),
    *("integer[]", "integer[]", "integer[]", "bigint[]", "integer[]", "integer[]"),
)
POST_MARKS = ", ".join(f"%s::{kind}" for kind in _TYPES)
"""The places of ``post_arguments`` in a statement."""


@dataclass(frozen=True, slots=True)
class Entry:
    """``amount_fen`` leaves the account ``credit`` and enters ``debit``; both are account paths.

    ``debit_rest`` is debited with what the guarded ``debit`` account cannot cover (a claw-back:
    available, the rest as debt). ``credit_first`` is a guarded account credited up to its balance
    before ``credit`` gets the rest (a settlement repays debt first). An entry has one of them at most.
    """

    debit: str
    credit: str
    amount_fen: int
    debit_rest: str = ""
    credit_first: str = ""


@dataclass(frozen=True, slots=True)
class Posting:
    """One journal to be: its kind, the public number it is about, its unique key, its entries."""

    kind: str
    reference: str
    key: str
    entries: Sequence[Entry]


class InsufficientFunds(Conflict):
    """A guarded account would go below zero; ``extra`` names ``path`` and ``shortfall_fen``."""

    code = "insufficient_funds"


class KeyReused(Conflict):
    """The key belongs to a journal with other content; ``extra`` names ``key``."""

    code = "key_reused"


class AlreadyReversed(Conflict):
    """Another journal reverses this one already."""

    code = "already_reversed"


class InvalidPosting(Invalid):
    """A posting that no book may hold; ``field`` names what is wrong with it."""

    code = "invalid_posting"


def post(*, kind: str, reference: str, key: str, entries: Sequence[Entry], at: datetime) -> Journal:
    """Post one journal, or return the one that this key posted before.

    ``at`` is when the event happened; when it was posted is the database's clock. Two statements.
    Raises what :func:`post_many` raises.
    """
    posting = Posting(kind=kind, reference=reference, key=key, entries=entries)
    post_many(postings=[posting], at=at)
    return Journal.objects.get(key=key)


def post_many(*, postings: Sequence[Posting], at: datetime) -> int:
    """Post any number of journals in one statement; return how many are new.

    A posting whose key exists with the same content is skipped. Guarded accounts are locked in id
    order and judged by the sum of all postings.

    Raises :class:`InvalidPosting` or ``Invalid`` (an unknown account) for what no book may hold,
    :class:`KeyReused`, :class:`InsufficientFunds`; nothing is posted then and the caller's transaction
    stays usable. Raises ``TransactionManagementError`` outside a transaction.
    """
    for posting in postings:
        if posting.kind == chart.JournalKind.REVERSAL:
            raise InvalidPosting(_("A reversal is posted by reverse(), which mirrors its journal."), field="kind")
    return _post(postings, at=at, reverses={})


def reverse(*, journal: Journal, key: str, at: datetime) -> Journal:
    """Post the mirror of ``journal``, or return the one that this key posted before.

    Raises :class:`AlreadyReversed`, :class:`InvalidPosting` when ``journal`` is itself a reversal,
    and what :func:`post_many` raises.
    """
    if journal.kind == chart.JournalKind.REVERSAL:
        raise InvalidPosting(_("A reversal cannot be reversed; post the journal anew."), field="journal")
    rival = Journal.objects.filter(reverses=journal).exclude(key=key).first()
    if rival is not None:
        raise _already_reversed(rival)
    mirrored = journal.transfers.select_related("debit", "credit").order_by("id")
    entries = [
        Entry(debit=transfer.credit.path, credit=transfer.debit.path, amount_fen=transfer.amount_fen)
        for transfer in mirrored
    ]
    posting = Posting(chart.JournalKind.REVERSAL, journal.reference, key, entries)
    _post([posting], at=at, reverses={key: journal.pk})
    return Journal.objects.get(key=key)


def close_days(*, now: datetime) -> list[DailyDigest]:
    """Close every day that is over, oldest first; return the digests made.

    Days are calendar days of the project's time zone. A day stays open for now (and nothing is
    raised) while a transaction older than its end is still running.
    """
    latest = DailyDigest.objects.order_by("-date").first()
    if latest is not None:
        date = latest.date + timedelta(days=1)
    else:
        oldest = Journal.objects.order_by("id").first()
        if oldest is None:
            return []
        date = timezone.localdate(oldest.posted_at)
    closed = []
    while day_end(date, timezone.get_default_timezone()) <= now:
        with transaction.atomic(), connection.cursor() as cursor:
            # A busy day takes longer than a page may.
            cursor.execute("SET LOCAL statement_timeout = '15min'")
            until_at = day_end(date, timezone.get_default_timezone())
            cursor.execute("SELECT ledger_close_day(%s, %s)", [date, until_at])
            (is_closed,) = cursor.fetchone()
        if not is_closed:
            break
        closed.append(DailyDigest.objects.get(date=date))
        date += timedelta(days=1)
    return closed


def post_arguments(*, postings: Sequence[Posting], at: datetime) -> list[str]:
    """Return what ``ledger_post`` takes after the time, for a function that posts with what else it writes.

    That function passes on what ``ledger_post`` answers; :func:`refusal_of` has the words for it. Raises what
    :func:`post_many` raises for what no book may hold.
    """
    return _prepared(postings, at=at, reverses={})


def refusal_of(outcome: str, subject: str, shortfall_fen: int | None) -> Conflict | None:
    """Return our word for what ``ledger_post`` answered; None when it posted."""
    if outcome == "reused":
        return _key_reused(subject)
    if outcome == "short":
        return InsufficientFunds(
            _("The account “%(path)s” is ¥%(yuan)s short.")
            % {"path": subject, "yuan": format_yuan(shortfall_fen or 0)},
            extra={"path": subject, "shortfall_fen": shortfall_fen},
        )
    return None


def _post(postings: Sequence[Posting], *, at: datetime, reverses: Mapping[str, int]) -> int:
    require_transaction()
    arguments = _prepared(postings, at=at, reverses=reverses)
    if not postings:
        return 0
    with connection.cursor() as cursor:
        try:
            cursor.execute(
                f"SELECT outcome, posted, subject, shortfall_fen FROM ledger_post(%s, {POST_MARKS})",  # noqa: S608 - marks only
                [at, *arguments],
            )
        except IntegrityError as error:
            raise _race_lost(error) or error from error
        outcome, posted, subject, shortfall_fen = cursor.fetchone()
    refusal = refusal_of(outcome, subject, shortfall_fen)
    if refusal is not None:
        raise refusal
    return int(posted)


def _prepared(postings: Sequence[Posting], *, at: datetime, reverses: Mapping[str, int]) -> list[str]:
    if timezone.is_naive(at):
        raise InvalidPosting(_("The time of a posting needs a time zone."), field="at")
    distinct: dict[str, tuple[Posting, str]] = {}
    for posting in postings:
        _check(posting)
        content = _content(posting, reverses.get(posting.key))
        if distinct.setdefault(posting.key, (posting, content))[1] != content:
            raise _key_reused(posting.key)
    return _arguments(list(distinct.values()), reverses=reverses)


def _check(posting: Posting) -> None:
    """Refuse what no book may hold, naming the field at fault."""
    for field, text, longest in (
        ("reference", posting.reference, REFERENCE_LENGTH_MAX),
        ("key", posting.key, KEY_LENGTH_MAX),
    ):
        if not text or len(text) > longest or not text.isprintable():
            raise InvalidPosting(
                _("A posting's %(field)s has 1 to %(longest)s printable characters.")
                % {"field": field, "longest": longest},
                field=field,
            )
    if posting.kind not in chart.MOVES:
        raise InvalidPosting(
            _("There is no kind of journal named “%(kind)s”.") % {"kind": posting.kind},
            field="kind",
        )
    if not posting.entries:
        raise InvalidPosting(_("A posting needs at least one entry."), field="entries")
    for entry in posting.entries:
        _check_entry(posting.kind, entry)


def _check_entry(kind: str, entry: Entry) -> None:
    # bool is an int to Python, but nobody owes True fen.
    if type(entry.amount_fen) is not int or not 0 < entry.amount_fen <= AMOUNT_MAX_FEN:
        raise InvalidPosting(
            _("An amount is a whole number of fen above zero; leave out entries of zero."),
            field="amount_fen",
        )
    moves = [(entry.debit, entry.credit)]
    if entry.debit_rest:
        moves.append((entry.debit_rest, entry.credit))
    if entry.credit_first:
        moves.append((entry.debit, entry.credit_first))
    for debit, credit in moves:
        if debit == credit or not chart.allows(kind, debit, credit):
            # An account that does not exist is the better word, where that is the reason.
            chart.rule_for(debit), chart.rule_for(credit)
            raise InvalidPosting(
                _("A journal “%(kind)s” may not debit “%(debit)s” and credit “%(credit)s”.")
                % {"kind": kind, "debit": debit, "credit": credit},
                field="entries",
            )
    if not entry.debit_rest and not entry.credit_first:
        return
    rule = chart.rule_for(entry.credit_first or entry.debit)
    lowers = rule.kind.grows_by_debit is bool(entry.credit_first)
    if (entry.debit_rest and entry.credit_first) or not rule.guarded or not lowers:
        raise InvalidPosting(_("An entry splits once at most, at a guarded account that it lowers."), field="entries")


def _content(posting: Posting, reverses: int | None) -> str:
    """Return a hash of what is asked for. Joined by a character that no checked text contains."""
    parts = [str(posting.kind), posting.reference, str(reverses)]
    for entry in posting.entries:
        parts += (
            entry.debit,
            entry.credit,
            str(entry.amount_fen),
            entry.debit_rest,
            entry.credit_first,
        )
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def _arguments(postings: Sequence[tuple[Posting, str]], *, reverses: Mapping[str, int]) -> list[str]:
    """Return ledger_post's arguments after the time, accounts and journals numbered from 1; none for no postings."""
    if not postings:
        return []
    positions: dict[str, int] = {}

    def position(path: str) -> int:
        return positions.setdefault(path, len(positions) + 1) if path else 0

    journals: list[tuple[str, str, str, str, int]] = []
    entries: list[tuple[int, int, int, int, int, int]] = []
    for number, (posting, content) in enumerate(postings, start=1):
        journals.append(
            (
                str(posting.kind),
                posting.reference,
                posting.key,
                content,
                reverses.get(posting.key, 0),
            )
        )
        entries.extend(
            (
                number,
                position(entry.debit),
                position(entry.credit),
                entry.amount_fen,
                position(entry.debit_rest),
                position(entry.credit_first),
            )
            for entry in posting.entries
        )
    rules = [chart.rule_for(path) for path in positions]
    columns: list[Iterable[Any]] = [
        positions,
        [rule.kind.value for rule in rules],
        [rule.guarded for rule in rules],
        *zip(*journals, strict=True),
        *zip(*entries, strict=True),
    ]
    return [_array(column) for column in columns]


def _array(values: Iterable[Any]) -> str:
    """Return the text of a PostgreSQL array; one text is far quicker to send than thousands."""
    return "{" + ",".join([_element(value) for value in values]) + "}"


def _element(value: Any) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)


def _race_lost(error: IntegrityError) -> Conflict | None:
    """Return our word for a rival's faster INSERT, if that is what the database refused."""
    diagnostics: Any = getattr(error.__cause__, "diag", None)
    constraint = diagnostics.constraint_name if diagnostics else None
    if constraint == "ledger_key_reused":
        return _key_reused(diagnostics.message_detail)
    if constraint == "ledger_journal_reversed_once":
        return _already_reversed(None)
    return None


def _key_reused(key: str) -> KeyReused:
    return KeyReused(
        _("The key “%(key)s” was used for another posting. Use a new key for a new event.") % {"key": key},
        field="key",
        extra={"key": key},
    )


def _already_reversed(rival: Journal | None) -> AlreadyReversed:
    return AlreadyReversed(
        _("This journal is reversed already; nothing more is to be done."),
        extra={"key": rival.key} if rival else None,
    )
