"""Withdrawals: where she is paid, what she may ask for, who decides."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from distributors.payouts import actions as payouts
from distributors.payouts.models import PayoutAccount, Withdrawal
from distributors.payouts.queries import balances_of, withdrawal_of, withdrawals_to_review
from distributors.payouts.rules import TooManyWithdrawals
from distributors.stores import actions as stores
from shop.accounts.models import WechatIdentity
from shop.base.errors import Conflict, Invalid, NotAllowed, NotFound
from shop.gateways.contract import Notice
from shop.ledger.models import Journal
from shop.ledger.verification import verify
from shop.notifications.models import Notification
from shop.states.machine import StateConflict
from shop.work.models import Due
from tests.distributors.sellers import (
    APP_ID,
    at_once,
    moment,
    money,
    open_store,
    payee,
    refund,
    rich,
    settle,
    sold,
)
from tests.world import STAFF

pytestmark = pytest.mark.django_db
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def ask(store, fen: int = 5_000, *, at=None) -> Withdrawal:
    return payouts.request(store=store, amount_fen=fen, now=at or moment())


def approved(store, fen: int = 5_000) -> Withdrawal:
    withdrawal = ask(store, fen)
    payouts.approve(withdrawal=withdrawal, actor=STAFF, now=moment())
    return withdrawal


def now_state(withdrawal: Withdrawal) -> str:
    withdrawal.refresh_from_db()
    return withdrawal.state


def told(withdrawal: Withdrawal, state: str, fen: int, *, event: str = "E1", **raw) -> Notice:
    return Notice(
        event_id=event,
        kind="transfer",
        number=withdrawal.number,
        state=state,
        amount_fen=fen,
        merchant_id="m",
        app_id="a",
        transaction_id="bill-1",
        created_at=moment(),
        raw=raw,
    )


# --- where she is paid ------------------------------------------------------------------------------


def test_the_payee_is_the_wechat_that_was_proved_at_sign_in():
    store = open_store("阿禾 Ahe")
    with pytest.raises(Conflict) as refusal:
        payouts.save_payout_account(store=store, real_name="何禾", now=moment())
    assert refusal.value.code == "no_wechat_identity"
    payee(store, openid="o-ahe")
    account = PayoutAccount.objects.get()
    assert (account.openid, account.real_name, account.cooling_until) == ("o-ahe", "何禾", None)
    store.distributor.refresh_from_db()
    assert store.distributor.real_name == "何禾"


def test_another_name_than_ones_own_is_refused():
    store = rich()
    with pytest.raises(Invalid) as refusal:
        payouts.save_payout_account(store=store, real_name="张三", now=moment())
    assert refusal.value.field == "real_name"
    assert PayoutAccount.objects.get().real_name == "何禾"


def test_a_changed_payee_cools_off_and_the_same_again_changes_nothing():
    store = rich()
    payouts.save_payout_account(store=store, real_name="何禾", now=moment())
    assert PayoutAccount.objects.get().cooling_until is None

    WechatIdentity.objects.filter(user=store.distributor.user).update(openid="o-new")
    changed_at = moment()
    payouts.save_payout_account(store=store, real_name="何禾", now=changed_at)
    with pytest.raises(payouts.CoolingOff):
        ask(store)
    assert ask(store, at=changed_at + DAY).openid == "o-new"


def test_a_payee_whose_wechat_left_must_be_named_again():
    store = rich()
    WechatIdentity.objects.all().delete()
    with pytest.raises(payouts.NoPayoutAccount):
        ask(store)


def test_two_distributors_are_not_paid_to_one_wechat():
    first, second = rich(), open_store("林 Lin")
    WechatIdentity.objects.create(user=second.distributor.user, app_id=APP_ID, openid="o-lin")
    WechatIdentity.objects.filter(user=first.distributor.user).update(openid="moved-away")
    WechatIdentity.objects.filter(user=second.distributor.user).update(openid=PayoutAccount.objects.get().openid)
    with pytest.raises(Conflict) as refusal:
        payouts.save_payout_account(store=second, real_name="林林", now=moment())
    assert refusal.value.code == "payee_taken"


# --- asking -----------------------------------------------------------------------------------------


def test_asking_sets_the_money_aside_at_once():
    store = rich()
    withdrawal = ask(store, 4_000)
    assert money(store) == {"frozen": 0, "available": 6_000, "paying": 4_000, "debt": 0}
    assert balances_of(store).paying_fen == 4_000
    assert list(withdrawals_to_review()) == [withdrawal]
    assert Journal.objects.get(kind="withdrawal_started").reference == withdrawal.number


@pytest.mark.parametrize("fen", [0, -1, 99, 2_000_001, True, 100.0, "100", None])
def test_an_amount_that_cannot_be_is_refused_by_name(fen):
    store = rich()
    with pytest.raises(Invalid) as refusal:
        payouts.request(store=store, amount_fen=fen, now=moment())
    assert refusal.value.field == "amount_fen"
    assert (Withdrawal.objects.count(), money(store)["available"]) == (0, 10_000)


def test_more_than_is_available_is_refused_and_says_how_much_there_is():
    store = rich()
    with pytest.raises(payouts.NotEnough) as refusal:
        ask(store, 10_001)
    assert refusal.value.extra == {"available_fen": 10_000}
    assert Withdrawal.objects.count() == 0
    ask(store, 10_000)
    with pytest.raises(payouts.NotEnough):
        ask(store, 100)


def test_frozen_money_cannot_be_withdrawn():
    store = open_store("阿禾 Ahe")
    payee(store)
    sold(store, level1_fen=5_000, paid_fen=50_000)
    with pytest.raises(payouts.NotEnough):
        ask(store, 100)


def test_without_a_payee_nothing_is_asked_for():
    store = open_store("阿禾 Ahe")
    with pytest.raises(payouts.NoPayoutAccount):
        ask(store, 100)


def test_a_day_has_five_requests_and_the_next_day_five_more():
    store = rich()
    at = moment().replace(hour=4)
    for _request in range(5):
        ask(store, 100, at=at)
    with pytest.raises(TooManyWithdrawals):
        ask(store, 100, at=at)
    ask(store, 100, at=at + DAY)


def test_a_closed_account_asks_for_nothing():
    store = rich()
    user = store.distributor.user
    user.is_active = False
    user.save()
    with pytest.raises(NotAllowed):
        ask(store)


@pytest.mark.parametrize("way", ["suspend", "leave"])
def test_whoever_is_suspended_or_has_left_still_gets_her_money(way):
    store = rich()
    if way == "suspend":
        stores.suspend(distributor=store.distributor, actor=STAFF, reason="查", now=moment())
    else:
        stores.leave(distributor=store.distributor, now=moment())
    assert approved(store).amount_fen == 5_000


# --- deciding -----------------------------------------------------------------------------------------


def test_nobody_approves_her_own_withdrawal():
    store = rich()
    withdrawal = ask(store)
    with pytest.raises(NotAllowed):
        payouts.approve(withdrawal=withdrawal, actor=f"staff:{store.distributor.user.number}", now=moment())
    assert now_state(withdrawal) == "requested"


def test_a_withdrawal_is_decided_once():
    store = rich()
    withdrawal = ask(store)
    stale = Withdrawal.objects.get()
    payouts.approve(withdrawal=withdrawal, actor=STAFF, now=moment())
    with pytest.raises(StateConflict):
        payouts.approve(withdrawal=stale, actor=STAFF, now=moment())
    withdrawal.refresh_from_db()
    assert withdrawal.reviewed_by == STAFF
    assert list(Due.objects.values_list("what", "subject")) == [("withdrawal.pay", withdrawal.number)]


def test_a_rejected_withdrawal_returns_the_money_with_its_reason():
    store = rich()
    withdrawal = ask(store)
    with pytest.raises(Invalid):
        payouts.reject(withdrawal=withdrawal, actor=STAFF, reason="", now=moment())
    payouts.reject(withdrawal=withdrawal, actor=STAFF, reason="姓名不清楚", now=moment())
    assert money(store)["available"] == 10_000
    news = Notification.objects.get(kind="withdrawal_rejected")
    assert news.facts == {"amount_fen": 5_000, "reason": "姓名不清楚"}
    with pytest.raises(StateConflict):
        payouts.reject(withdrawal=withdrawal, actor=STAFF, reason="再来", now=moment())
    assert money(store)["available"] == 10_000


def test_the_money_of_a_banned_distributor_needs_a_reason():
    store = rich()
    withdrawal = ask(store)
    stores.ban(distributor=store.distributor, actor=STAFF, reason="刷单", now=moment())
    with pytest.raises(Invalid) as refusal:
        payouts.approve(withdrawal=withdrawal, actor=STAFF, now=moment())
    assert refusal.value.field == "reason"
    payouts.approve(withdrawal=withdrawal, actor=STAFF, now=moment(), reason="查清了，是真的订单")
    assert now_state(withdrawal) == "approved"


def test_a_ban_after_the_approval_stops_the_payment(gateway):
    store = rich()
    withdrawal = approved(store)
    stores.ban(distributor=store.distributor, actor=STAFF, reason="刷单", now=moment())
    payouts.send(number=withdrawal.number, now=moment(), gateway=gateway)
    assert now_state(withdrawal) == "rejected"
    assert money(store) == {"frozen": 0, "available": 10_000, "paying": 0, "debt": 0}


def test_the_owner_takes_back_what_is_not_sent():
    store, other = rich(), open_store("林 Lin")
    withdrawal = approved(store)
    with pytest.raises(NotFound):
        payouts.cancel(store=other, number=withdrawal.number, now=moment())
    payouts.cancel(store=store, number=withdrawal.number, now=moment())
    assert (now_state(withdrawal), money(store)["available"]) == ("cancelled", 10_000)
    assert Due.objects.filter(what="withdrawal.pay").count() == 0
    with pytest.raises(Conflict):
        payouts.cancel(store=store, number=withdrawal.number, now=moment())


def test_amount_payee_and_number_never_change():
    ask(rich())
    for change in ({"amount_fen": 9_999}, {"openid": "o-thief"}, {"number": "W1"}, {"state": "paid"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Withdrawal.objects.update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        Withdrawal.objects.all().delete()


def test_a_withdrawal_belongs_to_its_store():
    store, other = rich(), open_store("林 Lin")
    withdrawal = ask(store)
    assert withdrawal_of(store, withdrawal.number) == withdrawal
    with pytest.raises(NotFound):
        withdrawal_of(other, withdrawal.number)


# --- races ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_differing_amounts_at_the_same_moment_never_exceed_what_there_is():
    store = rich(fen=10_000)
    outcomes = at_once(*(lambda fen=fen: ask(store, fen) for fen in (6_000, 5_999, 5_000, 4_001, 10_000)))
    granted = [one for one in outcomes if isinstance(one, Withdrawal)]
    refused = [one for one in outcomes if isinstance(one, payouts.NotEnough)]
    assert len(granted) + len(refused) == 5, outcomes
    assert len(granted) >= 1
    taken = sum(one.amount_fen for one in granted)
    assert taken <= 10_000
    assert money(store) == {"frozen": 0, "available": 10_000 - taken, "paying": taken, "debt": 0}


@pytest.mark.django_db(transaction=True)
def test_a_day_keeps_its_five_requests_under_a_rush():
    store = rich(fen=10_000)
    outcomes = at_once(*(lambda fen=100 + place: ask(store, fen) for place in range(8)))
    assert len([one for one in outcomes if isinstance(one, Withdrawal)]) == 5, outcomes
    assert len([one for one in outcomes if isinstance(one, TooManyWithdrawals)]) == 3, outcomes


@pytest.mark.django_db(transaction=True)
def test_approving_and_rejecting_at_the_same_moment_decides_once():
    store = rich()
    withdrawal = ask(store)
    one, other = Withdrawal.objects.get(), Withdrawal.objects.get()
    outcomes = at_once(
        lambda: payouts.approve(withdrawal=one, actor=STAFF, now=moment()),
        lambda: payouts.reject(withdrawal=other, actor=STAFF, reason="不行", now=moment()),
    )
    assert len([each for each in outcomes if each is None]) == 1, outcomes
    assert len([each for each in outcomes if isinstance(each, StateConflict)]) == 1, outcomes
    expected = 5_000 if now_state(withdrawal) == "approved" else 0
    assert money(store)["paying"] == expected


@pytest.mark.django_db(transaction=True)
def test_a_withdrawal_against_a_claw_back_at_the_same_moment_keeps_the_books():
    store = open_store("阿禾 Ahe")
    payee(store)
    number = sold(store, level1_fen=1_000)
    settle(number)
    outcomes = at_once(lambda: ask(store, 1_000), lambda: refund(number, "F1", 10_000))
    assert not [one for one in outcomes if isinstance(one, Exception) and not isinstance(one, Conflict)], outcomes
    found = money(store)
    assert found["available"] == 0
    assert found["paying"] == found["debt"] in (0, 1_000)
    assert verify() == []
