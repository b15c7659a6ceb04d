"""Withdrawals that the gateway remembers better than we do: after a restore to an earlier moment."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from distributors.payouts.books import give_back, reserve_restored
from distributors.payouts.holds import open_hold
from distributors.payouts.models import Withdrawal
from distributors.payouts.sending import PAY, record, settle_unknown
from distributors.payouts.states import NOT_SENT, TO_DECIDE, WithdrawalState
from distributors.stores.models import Store
from shop.base.errors import Conflict, NotFound
from shop.base.locks import lock_rows
from shop.gateways.contract import TransferState
from shop.gateways.registry import gateway_named
from shop.ledger import chart
from shop.ledger.queries import balance_fen
from shop.notifications.actions import notify
from shop.states.machine import move
from shop.work.actions import forget

_REASON = "the gateway had it already"


def take_in(*, number: str, now: datetime) -> Withdrawal:
    """Write down what the gateway says about a withdrawal, also when we do not remember having sent it.

    Raises ``NotFound``, ``TransferMismatch``, ``GatewayUnknown`` or ``GatewayRefused`` when nobody can tell.
    """
    withdrawal = Withdrawal.objects.filter(number=number).first()
    if withdrawal is None:
        raise NotFound(_("There is no withdrawal %(number)s.") % {"number": number}, field="number")
    if withdrawal.state not in NOT_SENT:
        return settle_unknown(number=number, now=now)
    told = gateway_named(withdrawal.gateway).query_transfer(number)
    if told.state == "not_found":
        return withdrawal
    with transaction.atomic():
        (locked,) = lock_rows(Withdrawal.objects.filter(pk=withdrawal.pk))
        _as_sent(locked, actor="system", now=now)
        return record(told=told, now=now)


def adopt(*, number: str, gateway_name: str, store: Store | None, actor: str, now: datetime) -> Withdrawal:
    """Write down a payout that only the gateway remembers, and book it to the store whose owner got it.

    The money has left. What was asked for meanwhile on the wrong balance is declined as far as needed; what the
    store then has not available is its debt. ``store`` is looked up by
    the person's WeChat when None. Raises ``Conflict`` when the number is known or nothing was paid under
    it, ``NotFound`` when nobody of ours is paid there, ``GatewayUnknown`` when nobody can tell.
    """
    told = gateway_named(gateway_name).query_transfer(number)
    if told.state != "paid":
        raise Conflict(
            _("The gateway has paid nothing under %(number)s; it says “%(state)s”.")
            % {"number": number, "state": told.state},
            code="not_paid_there",
        )
    owner = store or _store_of(told)
    with transaction.atomic():
        (locked,) = lock_rows(Store.objects.filter(pk=owner.pk))
        if Withdrawal.objects.filter(number=number).exists():
            raise Conflict(_("Withdrawal %(number)s is known already.") % {"number": number}, code="known")
        withdrawal = Withdrawal.objects.create(
            number=number,
            store=locked,
            amount_fen=told.amount_fen,
            openid=told.openid,
            real_name=owner.distributor.real_name,
            gateway=gateway_name,
            requested_at=now,
        )
        _decline_newer(withdrawal, actor=actor, now=now)
        reserve_restored(withdrawal, at=now)
        _as_sent(withdrawal, actor=actor, now=now)
        return record(told=told, now=now)


def _decline_newer(withdrawal: Withdrawal, *, actor: str, now: datetime) -> None:
    """Give back what was asked for since payouts stand still, if the money is not enough without it.

    Nothing of that was sent; it was asked for on a balance that forgot ``withdrawal``.
    """
    hold = open_hold()
    if hold is None:
        return
    code = withdrawal.store.code
    newer = Withdrawal.objects.filter(
        store_id=withdrawal.store_id, state__in=NOT_SENT, requested_at__gte=hold.placed_at
    )
    for row in lock_rows(newer.select_related("store__distributor")):
        if balance_fen(chart.store_available(code)) >= withdrawal.amount_fen:
            return
        reason = str(_("Your balance was corrected; please ask again."))
        changes = {"finished_at": now, "fail_reason": reason}
        move(row, WithdrawalState.REJECTED, actor=actor, at=now, reason=reason, changes=changes)
        give_back(row, at=now)
        forget(what=PAY, subject=row.number)
        facts = {"amount_fen": row.amount_fen, "reason": reason}
        notify(user_id=row.store.distributor.user_id, kind="withdrawal_rejected", facts=facts, at=now)


def _as_sent(withdrawal: Withdrawal, *, actor: str, now: datetime) -> None:
    if withdrawal.state in TO_DECIDE:
        # It has left already: the gateway's word stands for whoever agreed to a large amount.
        agreed = {"agreed_by": "gateway"} if withdrawal.needs_two else {}
        changes = {"reviewed_by": actor, "reviewed_at": now, **agreed}
        move(withdrawal, WithdrawalState.APPROVED, actor=actor, at=now, reason=_REASON, changes=changes)
    move(withdrawal, WithdrawalState.SENDING, actor=actor, at=now, reason=_REASON, changes={"sent_at": now})
    forget(what=PAY, subject=withdrawal.number)


def _store_of(told: TransferState) -> Store:
    owner = Store.objects.filter(distributor__user__wechat_identities__openid=told.openid)
    found = owner.select_related("distributor__user").first() if told.openid else None
    if found is None:
        raise NotFound(_("None of our stores is paid to that WeChat. Name the store."), field="store")
    return found
