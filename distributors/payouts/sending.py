"""Paying through the gateway: intent first, then the call, then its result – with one number for ever.

Whatever is unknown is settled by asking with the same number. Money goes back to the store only when
the gateway itself says that it will never be paid.
"""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from distributors.payouts.books import give_back, pay_out
from distributors.payouts.holds import is_held, refuse_when_held, was_held_since
from distributors.payouts.models import Withdrawal
from distributors.payouts.rules import (
    ENDED,
    HOLD_PAUSE,
    NEVER_SENT,
    RESEND_AFTER,
    RETURNED,
    fault_of,
    query_pause,
    readable_reason,
)
from distributors.payouts.states import NOT_SENT, WithdrawalState
from distributors.stores.models import Store
from distributors.stores.states import DistributorState
from shop.base.errors import Conflict, NotFound
from shop.base.locks import lock_rows
from shop.gateways.contract import Gateway, GatewayRefused, GatewayUnknown, Notice, TransferState
from shop.gateways.registry import gateway_named
from shop.notifications.actions import notify
from shop.states.machine import move
from shop.work.actions import forget, remember

logger = structlog.get_logger(__name__)

PAY, QUERY, EXPIRE = "withdrawal.pay", "withdrawal.query", "withdrawal.expire"

_OUT = (WithdrawalState.SENDING, WithdrawalState.UNKNOWN, WithdrawalState.WAITING_USER)


class TransferMismatch(Conflict):
    """What the gateway says does not fit our books; nothing is changed and a person must look."""

    code = "transfer_mismatch"


def send(*, number: str, now: datetime, gateway: Gateway | None = None) -> Withdrawal:
    """Pay an approved withdrawal; asked again at any point, it finds out how far it had come.

    The intent is committed before the gateway is called, and with it a reminder to ask what became of
    it. While payouts stand still it stays approved. What was approved before such a time may have been
    sent in a life we forgot: the gateway is asked first. Raises ``NotFound``, :class:`TransferMismatch`.
    """
    with transaction.atomic(durable=True):
        withdrawal = _locked(number)
        is_mine = withdrawal.state == WithdrawalState.APPROVED
        if is_mine and is_held(now=now):
            remember(what=PAY, subject=number, due_at=now + HOLD_PAUSE)
            return withdrawal
        if is_mine and _was_banned_since(withdrawal):
            return _withhold(withdrawal, now=now)
        if is_mine:
            move(
                withdrawal,
                WithdrawalState.SENDING,
                actor="system",
                at=now,
                changes={"sent_at": now},
            )
            remember(what=QUERY, subject=number, due_at=now + query_pause(since=now, now=now))
    if is_mine and not was_held_since(withdrawal.reviewed_at):
        return _transfer(withdrawal, gateway, now=now)
    return settle_unknown(number=number, now=now, gateway=gateway)


def settle_unknown(*, number: str, now: datetime, gateway: Gateway | None = None) -> Withdrawal:
    """Ask the gateway what became of a withdrawal that is out, with the number it was sent with.

    What the gateway never heard of is sent again, with the same number, once it cannot be on its way
    any more. While nobody can tell, asking goes on by itself. Raises ``NotFound``,
    :class:`TransferMismatch`.
    """
    withdrawal = _read(number)
    if withdrawal.state not in _OUT:
        return withdrawal
    rail = gateway or gateway_named(withdrawal.gateway)
    try:
        told = rail.query_transfer(number)
    except (GatewayUnknown, GatewayRefused):
        return _ask_later(number, now=now)
    if told.state != "not_found":
        return record(told=told, now=now)
    if withdrawal.state == WithdrawalState.WAITING_USER:
        raise TransferMismatch(_("The gateway does not know withdrawal %(number)s any more.") % {"number": number})
    again = _claim_resend(withdrawal, now=now)
    return _ask_later(number, now=now) if again is None else _transfer(again, gateway, now=now)


