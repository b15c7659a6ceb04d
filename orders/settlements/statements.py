"""Statements: issued per period from journal rows, confirmed or disputed by the supplier, then paid."""

from datetime import date, datetime, time, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders.settlements.models import Earning, Statement, SupplierPayout
from orders.settlements.queries import Watermark, position_of, sums_between, watermark
from orders.settlements.rules import period_start
from orders.settlements.states import StatementState, SupplierPayoutState
from shop.base.errors import Conflict, Invalid
from shop.base.locks import lock_rows, require_transaction
from shop.ledger import chart
from shop.ledger.actions import Entry, post
from shop.notifications.actions import Notice, notify_all
from shop.states.machine import move
from shop.suppliers.models import Supplier

# Suppliers are paid by bank transfer, by hand; the books name that rail so.
BANK = "bank"


class NothingToIssue(Conflict):
    """The supplier has no movements for which a statement could be issued now."""

    code = "nothing_to_issue"


class NothingToPay(Conflict):
    """The statement leaves nothing that could be paid out; it is carried over."""

    code = "nothing_to_pay"


def close_statements(*, now: datetime, limit: int = 500) -> int:
    """Issue the statement of the period that has just ended to each supplier that lacks it.

    Returns how many were issued. Running it twice, or in two places, issues each once.
    """
    until_date = period_start(timezone.localdate(now), settings.LINJIA_STATEMENT_PERIOD)
    waiting = (
        Supplier.objects.filter(
            Exists(Earning.objects.filter(supplier=OuterRef("pk"), accrued_at__lt=_midnight(until_date)))
        )
        .exclude(Exists(Statement.objects.filter(supplier=OuterRef("pk"), until_date__gte=until_date)))
        .order_by("pk")
        .values_list("pk", flat=True)[:limit]
    )
    issued = 0
    for supplier_id in list(waiting):
        with transaction.atomic():
            issued += _issue(supplier_id, until_date=until_date, actor="system", now=now) is not None
    return issued


def issue_now(*, supplier: Supplier, actor: str, now: datetime) -> Statement:
    """Issue a statement up to this moment, before the period ends. Raises :class:`NothingToIssue`."""
    until_date = timezone.localdate(now) + timedelta(days=1)
    with transaction.atomic():
        statement = _issue(supplier.pk, until_date=until_date, actor=actor, now=now)
    if statement is None:
        raise NothingToIssue(_("There is nothing new since the last statement."))
    return statement


def _issue(supplier_id: int, *, until_date: date, actor: str, now: datetime) -> Statement | None:
    (supplier,) = lock_rows(Supplier.objects.filter(pk=supplier_id))
    last = Statement.objects.filter(supplier=supplier).order_by("-pk").first()
    if last is not None and last.until_date >= until_date:
        return None
    start = Watermark(last.available_upto, last.debt_upto) if last else Watermark()
    end = watermark(supplier, until_at=_midnight(until_date), least=start)
    opening_fen = last.closing_fen if last else 0
    if start == end and opening_fen == 0:
        return None
    sums = sums_between(supplier, start, end)
    statement = Statement.objects.create(
        supplier=supplier,
        from_date=last.until_date if last else _first_day(supplier),
        until_date=until_date,
        opening_fen=opening_fen,
        settled_fen=sums.settled_fen,
        deducted_fen=sums.deducted_fen,
        paid_fen=sums.paid_fen,
        closing_fen=opening_fen + sums.net_fen,
        available_upto=end.available,
        debt_upto=end.debt,
    )
    move(statement, StatementState.CLOSED, actor=actor, at=now, changes={"closed_at": now})
    _tell(statement, now=now)
    return statement


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min), timezone.get_default_timezone())


def _first_day(supplier: Supplier) -> date:
    first = Earning.objects.filter(supplier=supplier).order_by("accrued_at").first()
    if first is None:
        raise NothingToIssue(_("This supplier has not earned anything yet."))
    return period_start(timezone.localdate(first.accrued_at), settings.LINJIA_STATEMENT_PERIOD)


def _tell(statement: Statement, *, now: datetime) -> None:
    people = statement.supplier.members.values_list("user_id", flat=True)
    facts = {"statement": statement.number, "amount_fen": statement.closing_fen}
    notices = [Notice(user_id, "statement_closed", facts, "/supplier/") for user_id in people]
    notify_all(notices=notices, at=now)


def confirm_statement(*, statement: Statement, actor: str, now: datetime) -> None:
    """The supplier accepts its statement. Raises ``StateConflict`` unless it is issued."""
    with transaction.atomic():
        move(statement, StatementState.CONFIRMED, actor=actor, at=now)


def dispute(*, statement: Statement, reason: str, actor: str, now: datetime) -> None:
    """The supplier objects, with its reason. Raises ``Invalid`` without one, ``StateConflict``."""
    if not reason.strip():
        raise Invalid(_("Say what is wrong with the statement."), field="reason")
    with transaction.atomic():
        note = {"note": reason.strip()[:200]}
        move(statement, StatementState.DISPUTED, actor=actor, at=now, reason=reason, changes=note)


