"""Withdrawals at the gateway: one number, lost answers, confirmations, notices that do not fit."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from distributors.payouts import actions as payouts
from distributors.payouts.models import PayoutAccount, Withdrawal
from distributors.payouts.sending import TransferMismatch
from shop.accounts.actions import sign_in_with_wechat
from shop.base.errors import NotFound
from shop.gateways.contract import GatewayRefused, Notice
from shop.gateways.sandbox.people import openid_of
from shop.ledger import chart
from shop.ledger.models import Journal
from shop.ledger.queries import balance_fen
from shop.ledger.verification import verify
from shop.notifications.models import Notification
from shop.states.machine import move
from shop.work.models import Due
from shop.work.sweep import database_now, run_due
from tests.distributors.sellers import (
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


# --- paying through the gateway -------------------------------------------------------------------------


def test_from_the_approval_to_the_money_in_her_hand(sandbox, gateway):
    store = rich()
    withdrawal = approved(store)

    assert run_due(rounds_max=1) >= 1
    assert now_state(withdrawal) == "waiting_user"
    assert withdrawal.package_info and withdrawal.bill_id
    assert withdrawal.sent_at is not None
    assert withdrawal.confirm_until == withdrawal.sent_at + DAY
    assert [note.kind for note in Notification.objects.filter(kind__startswith="withdrawal")] == ["withdrawal_waiting"]

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
        payouts.apply_notice(notice=told(Withdrawal(number="W-nobody"), "paid", 5_000), now=moment())


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


@pytest.mark.django_db(transaction=True)
def test_the_same_withdrawal_sent_twice_at_once_is_paid_once(sandbox, gateway):
    store = rich()
    sandbox.turn(transfer_mode="instant")
    withdrawal = approved(store)
    outcomes = at_once(*(lambda: payouts.send(number=withdrawal.number, now=database_now()) for _worker in range(3)))
    assert not [one for one in outcomes if isinstance(one, Exception)], outcomes
    payouts.settle_unknown(number=withdrawal.number, now=moment() + timedelta(minutes=2))
    assert now_state(withdrawal) == "paid"
    assert len([line for line in sandbox.book() if line.kind == "transfer"]) == 1
    assert Journal.objects.filter(kind="withdrawal_paid").count() == 1
    assert money(store) == {"frozen": 0, "available": 5_000, "paying": 0, "debt": 0}


class Meanwhile:
    """The gateway, but before its answer to the second query arrives something else happens."""

    def __init__(self, gateway, deed):
        self.gateway, self.deed, self.queries = gateway, deed, 0

    def __getattr__(self, name):
        return getattr(self.gateway, name)

    def query_transfer(self, number):
        told = self.gateway.query_transfer(number)
        self.queries += 1
        if self.queries == 2:
            self.deed()
        return told


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pause", [timedelta(seconds=1), timedelta(seconds=90)])
def test_a_refusal_says_nothing_about_a_transfer_that_another_worker_sent_since(sandbox, gateway, pause):
    store = rich()
    withdrawal = approved(store)
    sandbox.fail("transfer", "error_before")
    payouts.send(number=withdrawal.number, now=moment())
    later = moment() + timedelta(minutes=2)
    sandbox.fail("transfer", "refuse", code="NOT_ENOUGH")

    def rival():
        payouts.settle_unknown(number=withdrawal.number, now=later + pause)

    payouts.settle_unknown(number=withdrawal.number, now=later, gateway=Meanwhile(gateway, rival))

    # Either nobody has it and it is hers again, or it waits for her there and is set aside here.
    waits = [bill["out_bill_no"] for bill in sandbox.state()["transfers"] if bill["state"] == "WAIT_USER_CONFIRM"]
    held = money(store)
    assert (len(waits), held["available"], held["paying"]) in [(0, 10_000, 0), (1, 5_000, 5_000)]
    assert now_state(withdrawal) == ("waiting_user" if waits else "failed")
    assert verify() == []


def test_whatever_gets_lost_on_the_way_everybody_is_paid_once(sandbox, gateway):
    sandbox.turn(transfer_mode="instant")
    sandbox.seed(7)
    store = rich(fen=200_000)
    at = moment()
    asked = []
    for day in range(4):
        for _request in range(5):
            withdrawal = ask(store, 1_000, at=at + day * DAY)
            payouts.approve(withdrawal=withdrawal, actor=STAFF, now=at)
            asked.append(withdrawal)
    for mode in ("drop_before", "drop_answer", "error_before", "error_after", "garbage", "busy"):
        sandbox.fail("transfer", mode, times=None, percent=25)
    sandbox.fail("query_transfer", "error_before", times=None, percent=25)
    for one in asked:
        payouts.send(number=one.number, now=at, gateway=gateway)
    for minute in range(2, 40):
        for one in asked:
            payouts.settle_unknown(number=one.number, now=at + timedelta(minutes=minute), gateway=gateway)
    assert {now_state(one) for one in asked} == {"paid"}
    paid = [line.number for line in sandbox.book() if line.kind == "transfer"]
    assert sorted(paid) == sorted(one.number for one in asked)
    assert money(store) == {"frozen": 0, "available": 180_000, "paying": 0, "debt": 0}
    assert verify() == []


def test_a_payee_known_by_the_official_account_is_paid_through_it(gateway, sandbox, settings):
    """She never opened the mini-program: WeChat's own browser proved who she is, and the money goes to that openid."""
    mini, account = settings.LINJIA_WECHAT_APP_ID, settings.LINJIA_WECHAT_ACCOUNT_APP_ID
    store = open_store("阿禾 Ahe")
    settle(sold(store, level1_fen=10_000, paid_fen=100_000))
    user, theirs = store.distributor.user, openid_of(account, "何禾")
    sign_in_with_wechat(app_id=account, openid=theirs, phone=user.phone)
    payouts.save_payout_account(store=store, real_name="何禾", now=moment())
    # Coming to the mini-program later changes nothing about where she is paid, and starts no cooling-off.
    sign_in_with_wechat(app_id=mini, openid=openid_of(mini, "何禾"), phone=user.phone)
    kept = payouts.save_payout_account(store=store, real_name="何禾", now=moment())
    assert (kept.app_id, kept.openid, kept.cooling_until) == (account, theirs, None)
    withdrawal = payouts.request(store=store, amount_fen=5_000, now=moment())
    payouts.approve(withdrawal=withdrawal, actor=STAFF, now=moment())
    payouts.send(number=withdrawal.number, now=moment(), gateway=gateway)
    sandbox.confirm_transfer(withdrawal.number)
    withdrawal.refresh_from_db()
    told_of = gateway.query_transfer(withdrawal.number)
    assert (withdrawal.app_id, told_of.state, told_of.openid) == (account, "paid", theirs)
    with pytest.raises(DatabaseError), transaction.atomic():
        Withdrawal.objects.filter(pk=withdrawal.pk).update(app_id=mini)
    for app_id, openid in ((mini, theirs), (account, openid_of(mini, "何禾")), ("wx-of-somebody", theirs)):
        with pytest.raises(GatewayRefused):
            gateway.transfer(
                number=f"W{app_id[-4:]}1", openid=openid, app_id=app_id, amount_fen=100, real_name=None, remark="x"
            )