def apply_notice(*, notice: Notice, now: datetime) -> Withdrawal:
    """Take in what a proven notice says about a transfer. Taking it in twice changes nothing.

    Raises ``NotFound`` for a number that is not ours, :class:`TransferMismatch` for another amount or
    an end that contradicts the known one.
    """
    told = TransferState(
        number=notice.number,
        state=notice.state,  # type: ignore[arg-type]
        amount_fen=notice.amount_fen,
        bill_id=notice.transaction_id,
        fail_reason=str(notice.raw.get("fail_reason") or ""),
        finished_at=notice.created_at,
    )
    return record(told=told, now=now)


def expire(*, number: str, now: datetime, gateway: Gateway | None = None) -> Withdrawal:
    """End a withdrawal the person did not confirm in time, and return the money.

    The gateway has the last word: what was confirmed in the last moment is paid, the rest is withdrawn
    there first.
    """
    withdrawal = _read(number)
    if withdrawal.state != WithdrawalState.WAITING_USER:
        return withdrawal
    if withdrawal.confirm_until is not None and now < withdrawal.confirm_until:
        with transaction.atomic():
            remember(what=EXPIRE, subject=number, due_at=withdrawal.confirm_until)
        return withdrawal
    withdrawal = settle_unknown(number=number, now=now, gateway=gateway)
    if withdrawal.state != WithdrawalState.WAITING_USER:
        return withdrawal
    return _cancel_at_gateway(withdrawal, gateway, now=now)


def cancel(*, store: Store, number: str, now: datetime, gateway: Gateway | None = None) -> Withdrawal:
    """Let the owner take her withdrawal back: before it is sent at once, while it waits for her by the gateway.

    Raises ``NotFound`` for another store's, ``Conflict`` when the money is on its way or arrived, or
    while payouts stand still.
    """
    with transaction.atomic(durable=True):
        withdrawal = _locked(number, store=store)
        if withdrawal.state in NOT_SENT:
            refuse_when_held()
            move(
                withdrawal,
                WithdrawalState.CANCELLED,
                actor=f"user:{store.distributor.user.number}",
                at=now,
                changes={"finished_at": now},
            )
            give_back(withdrawal, at=now)
            forget(what=PAY, subject=number)
            return withdrawal
    if withdrawal.state != WithdrawalState.WAITING_USER:
        raise Conflict(_("This withdrawal cannot be taken back any more."), code="too_late")
    return _cancel_at_gateway(withdrawal, gateway, now=now)


def is_forgotten(refusal: NotFound | TransferMismatch) -> bool:
    """Return whether the gateway told of a transfer that, as far as we remember, we never sent."""
    return isinstance(refusal, NotFound) or refusal.extra.get("fault") == NEVER_SENT


@transaction.atomic
def _claim_resend(seen: Withdrawal, *, now: datetime) -> Withdrawal | None:
    """Return the withdrawal when this worker is the one to send it again; None when it is too early for that.

    Sending anew moves ``sent_at``: for a while no rival sends it too, and what an earlier call concludes
    from a refusal counts no more (see :func:`record`).
    """
    withdrawal = _locked(seen.number)
    is_early = withdrawal.sent_at is not None and now - withdrawal.sent_at < RESEND_AFTER
    if is_early or withdrawal.state not in _OUT or withdrawal.sent_at != seen.sent_at:
        return None
    withdrawal.sent_at = now
    withdrawal.save(update_fields=["sent_at"])
    _remember_query(withdrawal, now=now)
    return withdrawal


