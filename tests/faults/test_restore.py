"""F19, the drill of docs/operations.md: back up, go on trading, restore to the backup, compare, and pay nobody twice."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F

from distributors.payouts import actions as payouts
from distributors.payouts import holds
from distributors.payouts.models import PayoutHold, Withdrawal
from distributors.stores.models import Store
from orders.flow import reversal, tasks
from orders.flow.forgotten import RefundsOnHold
from orders.flow.verification import verify_all
from orders.lifecycle.models import Order
from orders.payments.actions import explain_difference, start_payment
from orders.payments.models import BookDifference, Payment, Refund
from shop.gateways.sandbox.client import SandboxControl
from shop.ledger.queries import balance_fen
from shop.work.models import Due
from shop.work.sweep import run_due, run_periodic
from tests import world
from tests.distributors.sellers import money, payee
from tests.faults import postgres_tools
from tests.faults.form import IS_FULL
from tests.orders import trade

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
PAID = 9_800 + 800
EARNED = 980


@dataclass
class Before:
    """What there was at the moment of the backup."""

    store: Store
    settled: Order
    waiting: Order
    untried: Order
    partly: Order
    approved: Withdrawal
    requested: Withdrawal


@dataclass
class After:
    """What happened between the backup and the accident."""

    tried: Payment
    lost_order: Order
    lost_payment: Payment
    lost_refund: Refund
    lost_part: Refund
    lost_payout: Withdrawal


def buy(sandbox: SandboxControl, *, is_paid: bool = True) -> Order:
    tea = world.product(world.yunling(), "云岭白茶")
    order = world.place(world.led_by(world.ahe(), world.customer("苏 Su")), [(tea, 1)])
    return pay(order, sandbox) if is_paid else order


def pay(order: Order, sandbox: SandboxControl) -> Order:
    payment = start_payment(order=order, kind="native", payer_openid=None, now=world.now())
    sandbox.pay(payment.number)
    tasks.query_payment(subject=payment.number, now=world.now())
    order.refresh_from_db()
    assert order.state == "paid"
    return order


def ask(store: Store, fen: int, *, is_approved: bool) -> Withdrawal:
    row = payouts.request(store=store, amount_fen=fen, now=world.now())
    if is_approved:
        payouts.approve(withdrawal=row, actor=world.STAFF, now=world.now())
    return row


def send_and_confirm(row: Withdrawal, sandbox: SandboxControl) -> None:
    payouts.send(number=row.number, now=world.now())
    sandbox.confirm_transfer(row.number)
    payouts.settle_unknown(number=row.number, now=world.now())
    row.refresh_from_db()
    assert row.state == "paid"


def trade_before(sandbox: SandboxControl) -> Before:
    world.rule()
    store = world.ahe()
    openid = sandbox.openid_of("ahe")
    payee(store, openid=openid)
    settled = [buy(sandbox) for _ in range(3)]
    for order in settled[:2]:
        trade.settle(trade.complete(order))
    waiting, untried = buy(sandbox, is_paid=False), buy(sandbox, is_paid=False)
    tea = world.product(world.yunling(), "云岭白茶")
    partly = pay(world.place(world.customer("陌 Mo"), [(tea, 1)]), sandbox)
    start_payment(order=waiting, kind="native", payer_openid=None, now=world.now())
    approved, requested = ask(store, 400, is_approved=True), ask(store, 300, is_approved=False)
    # The clock has looked at the database, as it does twice a minute.
    run_periodic()
    return Before(store, settled[2], waiting, untried, partly, approved, requested)


def trade_after(before: Before, sandbox: SandboxControl) -> After:
    sandbox.pay(before.waiting.payments.get().number)
    tasks.query_payment(subject=before.waiting.payments.get().number, now=world.now())
    pay(before.untried, sandbox)
    lost = buy(sandbox)
    refund = reversal.cancel_order(order=before.settled, actor="system", reason="", now=world.now())
    part = give_back(before.partly, 4_000)
    for row in (refund, part):
        tasks.send_refund(subject=row.number, now=world.now())
        tasks.query_refund(subject=row.number, now=world.now())
    send_and_confirm(before.approved, sandbox)
    payouts.approve(withdrawal=before.requested, actor=world.STAFF, now=world.now())
    send_and_confirm(before.requested, sandbox)
    payout = ask(before.store, 2 * EARNED - 700, is_approved=True)
    send_and_confirm(payout, sandbox)
    assert money(before.store).get("available", 0) == 0
    return After(before.untried.payments.get(), lost, lost.payments.get(), refund, part, payout)


def give_back(order: Order, fen: int) -> Refund:
    """Staff give back a part of the price."""
    return reversal.refund(
        order_number=order.number,
        lines={1: (0, fen)},
        freight_fen=0,
        cause="staff",
        restock=False,
        actor=world.STAFF,
        now=world.now(),
    )


@pytest.fixture
def restored(tmp_path: Path) -> Iterator[str]:
    """The name of a new database, gone afterwards."""
    name = f"{connection.settings_dict['NAME']}_restored"
    yield name
    postgres_tools.run("dropdb", "--if-exists", "--force", name)


def run(*arguments: str) -> tuple[int, str]:
    said = StringIO()
    try:
        call_command(*arguments, stdout=said, stderr=said)
    except SystemExit as end:
        return int(str(end.code)), said.getvalue()
    return 0, said.getvalue()


def transfers(sandbox: SandboxControl) -> list[str]:
    return sorted(row["out_bill_no"] for row in sandbox.state()["transfers"])


def work() -> None:
    """Everything is due: worker and clock do all they can."""
    for _ in range(3):
        Due.objects.filter(state="open", what__in=("withdrawal.pay", "withdrawal.query")).update(due_at=world.now())
        run_due(rounds_max=50)
        run_periodic()


def test_restored_to_an_earlier_moment_nobody_is_paid_twice(
    sandbox: SandboxControl, tmp_path: Path, restored: str
) -> None:
    before = trade_before(sandbox)
    dump = tmp_path / "a.dump"
    postgres_tools.run("pg_dump", "--format=custom", f"--file={dump}", connection.settings_dict["NAME"])
    after = trade_after(before, sandbox)
    paid_out = transfers(sandbox)
    assert len(paid_out) == 3

    postgres_tools.run("createdb", "--template=template0", restored)
    postgres_tools.run("pg_restore", "--exit-on-error", f"--dbname={restored}", str(dump))
    with postgres_tools.living_in(restored):
        _drill(before, after, sandbox, paid_out)


@pytest.mark.skipif(not IS_FULL, reason="copies the whole server: LINJIA_FAULTS=full")
def test_recovered_to_a_point_in_time_nobody_is_paid_twice(sandbox: SandboxControl) -> None:
    """The same drill with a base backup and the write-ahead log: another timeline, the same tables."""
    with postgres_tools.place_for_a_server() as place:
        archive, base = place / "wal", place / "base"
        with postgres_tools.archiving(archive):
            postgres_tools.run("pg_basebackup", f"--pgdata={base}", "--wal-method=stream", "--checkpoint=fast")
            before = trade_before(sandbox)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_create_restore_point('before the accident')")
            after = trade_after(before, sandbox)
        paid_out = transfers(sandbox)
        name = connection.settings_dict["NAME"]
        with (
            postgres_tools.recovered(base, archive=archive, restore_point="before the accident") as sockets,
            postgres_tools.living_in(name, sockets=sockets),
        ):
            _drill(before, after, sandbox, paid_out)


def _drill(before: Before, after: After, sandbox: SandboxControl, paid_out: list[str]) -> None:
    nothing_moves_by_itself(before, sandbox, paid_out)
    again = asked_on_a_wrong_balance(before.store)
    work()
    assert transfers(sandbox) == paid_out
    what_the_gateway_knows_is_taken_in(before, after)
    the_rest_is_a_persons(before, after, again)
    payouts_go_on(before, sandbox, paid_out)


def nothing_moves_by_itself(before: Before, sandbox: SandboxControl, paid_out: list[str]) -> None:
    """Everything starts as if nothing had happened: the database knows by itself that it is another one."""
    assert Withdrawal.objects.get(number=before.approved.number).state == "approved"
    work()
    assert transfers(sandbox) == paid_out
    assert PayoutHold.objects.get().cause == "restored"
    assert Withdrawal.objects.get(number=before.approved.number).state == "approved"
    # What may have been paid is given back to nobody.
    with pytest.raises(holds.PayoutsOnHold):
        payouts.cancel(store=before.store, number=before.approved.number, now=world.now())
    row = Withdrawal.objects.get(number=before.requested.number)
    with pytest.raises(holds.PayoutsOnHold):
        payouts.reject(withdrawal=row, actor=world.STAFF, reason="?", now=world.now())
    with pytest.raises(CommandError):
        call_command("release_payouts", "--reason", "in a hurry")
    # Nor is what may have been given back decided anew.
    with pytest.raises(RefundsOnHold):
        give_back(before.partly, 4_000)


def asked_on_a_wrong_balance(store: Store) -> Withdrawal:
    """She seems to have what she was paid already, and asks for it; staff approve."""
    available = money(store)["available"]
    assert available == 2 * EARNED - 700
    return ask(store, available, is_approved=True)


def what_the_gateway_knows_is_taken_in(before: Before, after: After) -> None:
    code, said = run("reconcile", "--mend")
    assert code == 1
    found = {one.number: (one.kind, one.cause, one.is_mended) for one in BookDifference.objects.all()}
    assert found == {
        before.waiting.payments.get().number: ("payment", "not_recorded", True),
        after.tried.number: ("payment", "lost_here", True),
        before.approved.number: ("transfer", "not_recorded", True),
        before.requested.number: ("transfer", "not_recorded", True),
        after.lost_payment.number: ("payment", "unknown_here", False),
        after.lost_refund.number: ("refund", "unknown_here", False),
        after.lost_part.number: ("refund", "unknown_here", False),
        after.lost_payout.number: ("transfer", "unknown_here", False),
    }, said
    for order in (before.waiting, before.untried):
        order.refresh_from_db()
        assert order.state == "paid"
    assert Payment.objects.get(number=after.tried.number).is_applied
    assert set(Withdrawal.objects.filter(finished_at__isnull=False).values_list("number", "state")) == {
        (before.approved.number, "paid"),
        (before.requested.number, "paid"),
    }
    # The order itself is gone; the list names it all the same.
    assert BookDifference.objects.get(number=after.lost_payment.number).reference == after.lost_order.number
    refunded = BookDifference.objects.get(number=after.lost_refund.number).reference
    assert refunded == before.settled.payments.get().number


def the_rest_is_a_persons(before: Before, after: After, again: Withdrawal) -> None:
    with pytest.raises(CommandError):
        call_command("release_payouts", "--reason", "compared")
    call_command("adopt_payout", after.lost_payout.number, stdout=StringIO())
    adopted = Withdrawal.objects.get(number=after.lost_payout.number)
    assert (adopted.state, adopted.store_id, adopted.amount_fen) == ("paid", before.store.pk, 2 * EARNED - 700)
    again.refresh_from_db()
    assert again.state == "rejected"
    assert trade.store_money(before.store) == {"frozen": 3 * EARNED}
    with pytest.raises(RefundsOnHold):
        give_back(before.partly, 4_000)
    call_command("adopt_refund", after.lost_refund.number, stdout=StringIO())
    call_command("adopt_refund", after.lost_part.number, stdout=StringIO())
    before.settled.refresh_from_db()
    assert (before.settled.state, before.settled.refunded_fen) == ("refunded", PAID)
    assert list(Refund.objects.values_list("state", flat=True)) == ["succeeded"] * 2
    # Of a part that is known a further part can be given back; payouts still wait.
    tasks.send_refund(subject=give_back(before.partly, 100).number, now=world.now())
    before.partly.refresh_from_db()
    assert before.partly.refunded_fen == 4_100
    assert trade.store_money(before.store) == {"frozen": 2 * EARNED}
    row = BookDifference.objects.get(number=after.lost_payment.number)
    explain_difference(difference=row, text="订单丢失，已在商户平台退款", actor=world.STAFF)
    assert run("reconcile", "--mend")[0] == 0


def payouts_go_on(before: Before, sandbox: SandboxControl, paid_out: list[str]) -> None:
    with pytest.raises(CommandError, match="对账"):
        call_command("release_payouts", "--reason", "compared")
    # A day passes: whatever waited for a confirmation has ended, and a comparison says how.
    day = timedelta(hours=25)
    PayoutHold.objects.update(placed_at=F("placed_at") - day, remembered_until=F("remembered_until") - day)
    assert run("reconcile", "--mend")[0] == 0
    call_command("release_payouts", "--reason", "compared", stdout=StringIO())
    work()
    assert transfers(sandbox) == paid_out
    assert holds.open_hold() is None
    paid_fen = sum(row["amount_fen"] for row in sandbox.state()["transfers"])
    assert paid_fen == 2 * EARNED
    assert balance_fen(f"store/{before.store.code}/debt") == 0
    assert verify_all(now=world.now()) == []
    # And the next withdrawal is paid as ever.
    trade.settle(trade.complete(Order.objects.get(number=before.waiting.number)))
    row = ask(before.store, EARNED, is_approved=True)
    run_due(rounds_max=5)
    assert transfers(sandbox) == sorted([*paid_out, row.number])
