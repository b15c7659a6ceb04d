"""Money goes out once: withdrawals against each other, decisions against each other, the last one of the day."""

from django.db.models import Sum

from distributors.payouts import actions as payouts
from distributors.payouts.models import Withdrawal
from distributors.stores.models import Store
from orders.flow.verification import verify_all
from shop.ledger.models import Journal
from shop.states.machine import move
from tests import world
from tests.distributors.sellers import money
from tests.races import scene
from tests.races.arena import ROUNDS, Arena
from tests.races.outcomes import Report

WHOLE_FEN = 9_800


def whole_balance(arena: Arena, rounds: int) -> Report:
    """Eight requests for all there is: every body, key and payee's name differs, so no guard on requests helps."""
    report = arena.report("withdrawals with differing bodies")
    store = scene.rich()
    token = scene.token(store.distributor.user)
    for turn in range(rounds):
        outcomes = arena.race(
            *[
                (
                    "ask",
                    {
                        "token": token,
                        "path": "me/store/withdrawals/",
                        "body": {"amount_fen": WHOLE_FEN - place, "payee": f"何阿禾{place}"},
                        "key": f"withdrawal-{turn}-{place}",
                    },
                )
                for place in range(8)
            ]
        )
        asked = Withdrawal.objects.filter(store=store, state="requested")
        taken_fen = asked.aggregate(fen=Sum("amount_fen"))["fen"] or 0
        held = money(store)
        wrong = []
        if taken_fen > WHOLE_FEN:
            wrong.append(f"{asked.count()} withdrawals of {taken_fen} fen out of {WHOLE_FEN}")
        if (held["available"], held["paying"]) != (WHOLE_FEN - taken_fen, taken_fen):
            wrong.append(f"the books hold {held}")
        report.note(outcomes, wrong=wrong, is_fruitful=sum(one.is_done for one in outcomes) >= 1)
        _clear(store)
    return report


def _clear(store: Store) -> None:
    """Give back what was set aside, so that the next round begins as the first did."""
    for row in Withdrawal.objects.filter(store=store, state="requested"):
        if Journal.objects.filter(key=f"withdrawal_started:{row.number}").exists():
            payouts.reject(withdrawal=row, actor=world.STAFF, reason="next round", now=world.now())
        else:
            move(row, "rejected", actor=world.STAFF, at=world.now())


def test_eight_bodies_one_balance(arena: Arena) -> None:
    with arena.planted(LINJIA_WITHDRAWALS_PER_DAY_MAX=10**6):
        report = whole_balance(arena, ROUNDS)
    report.holds()
    assert report.tally == {"done": ROUNDS, "not_enough": 7 * ROUNDS}
    assert verify_all(now=world.now()) == []


def test_a_counted_balance_is_spent_twice(arena: Arena) -> None:
    with arena.planted("no_row_locks", "counted_balance", LINJIA_WITHDRAWALS_PER_DAY_MAX=10**6):
        whole_balance(arena, 10).turns_red()
