"""Our book against the gateway's, both ways: every payment, refund and transfer, by number.

What differs has a type and a cause. Only a lost word is mended, and only by asking the gateway; what
needs a judgement is listed for a person.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from distributors.payouts import sending
from distributors.payouts.models import Withdrawal
from orders.flow import reversal
from orders.flow.payment import query_payment
from orders.payments.models import Payment, Refund
from shop.gateways.contract import BookEntry
from shop.gateways.registry import gateway_named


class Cause(models.TextChoices):
    """What is different, and what it usually means."""

    NOT_RECORDED = "not_recorded", _("done there, not here: its notice was lost")
    FAILED_THERE = "failed_there", _("failed there, still open here: its notice was lost")
    UNKNOWN_HERE = "unknown_here", _("moved there under a number we do not know: lost here, or not ours")
    MISSING_THERE = "missing_there", _("done here, not there: booked without the gateway")
    AMOUNT = "amount", _("the amounts differ")
    TWICE = "twice", _("moved there more than once, here once")
    OTHER_STATE = "other_state", _("done here, not done there")


MENDABLE = frozenset({Cause.NOT_RECORDED, Cause.FAILED_THERE})
_DONE = {"payment": ("paid", "refunded"), "refund": ("succeeded",), "transfer": ("paid",)}
_FAILED = {"payment": (), "refund": ("abnormal", "closed"), "transfer": ("failed", "cancelled")}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two books tell differently. Amounts in fen, None where a book has none."""

    kind: str
    number: str
    cause: Cause
    ours_fen: int | None
    theirs_fen: int | None
    detail: str = ""

    @property
    def explanation(self) -> str | Promise:
        return self.cause.label


@dataclass(frozen=True, slots=True)
class _Ours:
    """What we hold about one movement: done, failed, or still open."""

    amount_fen: int
    is_done: bool
    is_failed: bool
    times: int = 1


def reconcile(*, gateway_name: str, since: datetime, until: datetime) -> list[Difference]:
    """Return what our book and the gateway's tell differently about ``since`` to ``until``.

    Everything in the gateway's book from ``since`` on is looked up here by its number; what is done here
    in that time is looked up there. Raises ``GatewayUnknown`` when the book cannot be had.
    """
    theirs: dict[tuple[str, str], list[BookEntry]] = defaultdict(list)
    for entry in gateway_named(gateway_name).book(since):
        theirs[entry.kind, entry.number].append(entry)
    ours = _ours(gateway_name, theirs)
    found = [
        difference
        for (kind, number), entries in theirs.items()
        for difference in _compare(kind, number, entries, ours.get((kind, number)))
    ]
    for kind, number, amount_fen in _done_here(gateway_name, since, until):
        if (kind, number) not in theirs:
            found.append(Difference(kind, number, Cause.MISSING_THERE, amount_fen, None))
    return sorted(found, key=lambda difference: (difference.kind, difference.number, difference.cause))


def mend(*, difference: Difference, gateway_name: str, now: datetime) -> bool:
    """Ask the gateway about a movement whose notice was lost, and take the answer in; true when it helped.

    Anything else is left to a person. Raises ``GatewayUnknown`` when nobody can tell.
    """
    if difference.cause not in MENDABLE:
        return False
    number = difference.number
    if difference.kind == "payment":
        return query_payment(number=number, now=now) in ("applied", "late", "second", "seen")
    if difference.kind == "refund":
        answer = gateway_named(gateway_name).query_refund(number)
        outcome = reversal.confirm_refund(gateway_name=gateway_name, state=answer, now=now)
        return outcome != reversal.NOTED or answer.state in _FAILED["refund"]
    sending.settle_unknown(number=number, now=now)
    return True


def _compare(kind: str, number: str, entries: Sequence[BookEntry], ours: _Ours | None) -> Iterator[Difference]:
    done = [entry for entry in entries if entry.state in _DONE[kind]]
    theirs_fen = sum(entry.amount_fen for entry in done) if done else None
    states = ", ".join(sorted({entry.state for entry in entries}))
    if ours is None:
        if done:
            yield Difference(kind, number, Cause.UNKNOWN_HERE, None, theirs_fen, states)
        return
    ours_fen = ours.amount_fen * ours.times if ours.is_done else None
    if done and not ours.is_done:
        yield Difference(kind, number, Cause.NOT_RECORDED, None, theirs_fen, states)
    elif not done and ours.is_done:
        yield Difference(kind, number, Cause.OTHER_STATE, ours_fen, None, states)
    elif done and len(done) != ours.times:
        yield Difference(kind, number, Cause.TWICE, ours_fen, theirs_fen, states)
    elif done and theirs_fen != ours_fen:
        yield Difference(kind, number, Cause.AMOUNT, ours_fen, theirs_fen, states)
    elif not ours.is_done and not ours.is_failed and {e.state for e in entries} & set(_FAILED[kind]):
        yield Difference(kind, number, Cause.FAILED_THERE, None, None, states)


def _ours(gateway_name: str, theirs: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], _Ours]:
    """Return what we hold under the numbers of the gateway's book: three statements."""
    numbers: dict[str, list[str]] = defaultdict(list)
    for kind, number in theirs:
        numbers[kind].append(number)
    again = Payment.objects.filter(gateway=gateway_name, gateway_number__in=numbers["payment"])
    second = again.filter(state="succeeded").values_list("gateway_number")
    times = dict(second.annotate(count=models.Count("pk")).order_by())
    held: dict[tuple[str, str], _Ours] = {}
    payments = Payment.objects.filter(gateway=gateway_name, number__in=numbers["payment"])
    for number, fen, state in payments.values_list("number", "amount_fen", "state"):
        # A payment we gave up may still be made: to us it has failed, to reconcile it has not.
        held["payment", number] = _Ours(fen, state == "succeeded", False, 1 + times.get(number, 0))
    refunds = Refund.objects.filter(payment__gateway=gateway_name, number__in=numbers["refund"])
    for number, fen, state in refunds.values_list("number", "amount_fen", "state"):
        held["refund", number] = _Ours(fen, state == "succeeded", state == "failed")
    transfers = Withdrawal.objects.filter(gateway=gateway_name, number__in=numbers["transfer"])
    for number, fen, tax, state in transfers.values_list("number", "amount_fen", "tax_fen", "state"):
        held["transfer", number] = _Ours(fen - tax, state == "paid", state in ("failed", "cancelled"))
    return held


def _done_here(gateway_name: str, since: datetime, until: datetime) -> Iterator[tuple[str, str, int]]:
    span = {"succeeded_at__gte": since, "succeeded_at__lt": until}
    payments = Payment.objects.filter(gateway=gateway_name, state="succeeded", gateway_number="", **span)
    for number, fen in payments.values_list("number", "amount_fen"):
        yield "payment", number, fen
    refunds = Refund.objects.filter(payment__gateway=gateway_name, state="succeeded", **span)
    for number, fen in refunds.values_list("number", "amount_fen"):
        yield "refund", number, fen
    transfers = Withdrawal.objects.filter(
        gateway=gateway_name, state="paid", finished_at__gte=since, finished_at__lt=until
    )
    for number, fen, tax in transfers.values_list("number", "amount_fen", "tax_fen"):
        yield "transfer", number, fen - tax
