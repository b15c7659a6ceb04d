"""Payouts that stood still go on again: once the books of both sides have been compared and nothing is open."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from distributors.payouts import holds
from distributors.payouts.models import PayoutHold, Withdrawal
from distributors.payouts.states import WithdrawalState
from orders.flow.forgotten import forgotten_refunds
from orders.payments.queries import last_reconciliation, open_differences
from shop.base.errors import Conflict


class NotComparedYet(Conflict):
    """No comparison covers the time that may have been forgotten; ``extra`` says which would."""

    code = "not_compared_yet"


def release_payouts(*, actor: str, reason: str, is_forced: bool = False, now: datetime) -> int:
    """Let payouts go on after a hold; return how many holds ended.

    The last comparison must begin no later than what the database remembers and reach so far that every
    transfer sent before the hold has ended; no payout may differ in it, and no refund be known there alone
    (refunds of older orders go on with the payouts). ``is_forced`` skips that for
    somebody who knows that nothing was forgotten. Raises :class:`NotComparedYet`, ``Conflict`` while
    something differs, ``Invalid`` (``reason``).
    """
    hold = holds.open_hold()
    if hold is None:
        return 0
    if not is_forced:
        _check_compared(hold)
    approved = Withdrawal.objects.filter(state=WithdrawalState.APPROVED).values_list("number", flat=True)
    with transaction.atomic():
        return holds.lift(actor=actor, reason=reason, numbers=list(approved), now=now)


def covered_until(hold: PayoutHold) -> datetime:
    """Return until when a comparison must reach: what waited for its confirmation has ended by then."""
    return hold.placed_at + timedelta(hours=settings.LINJIA_TRANSFER_HOURS)


def _check_compared(hold: PayoutHold) -> None:
    until, since = covered_until(hold), hold.remembered_until or hold.placed_at
    run = last_reconciliation(settings.LINJIA_GATEWAY)
    if run is None or run.until < until or run.since > since:
        facts = {"since": _local(since), "until": _local(until)}
        raise NotComparedYet(
            _("Compare the books first: from %(since)s at the latest, until %(until)s at least.") % facts,
            extra={"since": since.isoformat(), "until": until.isoformat()},
        )
    differing = open_differences(run).filter(kind="transfer").count()
    if differing:
        raise Conflict(
            _("%(count)d payouts differ from the gateway's book. Take them in or explain them first.")
            % {"count": differing},
            code="payouts_differ",
        )
    forgotten = forgotten_refunds(run).count()
    if forgotten:
        raise Conflict(
            _("%(count)d refunds are known to the gateway alone. Adopt or explain them first.") % {"count": forgotten},
            code="refunds_differ",
        )


def _local(moment: datetime) -> str:
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M")