@transaction.atomic
def record(*, told: TransferState, now: datetime, sent_at: datetime | None = None) -> Withdrawal:
    """Write down what the gateway says about a transfer. Raises what :func:`apply_notice` raises.

    With ``sent_at`` it is what was concluded from the refusal of the call of that moment: when another
    call was made since, it may have got through, and asking goes on instead.
    """
    withdrawal = _locked(told.number)
    if sent_at is not None and withdrawal.sent_at != sent_at and withdrawal.state in _OUT:
        _remember_query(withdrawal, now=now)
        return withdrawal
    _check(withdrawal, told)
    if withdrawal.state in ENDED:
        return withdrawal
    if told.state == "paid":
        _paid(withdrawal, told, now=now)
    elif told.state in RETURNED:
        _failed(withdrawal, told, now=now)
    elif told.state == "waiting_user" and withdrawal.state != WithdrawalState.WAITING_USER:
        _waiting(withdrawal, told, now=now)
    else:
        if withdrawal.state == WithdrawalState.UNKNOWN:
            move(withdrawal, WithdrawalState.SENDING, actor="system", at=now)
        _remember_query(withdrawal, now=now)
    return withdrawal


def _transfer(withdrawal: Withdrawal, gateway: Gateway | None, *, now: datetime) -> Withdrawal:
    """Call the gateway, outside any transaction, and record what it says."""
    rail = gateway or gateway_named(withdrawal.gateway)
    number = withdrawal.number
    told: TransferState | None
    concluded_of: datetime | None = None
    try:
        told = rail.transfer(
            number=number,
            openid=withdrawal.openid,
            app_id=withdrawal.app_id,
            amount_fen=withdrawal.amount_fen - withdrawal.tax_fen,
            real_name=withdrawal.real_name,
            remark=str(_("Commission of your store")),
        )
    except GatewayUnknown:
        return _unknown(number, now=now)
    except GatewayRefused as refusal:
        told, concluded_of = _after_refusal(rail, number, refusal), withdrawal.sent_at
    if told is None:
        return _unknown(number, now=now)
    return record(told=told, now=now, sent_at=concluded_of)


def _after_refusal(rail: Gateway, number: str, refusal: GatewayRefused) -> TransferState | None:
    """Return how a refused transfer stands. An earlier call with this number may have got through."""
    try:
        told = rail.query_transfer(number)
    except (GatewayUnknown, GatewayRefused):
        return None
    if told.state != "not_found":
        return told
    logger.warning("transfer_refused", number=number, code=refusal.code, message=refusal.message)
    return TransferState(number=number, state="failed", fail_reason=refusal.code)


def _cancel_at_gateway(withdrawal: Withdrawal, gateway: Gateway | None, *, now: datetime) -> Withdrawal:
    rail = gateway or gateway_named(withdrawal.gateway)
    try:
        told = rail.cancel_transfer(withdrawal.number)
    except (GatewayUnknown, GatewayRefused):
        # Confirmed just now, or nobody can tell: the query says which.
        return settle_unknown(number=withdrawal.number, now=now, gateway=gateway)
    return record(told=told, now=now)


def _check(withdrawal: Withdrawal, told: TransferState) -> None:
    due_fen = withdrawal.amount_fen - withdrawal.tax_fen
    fault = fault_of(told.state, told.amount_fen, state=withdrawal.state, due_fen=due_fen)
    if fault:
        logger.error("transfer_mismatch", number=withdrawal.number, fault=fault)
        raise TransferMismatch(
            _("The gateway's word about withdrawal %(number)s does not fit our books: %(fault)s.")
            % {"number": withdrawal.number, "fault": fault},
            extra={"number": withdrawal.number, "fault": fault},
        )


def _paid(withdrawal: Withdrawal, told: TransferState, *, now: datetime) -> None:
    move(
        withdrawal,
        WithdrawalState.PAID,
        actor="gateway",
        at=now,
        changes={"finished_at": told.finished_at or now, "bill_id": told.bill_id},
    )
    pay_out(withdrawal, at=now)
    _forget_all(withdrawal)
    _tell(withdrawal, "withdrawal_paid", now=now)


