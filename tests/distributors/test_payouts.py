"""Withdrawals: asked for, decided, sent with one number, confirmed, returned. The gateway is the sandbox."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from distributors.payouts import actions as payouts
from distributors.payouts.models import PayoutAccount, Withdrawal
from distributors.payouts.queries import balances_of, withdrawal_of, withdrawals_to_review
from distributors.payouts.rules import TooManyWithdrawals
from distributors.payouts.sending import TransferMismatch
from distributors.stores import actions as stores
from shop.accounts.models import WechatIdentity
from shop.base.errors import Conflict, Invalid, NotAllowed, NotFound
from shop.gateways.contract import Notice
from shop.ledger import chart
from shop.ledger.models import Journal
from shop.ledger.queries import balance_fen
from shop.ledger.verification import verify
from shop.notifications.models import Notification
from shop.states.machine import StateConflict, move
from shop.work.models import Due
from shop.work.sweep import database_now, run_due
from tests.distributors.sellers import (
    APP_ID,
    at_once,
    moment,
    money,
    open_store,
    payee,
    refund,
    rich,
    rows,
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
    WechatIdentity.objects.create(
        user=second.distributor.user, app_id=APP_ID, openid="o-lin"
    )
    WechatIdentity.objects.filter(user=first.distributor.user).update(openid="moved-away")
    WechatIdentity.objects.filter(user=second.distributor.user).update(
        openid=PayoutAccount.objects.get().openid
    )
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
        payouts.approve(
            withdrawal=withdrawal, actor=f"staff:{store.distributor.user.number}", now=moment()
        )
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


# --- paying through the gateway -------------------------------------------------------------------------


def test_from_the_approval_to_the_money_in_her_hand(sandbox, gateway):
    store = rich()
    withdrawal = approved(store)

    assert run_due(rounds_max=1) >= 1
    assert now_state(withdrawal) == "waiting_user"
    assert withdrawal.package_info and withdrawal.bill_id
    assert withdrawal.confirm_until == withdrawal.sent_at + DAY
    assert [note.kind for note in Notification.objects.filter(kind__startswith="withdrawal")] == [
        "withdrawal_waiting"
    ]

    sandbox.confirm_transfer(withdrawal.number)
    (notice,) = sandbox.pending_notices("transfer")
    proven = gateway.read_notice(notice.headers, notice.body, moment())
    payouts.apply_notice(notice=proven, now=moment())
    payouts.apply_notice(notice=proven, now=moment())

    assert now_state(withdrawal) == "paid"
    assert money(store) == {"frozen": 0, "available": 5_000, "paying": 0, "debt": 0}
    assert balance_fen(chart.gateway("sandbox")) == 100_000 - 5_000
    assert [line.amount_fen for line in sandbox.book() if line.kind == "transfer"] == [5_000]
    assert Journal.objects.filter(kind="withdrawal_paid").count() == 1
    assert rows("SELECT number, store, state, amount_fen FROM audit.withdrawals") == [
        (withdrawal.number, store.code, "paid", 5_000)
    ]
    assert Due.objects.exclude(state="done").count() == 0
    assert verify() == []


def test_an_answer_that_was_lost_is_found_by_asking_with_the_same_number(sandbox, gateway):
    store = rich()
    sandbox.turn(transfer_mode="instant")
    withdrawal = approved(store)
    sandbox.fail("transfer", "error_after")
    payouts.send(number=withdrawal.number, now=moment(), gateway=gateway)
    assert (now_state(withdrawal), money(store)["paying"]) == ("unknown", 5_000)

    payouts.settle_unknown(number=withdrawal.number, now=moment(), gateway=gateway)
    assert now_state(withdrawal) == "paid"
    assert len([line for line in sandbox.book() if line.kind == "transfer"]) == 1


def test_what_never_arrived_is_sent_again_with_the_same_number_later(sandbox, gateway):
    store = rich()
    sandbox.turn(transfer_mode="instant")
    withdrawal = approved(store)
    sandbox.fail("transfer", "error_before")
    at = moment()
    payouts.send(number=withdrawal.number, now=at, gateway=gateway)
    payouts.settle_unknown(number=withdrawal.number, now=at + timedelta(seconds=5), gateway=gateway)
    assert now_state(withdrawal) == "unknown"

    payouts.settle_unknown(number=withdrawal.number, now=at + timedelta(seconds=61), gateway=gateway)
    assert now_state(withdrawal) == "paid"
    sent = [line.number for line in sandbox.book() if line.kind == "transfer"]
    assert sent == [withdrawal.number]


def test_a_worker_killed_between_commit_and_call_is_found_by_its_reminder(sandbox, gateway):
    store = rich()
    withdrawal = approved(store)
    at = moment() - timedelta(minutes=2)
    move(withdrawal, "sending", actor="system", at=at, changes={"sent_at": at})
    payouts.send(number=withdrawal.number, now=moment(), gateway=gateway)
    assert now_state(withdrawal) == "waiting_user"


def test_a_refusal_returns_the_money_with_a_reason_she_understands(sandbox, gateway):
    store = rich()
    sandbox.turn(known_names={PayoutAccount.objects.get().openid: "别人"})
    withdrawal = approved(store)
    payouts.send(number=withdrawal.number, now=moment(), gateway=gateway)
    for _poll in range(2):
        payouts.settle_unknown(number=withdrawal.number, now=moment(), gateway=gateway)
    assert now_state(withdrawal) == "failed"
    assert money(store)["available"] == 10_000
    news = Notification.objects.get(kind="withdrawal_failed")
    assert news.facts["amount_fen"] == 5_000
    assert "NAME" not in news.facts["reason"]


def test_what_nobody_confirmed_comes_back_after_its_day(sandbox, gateway):
    store = rich()
    withdrawal = approved(store)
    payouts.send(number=withdrawal.number, now=moment(), gateway=gateway)
    payouts.expire(number=withdrawal.number, now=moment() + 23 * HOUR, gateway=gateway)
    assert now_state(withdrawal) == "waiting_user"

    sandbox.expire_transfers()
    payouts.expire(number=withdrawal.number, now=moment() + 25 * HOUR, gateway=gateway)
    assert (now_state(withdrawal), withdrawal.fail_reason) == ("failed", "OVERDUE_CLOSE")
    assert money(store) == {"frozen": 0, "available": 10_000, "paying": 0, "debt": 0}
    assert Notification.objects.filter(kind="withdrawal_failed").count() == 1


def test_at_the_deadline_what_still_waits_is_withdrawn_at_the_gateway_first(sandbox, gateway):
    store = rich()
    withdrawal = approved(store)
    payouts.send(number=withdrawal.number, now=moment(), gateway=gateway)
    later = moment() + 25 * HOUR
    payouts.expire(number=withdrawal.number, now=later, gateway=gateway)
    payouts.settle_unknown(number=withdrawal.number, now=later, gateway=gateway)
    assert (now_state(withdrawal), money(store)["available"]) == ("failed", 10_000)
    states = [line.state for line in sandbox.book() if line.kind == "transfer"]
    assert "SUCCESS" not in states


def test_what_she_confirmed_in_the_last_moment_is_paid_not_returned(sandbox, gateway):
    store = rich()
    withdrawal = approved(store)
    payouts.send(number=withdrawal.number, now=moment(), gateway=gateway)
    sandbox.confirm_transfer(withdrawal.number)
    payouts.expire(number=withdrawal.number, now=moment() + 25 * HOUR, gateway=gateway)
    assert (now_state(withdrawal), money(store)["available"]) == ("paid", 5_000)


def test_she_takes_back_what_waits_for_her(sandbox, gateway):
    store = rich()
    withdrawal = approved(store)
    payouts.send(number=withdrawal.number, now=moment(), gateway=gateway)
    payouts.cancel(store=store, number=withdrawal.number, now=moment(), gateway=gateway)
    payouts.settle_unknown(number=withdrawal.number, now=moment(), gateway=gateway)
    assert (now_state(withdrawal), money(store)["available"]) == ("failed", 10_000)


# --- notices that do not fit -------------------------------------------------------------------------------


def test_a_notice_of_another_amount_changes_nothing(gateway):
    store = rich()
    withdrawal = approved(store)
    payouts.send(number=withdrawal.number, now=moment(), gateway=gateway)
    with pytest.raises(TransferMismatch):
        payouts.apply_notice(notice=told(withdrawal, "paid", 4_999), now=moment())
    with pytest.raises(TransferMismatch):
        payouts.apply_notice(notice=told(withdrawal, "paid", 0), now=moment())
    assert (now_state(withdrawal), money(store)["paying"]) == ("waiting_user", 5_000)


def test_a_notice_about_what_was_never_sent_changes_nothing():
    store = rich()
    withdrawal = ask(store)
    with pytest.raises(TransferMismatch):
        payouts.apply_notice(notice=told(withdrawal, "paid", 5_000), now=moment())
    assert now_state(withdrawal) == "requested"
    with pytest.raises(NotFound):
        payouts.apply_notice(
            notice=told(Withdrawal(number="W-nobody"), "paid", 5_000), now=moment()
        )


def test_notices_in_the_wrong_order_end_where_the_gateway_ended(gateway):
    store = rich()
    withdrawal = approved(store)
    payouts.send(number=withdrawal.number, now=moment(), gateway=gateway)
    payouts.apply_notice(notice=told(withdrawal, "paid", 5_000), now=moment())
    payouts.apply_notice(notice=told(withdrawal, "waiting_user", 5_000, event="E0"), now=moment())
    assert now_state(withdrawal) == "paid"
    with pytest.raises(TransferMismatch):
        payouts.apply_notice(notice=told(withdrawal, "failed", 5_000, event="E2"), now=moment())
    assert money(store)["available"] == 5_000


# --- debt ---------------------------------------------------------------------------------------------------


def test_a_refund_after_the_withdrawal_is_a_debt_that_blocks_and_is_repaid_first(sandbox, gateway):
    store = open_store("阿禾 Ahe")
    payee(store)
    number = sold(store, level1_fen=1_000)
    settle(number)
    sandbox.turn(transfer_mode="instant")
    withdrawal = approved(store, 1_000)
    payouts.send(number=withdrawal.number, now=moment(), gateway=gateway)
    payouts.settle_unknown(number=withdrawal.number, now=moment(), gateway=gateway)
    assert (now_state(withdrawal), money(store)["available"]) == ("paid", 0)

    refund(number, "F1", 4_000)
    refund(number, "F2", 10_000)
    assert money(store) == {"frozen": 0, "available": 0, "paying": 0, "debt": 1_000}
    assert balance_fen(chart.clearing(number)) == 10_000

    settle(sold(store, level1_fen=400, paid_fen=4_000))
    assert money(store) == {"frozen": 0, "available": 0, "paying": 0, "debt": 600}
    with pytest.raises(payouts.OwesMoney) as refusal:
        ask(store, 100)
    assert refusal.value.extra == {"debt_fen": 600}

    settle(sold(store, level1_fen=900, paid_fen=9_000))
    assert money(store) == {"frozen": 0, "available": 300, "paying": 0, "debt": 0}
    assert ask(store, 300).amount_fen == 300
    assert verify() == []


# --- races ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_differing_amounts_at_the_same_moment_never_exceed_what_there_is():
    store = rich(fen=10_000)
    outcomes = at_once(
        *(lambda fen=fen: ask(store, fen) for fen in (6_000, 5_999, 5_000, 4_001, 10_000))
    )
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
def test_the_same_withdrawal_sent_twice_at_once_is_paid_once(sandbox, gateway):
    store = rich()
    sandbox.turn(transfer_mode="instant")
    withdrawal = approved(store)
    outcomes = at_once(
        *(lambda: payouts.send(number=withdrawal.number, now=database_now()) for _worker in range(3))
    )
    assert not [one for one in outcomes if isinstance(one, Exception)], outcomes
    payouts.settle_unknown(number=withdrawal.number, now=moment() + timedelta(minutes=2))
    assert now_state(withdrawal) == "paid"
    assert len([line for line in sandbox.book() if line.kind == "transfer"]) == 1
    assert Journal.objects.filter(kind="withdrawal_paid").count() == 1
    assert money(store) == {"frozen": 0, "available": 5_000, "paying": 0, "debt": 0}


@pytest.mark.django_db(transaction=True)
def test_a_withdrawal_against_a_claw_back_at_the_same_moment_keeps_the_books():
    store = open_store("阿禾 Ahe")
    payee(store)
    number = sold(store, level1_fen=1_000)
    settle(number)
    outcomes = at_once(lambda: ask(store, 1_000), lambda: refund(number, "F1", 10_000))
    assert not [
        one for one in outcomes if isinstance(one, Exception) and not isinstance(one, Conflict)
    ], outcomes
    found = money(store)
    assert found["available"] == 0
    assert found["paying"] == found["debt"] in (0, 1_000)
    assert verify() == []

