"""Payouts stand still: why, for how long, and who lets them go on."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from distributors.payouts import actions as payouts
from distributors.payouts import holds, restoring
from distributors.payouts.models import DatabaseMark, PayoutHold, Withdrawal
from orders.flow.notices import apply_notice
from orders.flow.reconciliation import reconcile
from orders.flow.release import NotComparedYet, release_payouts
from orders.payments.models import GatewayNotice
from shop.base.errors import Conflict, Invalid, NotFound
from shop.gateways.contract import Notice
from shop.work.models import Due
from shop.work.sweep import run_due
from tests.distributors.sellers import moment, rich
from tests.orders.trade import store_money
from tests.stories.town import Town
from tests.world import STAFF

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def approved(store, fen: int = 5_000) -> Withdrawal:
    row = payouts.request(store=store, amount_fen=fen, now=moment())
    payouts.approve(withdrawal=row, actor=STAFF, now=moment())
    return row


def state(row: Withdrawal) -> str:
    row.refresh_from_db()
    return row.state


def hold(*, ago: timedelta = timedelta(0)) -> PayoutHold:
    return holds.place(cause=PayoutHold.Cause.STAFF, detail="drill", actor=STAFF, now=moment() - ago)


def compared() -> None:
    """The books are compared over three days, up to this moment."""
    at = moment()
    reconcile(gateway_name="sandbox", since=at - 3 * DAY, until=at, is_mending=False, now=at)


def told(number: str, name: str = "paid", fen: int = 5_000) -> Notice:
    return Notice(
        event_id=f"E-{number}-{name}",
        kind="transfer",
        number=number,
        state=name,
        amount_fen=fen,
        merchant_id="m",
        app_id="",
        transaction_id="bill",
        created_at=moment(),
    )


def test_the_same_database_is_no_reason(as_app_role) -> None:
    with as_app_role():
        for _ in range(3):
            assert holds.watch_database(now=moment()) is None
    assert DatabaseMark.objects.count() == 1
    assert holds.open_hold() is None


def test_another_database_is(client) -> None:
    """A dump read back, a recovery to a point in time, a promoted replica: each is another one."""
    seen_at = moment() - 2 * DAY
    DatabaseMark.objects.create(identity="7000000000000000000/00000001/16384", seen_at=seen_at)
    assert client.get("/readyz").json()["payouts"] == "ok"
    found = holds.watch_database(now=moment())
    assert (found.cause, found.remembered_until) == ("restored", seen_at)
    assert client.get("/readyz").json()["payouts"] == "held"
    assert holds.watch_database(now=moment()) is None
    assert PayoutHold.objects.count() == 1


def test_nothing_is_sent_while_payouts_stand_still(sandbox) -> None:
    row = approved(rich())
    hold()
    run_due(rounds_max=3)
    assert (state(row), sandbox.calls()) == ("approved", [])
    assert Due.objects.get(what="withdrawal.pay", state="open").attempts <= 1

    release_payouts(actor=STAFF, reason="nothing was lost", is_forced=True, now=moment())
    run_due(rounds_max=3)
    # Approved before the hold: the gateway is asked first, and never heard of it; it is sent a minute later.
    assert [call["endpoint"] for call in sandbox.calls()] == ["query_transfer"]
    Withdrawal.objects.update(sent_at=moment() - timedelta(minutes=2))
    Due.objects.filter(what="withdrawal.query").update(due_at=moment())
    run_due(rounds_max=3)
    assert state(row) == "waiting_user"
    assert [line["out_bill_no"] for line in sandbox.state()["transfers"]] == [row.number]


def test_what_was_sent_in_a_forgotten_life_is_not_sent_again(sandbox, gateway) -> None:
    store = rich()
    row = approved(store)
    gateway.transfer(number=row.number, openid=row.openid, amount_fen=5_000, real_name=None, remark="before")
    sandbox.confirm_transfer(row.number)
    hold()
    release_payouts(actor=STAFF, reason="drill", is_forced=True, now=moment())
    run_due(rounds_max=3)
    assert state(row) == "paid"
    assert len(sandbox.calls("transfer")) == 1
    assert store_money(store) == {"available": 5_000}


def test_nothing_is_given_back_while_payouts_stand_still(sandbox) -> None:
    store = rich()
    row = approved(store)
    hold()
    with pytest.raises(holds.PayoutsOnHold):
        payouts.cancel(store=store, number=row.number, now=moment())
    with pytest.raises(holds.PayoutsOnHold):
        payouts.reject(withdrawal=row, actor=STAFF, reason="no", now=moment())
    assert state(row) == "approved"


@pytest.mark.parametrize("is_known", [True, False])
def test_a_notice_about_what_we_never_sent_stops_payouts(sandbox, is_known: bool) -> None:
    number = approved(rich()).number if is_known else "W0000000000000000"
    with pytest.raises(Conflict if is_known else NotFound):
        apply_notice(gateway_name="sandbox", notice=told(number), now=moment())
    assert (holds.open_hold().cause, holds.open_hold().detail) == ("unknown_number", number)
    assert GatewayNotice.objects.get().outcome == "mismatch:transfer"


def test_a_comparison_that_finds_an_unknown_payout_stops_payouts(sandbox, gateway) -> None:
    gateway.transfer(number="WLOST1", openid="o-1", amount_fen=5_000, real_name=None, remark="before")
    sandbox.confirm_transfer("WLOST1")
    compared()
    assert holds.open_hold().detail == "WLOST1"


def test_payouts_go_on_only_after_a_comparison_that_covers_the_gap(sandbox, gateway) -> None:
    hold(ago=timedelta(hours=23))
    compared()
    # Something sent just before may still be confirmed.
    with pytest.raises(NotComparedYet):
        release_payouts(actor=STAFF, reason="compared", now=moment())
    PayoutHold.objects.update(placed_at=moment() - timedelta(hours=25), remembered_until=moment() - 9 * DAY)
    with pytest.raises(NotComparedYet):
        release_payouts(actor=STAFF, reason="compared", now=moment())
    PayoutHold.objects.update(remembered_until=moment() - 2 * DAY)
    compared()
    with pytest.raises(Invalid):
        release_payouts(actor=STAFF, reason=" ", now=moment())
    assert release_payouts(actor=STAFF, reason="compared", now=moment()) == 1
    assert release_payouts(actor=STAFF, reason="compared", now=moment()) == 0


def test_payouts_stand_still_while_one_differs(sandbox, gateway) -> None:
    store = rich()
    openid = approved(store).openid
    gateway.transfer(number="WLOST1", openid=openid, amount_fen=4_000, real_name=None, remark="before")
    sandbox.confirm_transfer("WLOST1")
    hold(ago=timedelta(hours=25))
    compared()
    with pytest.raises(Conflict, match="1"):
        release_payouts(actor=STAFF, reason="compared", now=moment())
    call_command("adopt_payout", "WLOST1", verbosity=0)
    compared()
    assert release_payouts(actor=STAFF, reason="compared", now=moment()) == 1


def test_a_forgotten_payout_is_booked_to_whom_it_went(sandbox, gateway) -> None:
    store = rich()
    gateway.transfer(number="WLOST1", openid=rich_openid(store), amount_fen=12_000, real_name=None, remark="before")
    with pytest.raises(Conflict):
        restoring.adopt(number="WLOST1", gateway_name="sandbox", store=None, actor=STAFF, now=moment())
    sandbox.confirm_transfer("WLOST1")
    row = restoring.adopt(number="WLOST1", gateway_name="sandbox", store=None, actor=STAFF, now=moment())
    assert (row.state, row.amount_fen, row.store_id) == ("paid", 12_000, store.pk)
    # More than she has: the rest she owes, and her next earnings repay it.
    assert store_money(store) == {"debt": 2_000}
    with pytest.raises(Conflict):
        restoring.adopt(number="WLOST1", gateway_name="sandbox", store=None, actor=STAFF, now=moment())


def rich_openid(store) -> str:
    found: str = store.distributor.user.wechat_identities.get().openid
    return found


def test_nobody_of_ours_was_paid(sandbox, gateway) -> None:
    gateway.transfer(number="WLOST1", openid="o-stranger", amount_fen=5_000, real_name=None, remark="x")
    sandbox.confirm_transfer("WLOST1")
    with pytest.raises(CommandError, match="WLOST1"):
        call_command("adopt_payout", "WLOST1")
    store = rich()
    call_command("adopt_payout", "WLOST1", "--store", store.code, verbosity=0)
    assert Withdrawal.objects.get().store_id == store.pk


def test_staff_see_it_and_let_payouts_go_on(sandbox, client) -> None:
    row = hold(ago=timedelta(hours=25))
    compared()
    town = Town(sandbox, lambda *_kinds: [])
    client.force_login(town.admin(), backend="django.contrib.auth.backends.ModelBackend")
    assert "打款已暂停" in client.get("/admin/").content.decode()
    assert client.get("/admin/payouts/payouthold/?lifted_at__isnull=1").status_code == 200
    town.staff(row, "release", reason="已对账")
    row.refresh_from_db()
    assert (row.lift_reason, holds.open_hold()) == ("已对账", None)


def test_by_hand() -> None:
    call_command("hold_payouts", "--reason", "restored from a disk snapshot", verbosity=0)
    assert holds.open_hold().cause == "staff"
    with pytest.raises(CommandError):
        call_command("release_payouts", "--reason", "?")
    call_command("release_payouts", "--reason", "nothing was lost", "--force", verbosity=0)
    assert holds.open_hold() is None
    assert connection.in_atomic_block
