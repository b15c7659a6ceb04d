"""A distributor's own data: who she is to us, what she earned, where it went."""

from collections.abc import Iterator
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from distributors.commissions.models import Commission
from distributors.payouts.models import PayoutAccount, Withdrawal
from distributors.payouts.queries import balances_of
from distributors.payouts.states import WithdrawalState
from distributors.stores.models import Distributor, Store
from distributors.stores.states import DistributorState
from shop.media.actions import release
from shop.privacy.parts import Part, Row, rows

_ENDED = (WithdrawalState.PAID, WithdrawalState.FAILED, WithdrawalState.REJECTED, WithdrawalState.CANCELLED)


def _tell(user_id: int) -> dict[str, list[Row]]:
    return {
        "distributor": rows(
            Distributor.objects.filter(user_id=user_id),
            *("number", "state", "real_name", "identity_number", "introduction", "applied_at", "approved_at"),
        ),
        "store": rows(Store.objects.filter(distributor__user_id=user_id), "code", "name", "announcement", "created_at"),
        "commissions": rows(
            Commission.objects.filter(store__distributor__user_id=user_id),
            *("order_number", "line", "level", "base_fen", "rate_bp", "amount_fen", "clawed_back_fen", "state"),
        ),
        "withdrawals": rows(
            Withdrawal.objects.filter(store__distributor__user_id=user_id),
            *("number", "amount_fen", "tax_fen", "state", "real_name", "requested_at", "finished_at"),
        ),
        "payout_account": rows(
            PayoutAccount.objects.filter(distributor__user_id=user_id), "channel", "openid", "real_name", "changed_at"
        ),
    }


def _reasons(user_id: int) -> Iterator[str | Promise]:
    open_states = (DistributorState.APPLIED, DistributorState.ACTIVE, DistributorState.SUSPENDED)
    if Distributor.objects.filter(user_id=user_id, state__in=open_states).exists():
        yield _("You have a store. Leave it first: what it earned stays yours to withdraw.")
    store = Store.objects.filter(distributor__user_id=user_id).first()
    if store is None:
        return
    money = balances_of(store)
    if money.frozen_fen or money.available_fen or money.paying_fen:
        yield _("Your store still has money here. Wait until it is due and withdraw it.")
    if money.debt_fen:
        yield _("Your store owes money for returned goods. Write to us to settle it.")
    if Withdrawal.objects.filter(store=store).exclude(state__in=_ENDED).exists():
        yield _("A withdrawal is on its way. Wait until it has arrived or take it back.")


def _erase(user_id: int, now: datetime) -> None:
    # Withdrawals keep the payee's name under seal: the books and the tax office want it. Where it went, WeChat knows.
    Withdrawal.objects.filter(store__distributor__user_id=user_id).exclude(openid="").update(openid="")
    PayoutAccount.objects.filter(distributor__user_id=user_id).delete()
    for distributor in Distributor.objects.filter(user_id=user_id):
        distributor.real_name = distributor.identity_number = distributor.introduction = ""
        distributor.save(update_fields=["real_name", "identity_number", "identity_key", "introduction"])
    for store in Store.objects.select_related("picture").filter(distributor__user_id=user_id):
        picture, store.picture = store.picture, None
        store.name, store.announcement, store.portrait = store.code, "", ""
        store.save(update_fields=["name", "announcement", "portrait", "picture"])
        if picture is not None:
            release(picture=picture, now=now)


def _expire(user_id: int, now: datetime) -> None:
    Withdrawal.objects.filter(store__distributor__user_id=user_id).update(real_name="")


def _withdraw(user_id: int, purpose: str, now: datetime) -> None:
    if purpose == "identity":
        PayoutAccount.objects.filter(distributor__user_id=user_id).delete()


PART = Part(
    name="distributor",
    tables=frozenset({"stores.distributor"}),
    tell=_tell,
    reasons=_reasons,
    erase=_erase,
    expire=_expire,
    withdraw=_withdraw,
)
