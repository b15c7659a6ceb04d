"""Asking for money, and deciding about it. What the gateway does is in ``sending``."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from distributors.payouts.books import give_back, reserve
from distributors.payouts.holds import refuse_when_held
from distributors.payouts.models import PayoutAccount, Withdrawal
from distributors.payouts.rules import NAME_LENGTH_MAX, Limits, check_amount, check_count
from distributors.payouts.sending import (
    apply_notice,
    cancel,
    expire,
    send,
    settle_unknown,
)
from distributors.payouts.states import WithdrawalState
from distributors.stores.models import Distributor, Store
from distributors.stores.rules import checked_text
from distributors.stores.states import DistributorState
from shop.accounts.models import WechatIdentity
from shop.accounts.queries import payable_identities
from shop.base.errors import Conflict, Invalid, NotAllowed
from shop.base.locks import lock_rows, retry_on_contention
from shop.base.money import format_yuan
from shop.ledger import chart
from shop.ledger.actions import InsufficientFunds
from shop.ledger.queries import balance_fen
from shop.notifications.actions import notify
from shop.privacy.rules import clean_identity
from shop.states.machine import move
from shop.work.actions import remember

__all__ = [
    "apply_notice",
    "approve",
    "cancel",
    "expire",
    "reject",
    "request",
    "save_payout_account",
    "send",
    "settle_unknown",
]


class NotEnough(Conflict):
    """More than is available; ``extra["available_fen"]`` says how much is."""

    code = "not_enough"


class OwesMoney(Conflict):
    """Refunds took back more than there was; the debt is repaid by the next earnings first."""

    code = "owes_money"


class CoolingOff(Conflict):
    """The payout account was changed; ``extra["cooling_until"]`` says until when to wait."""

    code = "cooling_off"


class NoPayoutAccount(Conflict):
    """Nobody knows yet where to pay."""

    code = "no_payout_account"


def save_payout_account(*, store: Store, real_name: str, identity_number: str = "", now: datetime) -> PayoutAccount:
    """Set where a store's owner is paid: her own WeChat, under her real name.

    The openid is the one WeChat proved at her sign-in; no request can name another. A change starts a
    cooling-off time, the first account none; saving the same again changes nothing. ``identity_number``
    is that of her identity card, which tax reports ask for; left out, what is known stays. Raises ``Invalid``
    (``real_name``, ``identity_number``) also when it is not what the distributor is known by, ``Conflict`` without
    WeChat and for the identity or WeChat of another distributor.
    """
    name = checked_text(real_name, field="real_name", longest=NAME_LENGTH_MAX, shortest=2)
    identity = _checked_identity(identity_number)
    identities = payable_identities(store.distributor.user)
    if not identities:
        raise Conflict(_("Sign in with WeChat first: that is where you are paid."), code="no_wechat_identity")
    try:
        with transaction.atomic():
            (distributor,) = lock_rows(Distributor.objects.filter(pk=store.distributor_id))
            if distributor.real_name and distributor.real_name != name:
                raise Invalid(
                    _("This is not the name you are known by. Write to us to correct it."),
                    field="real_name",
                )
            _note_person(distributor, name, identity)
            return _save_account(distributor, identities, name, now=now)
    except IntegrityError as error:
        if "identity_key" in str(error):
            raise _identity_taken() from None
        raise Conflict(_("Another distributor is paid to this WeChat account."), code="payee_taken") from None


def _checked_identity(text: str) -> str:
    identity = clean_identity(text) if text.strip() else ""
    if identity is None:
        raise Invalid(_("This is no number of an identity card. Check its 18 characters."), field="identity_number")
    return identity


def _note_person(distributor: Distributor, name: str, identity: str) -> None:
    """Write down who she is, once; afterwards only staff correct it."""
    known = distributor.identity_number
    if identity and known and identity != known:
        raise Invalid(_("This is not the number you are known by. Write to us to correct it."), field="identity_number")
    others = Distributor.objects.exclude(pk=distributor.pk)
    if identity and not known and others.filter(identity_number=identity).exists():
        raise _identity_taken()
    if not distributor.real_name or identity != known:
        distributor.real_name, distributor.identity_number = name, identity or known
        distributor.save(update_fields=["real_name", "identity_number", "identity_key"])


def _identity_taken() -> Conflict:
    return Conflict(
        _("This person has a store already. One person, one store."), field="identity_number", code="identity_taken"
    )


def _save_account(
    distributor: Distributor, identities: Sequence[WechatIdentity], name: str, *, now: datetime
) -> PayoutAccount:
    account = PayoutAccount.objects.filter(distributor=distributor).first()
    # While she is still known by the openid she is paid to, another app of the same person changes nothing.
    kept = next((one for one in identities if account is not None and one.openid == account.openid), identities[0])
    payee = {"app_id": kept.app_id, "openid": kept.openid, "real_name": name}
    if account is None:
        return PayoutAccount.objects.create(distributor=distributor, changed_at=now, **payee)
    if (account.openid, account.real_name) != (kept.openid, name):
        account.app_id, account.openid, account.real_name, account.changed_at = kept.app_id, kept.openid, name, now
        account.cooling_until = now + timedelta(hours=settings.LINJIA_PAYOUT_COOLING_HOURS)
        account.save(update_fields=["app_id", "openid", "real_name", "changed_at", "cooling_until"])
    return account


@retry_on_contention()
def request(*, store: Store, amount_fen: int, now: datetime) -> Withdrawal:
    """Ask for ``amount_fen`` of what is available; it is set aside at once and waits for a decision.

    Also for stores that are suspended or have left: what was earned stays payable. Payee and gateway
    are copied now; later changes do not reach them. Raises ``Invalid`` (``amount_fen``),
    :class:`NoPayoutAccount`, :class:`CoolingOff`, :class:`OwesMoney`, :class:`NotEnough`,
    ``TooManyWithdrawals``, ``NotAllowed`` for a closed account; nothing is set aside then.
    """
    limits = Limits(
        minimum_fen=settings.LINJIA_WITHDRAW_MIN_FEN,
        maximum_fen=settings.LINJIA_WITHDRAW_MAX_FEN,
        per_day_max=settings.LINJIA_WITHDRAWALS_PER_DAY_MAX,
    )
    amount = check_amount(amount_fen, limits)
    with transaction.atomic():
        # One request of a store at a time: they are counted, and the payee is read.
        rows = lock_rows(
            PayoutAccount.objects.filter(distributor_id=store.distributor_id).select_related("distributor__user")
        )
        account = _usable(rows, now)
        day = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
        made_today = Withdrawal.objects.filter(store=store, requested_at__gte=day).count()
        check_count(made_today, limits, wait=day + timedelta(days=1) - now)
        _refuse_debt(store)
        withdrawal = Withdrawal.objects.create(
            store=store,
            amount_fen=amount,
            app_id=account.app_id,
            openid=account.openid,
            real_name=account.real_name,
            gateway=settings.LINJIA_GATEWAY,
            needs_two=amount > settings.LINJIA_TWO_PERSON_FEN,
            requested_at=now,
        )
        try:
            reserve(withdrawal, at=now)
        except InsufficientFunds:
            available_fen = balance_fen(chart.store_available(store.code))
            raise NotEnough(
                _("You can withdraw ¥%(available)s at most.") % {"available": format_yuan(available_fen)},
                field="amount_fen",
                extra={"available_fen": available_fen},
            ) from None
    return withdrawal


def _usable(rows: list[PayoutAccount], now: datetime) -> PayoutAccount:
    if not rows:
        raise NoPayoutAccount(_("Say first where you want to be paid."))
    account = rows[0]
    user = account.distributor.user
    if not user.is_active:
        raise NotAllowed(_("This account is closed. Write to us about your money."))
    if account.cooling_until is not None and now < account.cooling_until:
        raise CoolingOff(
            _("You changed where you are paid. You can withdraw from %(time)s on.")
            % {"time": timezone.localtime(account.cooling_until).strftime("%Y-%m-%d %H:%M")},
            extra={"cooling_until": account.cooling_until.isoformat()},
        )
    if not WechatIdentity.objects.filter(user=user, openid=account.openid).exists():
        raise NoPayoutAccount(_("Your WeChat changed. Say again where you want to be paid."))
    return account


def _refuse_debt(store: Store) -> None:
    debt_fen = balance_fen(chart.store_debt(store.code))
    if debt_fen > 0:
        raise OwesMoney(
            _("Refunds took back ¥%(debt)s more than you had. Your next earnings repay it first.")
            % {"debt": format_yuan(debt_fen)},
            extra={"debt_fen": debt_fen},
        )


def approve(*, withdrawal: Withdrawal, actor: str, now: datetime, reason: str = "") -> None:
    """Let a withdrawal be paid; a task sends it. Raises ``StateConflict`` when it was decided already.

    An amount above ``LINJIA_TWO_PERSON_FEN`` needs two: the first agrees, another one approves
    (``NotAllowed`` for the same person). Nobody approves her own (``NotAllowed``); the money of a banned
    distributor needs a reason (``Invalid``).
    """
    store = Store.objects.select_related("distributor__user").get(pk=withdrawal.store_id)
    if actor.partition(":")[2] == store.distributor.user.number:
        raise NotAllowed(_("Somebody else must decide about your own withdrawal."))
    if store.distributor.state == DistributorState.BANNED and not reason.strip():
        raise Invalid(_("This distributor is banned. Say why the money is paid all the same."), field="reason")
    needs_two = withdrawal.needs_two or withdrawal.amount_fen > settings.LINJIA_TWO_PERSON_FEN
    if needs_two and withdrawal.state == WithdrawalState.REQUESTED:
        changes = {"needs_two": True, "agreed_by": actor}
        move(withdrawal, WithdrawalState.AGREED_ONCE, actor=actor, at=now, reason=reason.strip(), changes=changes)
        return
    if needs_two and withdrawal.agreed_by == actor:
        raise NotAllowed(_("You have agreed already. An amount this large needs a second person."))
    with transaction.atomic():
        move(
            withdrawal,
            WithdrawalState.APPROVED,
            actor=actor,
            at=now,
            reason=reason.strip(),
            changes={"reviewed_by": actor, "reviewed_at": now},
        )
        remember(what="withdrawal.pay", subject=withdrawal.number, due_at=now)


def reject(*, withdrawal: Withdrawal, actor: str, reason: str, now: datetime) -> None:
    """Decline a withdrawal that was not sent; the money is available again and she is told why.

    Raises ``Invalid`` without a reason, ``StateConflict`` when it is too late, ``PayoutsOnHold`` while
    payouts stand still: it may have been paid in a time we forgot.
    """
    refuse_when_held()
    clean = checked_text(reason, field="reason", longest=200, shortest=1)
    with transaction.atomic():
        move(
            withdrawal,
            WithdrawalState.REJECTED,
            actor=actor,
            at=now,
            reason=clean,
            changes={
                "reviewed_by": actor,
                "reviewed_at": now,
                "finished_at": now,
                "fail_reason": clean,
            },
        )
        give_back(withdrawal, at=now)
        owner_id = Distributor.objects.values_list("user_id", flat=True).get(store=withdrawal.store_id)
        facts = {"amount_fen": withdrawal.amount_fen, "reason": clean}
        notify(user_id=owner_id, kind="withdrawal_rejected", facts=facts, at=now)