def reissue(*, statement: Statement, note: str, actor: str, now: datetime) -> None:
    """Answer a dispute: issue the statement again.

    When it is the supplier's latest it takes in what was posted since, so that corrections show.
    Raises ``StateConflict`` unless it is disputed.
    """
    with transaction.atomic():
        (supplier,) = lock_rows(Supplier.objects.filter(pk=statement.supplier_id))
        changes = {"note": note.strip()[:200], "closed_at": now}
        others = Statement.objects.filter(supplier=supplier).exclude(pk=statement.pk)
        last = others.filter(pk__lt=statement.pk).order_by("-pk").first()
        if not others.filter(pk__gt=statement.pk).exists():
            start = Watermark(last.available_upto, last.debt_upto) if last else Watermark()
            so_far = Watermark(statement.available_upto, statement.debt_upto)
            end = watermark(supplier, until_at=now + timedelta(days=1), least=so_far)
            sums = sums_between(supplier, start, end)
            changes |= {
                "settled_fen": sums.settled_fen,
                "deducted_fen": sums.deducted_fen,
                "paid_fen": sums.paid_fen,
                "closing_fen": statement.opening_fen + sums.net_fen,
                "available_upto": end.available,
                "debt_upto": end.debt,
            }
        move(statement, StatementState.CLOSED, actor=actor, at=now, reason=note[:300], changes=changes)
        _tell(statement, now=now)


def pay_statement(*, statement: Statement, actor: str, now: datetime) -> SupplierPayout:
    """Start paying a confirmed statement: the money goes from available to paying, once.

    Pays what the statement closed with, or what is still available if that is less (a later
    deduction, or an earlier statement paid meanwhile). Staff then makes the bank transfer and records
    it. Raises ``StateConflict`` unless it is confirmed, :class:`NothingToPay`.
    """
    with transaction.atomic():
        (supplier,) = lock_rows(Supplier.objects.filter(pk=statement.supplier_id))
        (locked,) = lock_rows(Statement.objects.filter(pk=statement.pk))
        if locked.state != StatementState.CONFIRMED:
            raise Conflict(
                _("Only a confirmed statement can be paid; this one is “%(state)s”.")
                % {"state": locked.get_state_display()},
                code="statement_not_confirmed",
            )
        if locked.payouts.exclude(state=SupplierPayoutState.FAILED).exists():
            raise Conflict(_("This statement is being paid already."), code="already_paying")
        amount_fen = min(locked.closing_fen, position_of(supplier).available_fen)
        if amount_fen <= 0:
            raise NothingToPay(
                _("Nothing is due: what this statement leaves is carried over to the next."),
                extra={"closing_fen": locked.closing_fen},
            )
        payout = SupplierPayout.objects.create(
            statement=locked, supplier=supplier, amount_fen=amount_fen, started_by=actor, started_at=now
        )
        post(
            kind=chart.JournalKind.SUPPLIER_PAYOUT_STARTED,
            reference=payout.number,
            key=f"supplier_payout_started:{payout.number}",
            entries=[
                Entry(
                    debit=chart.supplier_available(supplier.code),
                    credit=chart.supplier_paying(supplier.code),
                    amount_fen=amount_fen,
                )
            ],
            at=now,
        )
    return payout


def record_payout_paid(*, number: str, bank_reference: str, actor: str, now: datetime) -> SupplierPayout:
    """Write down that the bank transfer was made; the statement is paid.

    Raises ``Invalid`` without a reference or for one used before, ``StateConflict`` when it is recorded
    already.
    """
    reference = bank_reference.strip()
    if not reference or len(reference) > 64:
        raise Invalid(_("Give the bank's reference, at most 64 characters."), field="bank_reference")
    with transaction.atomic():
        payout = _locked_payout(number)
        if SupplierPayout.objects.filter(bank_reference=reference).exclude(pk=payout.pk).exists():
            raise Invalid(_("This bank transfer is recorded for another payout."), field="bank_reference")
        changes = {"bank_reference": reference, "finished_at": now}
        move(payout, SupplierPayoutState.PAID, actor=actor, at=now, changes=changes)
        move(payout.statement, StatementState.PAID, actor=actor, at=now, reason=reference)
        _post_end(payout, chart.JournalKind.SUPPLIER_PAYOUT_PAID, chart.gateway(BANK), now=now)
    return payout


def record_payout_failed(*, number: str, reason: str, actor: str, now: datetime) -> SupplierPayout:
    """Write down that the bank sent the money back; it is available again and can be paid anew.

    Raises ``StateConflict`` when an end is recorded already.
    """
    with transaction.atomic():
        payout = _locked_payout(number)
        changes = {"fail_reason": reason[:200], "finished_at": now}
        move(payout, SupplierPayoutState.FAILED, actor=actor, at=now, reason=reason, changes=changes)
        available = chart.supplier_available(payout.supplier.code)
        _post_end(payout, chart.JournalKind.SUPPLIER_PAYOUT_FAILED, available, now=now)
    return payout


def _locked_payout(number: str) -> SupplierPayout:
    rows = lock_rows(SupplierPayout.objects.filter(number=number).select_related("statement", "supplier"))
    if not rows:
        raise Invalid(_("There is no such payout."), field="number")
    return rows[0]


def _post_end(payout: SupplierPayout, kind: str, credit: str, *, now: datetime) -> None:
    require_transaction()
    entry = Entry(debit=chart.supplier_paying(payout.supplier.code), credit=credit, amount_fen=payout.amount_fen)
    post(kind=kind, reference=payout.number, key=f"{kind}:{payout.number}", entries=[entry], at=now)