def _failed(withdrawal: Withdrawal, told: TransferState, *, now: datetime) -> None:
    word = told.fail_reason or told.state.upper()
    move(
        withdrawal,
        WithdrawalState.FAILED,
        actor="gateway",
        at=now,
        reason=word[:200],
        changes={
            "finished_at": told.finished_at or now,
            "bill_id": told.bill_id or withdrawal.bill_id,
            "fail_reason": word[:200],
        },
    )
    give_back(withdrawal, at=now)
    _forget_all(withdrawal)
    _tell(withdrawal, "withdrawal_failed", now=now, reason=readable_reason(word))


def _waiting(withdrawal: Withdrawal, told: TransferState, *, now: datetime) -> None:
    until = (withdrawal.sent_at or now) + timedelta(hours=settings.LINJIA_TRANSFER_HOURS)
    move(
        withdrawal,
        WithdrawalState.WAITING_USER,
        actor="gateway",
        at=now,
        changes={
            "bill_id": told.bill_id,
            "package_info": told.package_info,
            "confirm_until": until,
        },
    )
    remember(what=EXPIRE, subject=withdrawal.number, due_at=until)
    _remember_query(withdrawal, now=now)
    _tell(withdrawal, "withdrawal_waiting", now=now)


@transaction.atomic
def _unknown(number: str, *, now: datetime) -> Withdrawal:
    withdrawal = _locked(number)
    if withdrawal.state == WithdrawalState.SENDING:
        move(withdrawal, WithdrawalState.UNKNOWN, actor="system", at=now)
    if withdrawal.state == WithdrawalState.UNKNOWN:
        _remember_query(withdrawal, now=now)
    return withdrawal


@transaction.atomic
def _ask_later(number: str, *, now: datetime) -> Withdrawal:
    withdrawal = _locked(number)
    if withdrawal.state in _OUT:
        _remember_query(withdrawal, now=now)
    return withdrawal


def _withhold(withdrawal: Withdrawal, *, now: datetime) -> Withdrawal:
    """The distributor was banned after the approval: back to where staff look at it again."""
    reason = str(_("The store was closed after the approval; ask again and we look at it."))
    move(
        withdrawal,
        WithdrawalState.REJECTED,
        actor="system",
        at=now,
        reason=reason,
        changes={"finished_at": now, "fail_reason": reason},
    )
    give_back(withdrawal, at=now)
    _tell(withdrawal, "withdrawal_rejected", now=now, reason=reason)
    return withdrawal


def _was_banned_since(withdrawal: Withdrawal) -> bool:
    distributor = withdrawal.store.distributor
    if distributor.state != DistributorState.BANNED or distributor.ended_at is None:
        return False
    return withdrawal.reviewed_at is None or withdrawal.reviewed_at <= distributor.ended_at


def _remember_query(withdrawal: Withdrawal, *, now: datetime) -> None:
    pause = query_pause(since=withdrawal.sent_at or now, now=now)
    remember(what=QUERY, subject=withdrawal.number, due_at=now + pause)


def _forget_all(withdrawal: Withdrawal) -> None:
    for what in (QUERY, EXPIRE):
        forget(what=what, subject=withdrawal.number)


def _tell(withdrawal: Withdrawal, kind: str, *, now: datetime, reason: str = "") -> None:
    facts: dict[str, object] = {"amount_fen": withdrawal.amount_fen}
    if reason:
        facts["reason"] = reason
    notify(user_id=withdrawal.store.distributor.user_id, kind=kind, facts=facts, at=now)


def _locked(number: str, *, store: Store | None = None) -> Withdrawal:
    rows = Withdrawal.objects.filter(number=number).select_related("store__distributor")
    if store is not None:
        rows = rows.filter(store=store)
    locked = lock_rows(rows)
    if not locked:
        raise _no_such(number)
    return locked[0]


def _read(number: str) -> Withdrawal:
    withdrawal = Withdrawal.objects.filter(number=number).select_related("store__distributor").first()
    if withdrawal is None:
        raise _no_such(number)
    return withdrawal


def _no_such(number: str) -> NotFound:
    return NotFound(_("There is no withdrawal %(number)s.") % {"number": number}, field="number")
