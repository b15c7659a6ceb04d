"""Money goes out once: withdrawals against each other, decisions against each other, the last one of the day."""

from typing import Any

import pytest
from django.db.models import Sum

from distributors.payouts import actions as payouts
from distributors.payouts.models import Withdrawal
from distributors.stores.models import Store
from orders.flow.verification import verify_all
from shop.ledger.models import Journal
from shop.states.machine import move
from shop.work.models import Due
from tests import world
from tests.distributors.sellers import money
from tests.races import scene
from tests.races.arena import ROUNDS, Arena
from tests.races.outcomes import Report

WHOLE_FEN = 9_800
CONTENDERS = 16


@pytest.fixture(autouse=True)
def _many_a_day(settings: Any) -> None:
    """What the test itself asks for counts as well."""
    settings.LINJIA_WITHDRAWALS_PER_DAY_MAX = 10**6


def whole_balance(arena: Arena, rounds: int) -> Report:
    """Sixteen requests for all there is: every body, key and payee's name differs, so no guard on requests helps."""
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
                for place in range(CONTENDERS)
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


def test_sixteen_bodies_one_balance(arena: Arena) -> None:
    with arena.planted(LINJIA_WITHDRAWALS_PER_DAY_MAX=10**6):
        report = whole_balance(arena, ROUNDS)
    report.holds()
    assert report.tally == {"done": ROUNDS, "not_enough": (CONTENDERS - 1) * ROUNDS}
    assert verify_all(now=world.now()) == []


def test_a_counted_balance_is_spent_twice(arena: Arena) -> None:
    with arena.planted("no_row_locks", "counted_balance", LINJIA_WITHDRAWALS_PER_DAY_MAX=10**6):
        whole_balance(arena, 10).turns_red()


def last_of_the_day(arena: Arena, rounds: int) -> Report:
    """Four small requests when the day allows one more."""
    report = arena.report("last withdrawal of the day")
    store = scene.rich(100)
    for turn in range(rounds):
        arena.change(LINJIA_WITHDRAWALS_PER_DAY_MAX=turn + 1)
        outcomes = arena.race(*[("withdraw", {"store": store.pk, "amount_fen": 100 + place}) for place in range(4)])
        made = Withdrawal.objects.filter(store=store).count() - turn
        told = sorted(one.told for one in outcomes if not one.is_done)
        wrong = [] if (made, told) == (1, ["too_many_withdrawals"] * 3) else [f"{made} were made; {told}"]
        report.note(outcomes, wrong=wrong, is_fruitful=made > 0)
        if wrong:
            break
    return report


def decisions(arena: Arena, rounds: int) -> Report:
    """Two approve, two reject, and the owner takes it back."""
    report = arena.report("approval against rejection")
    store = scene.rich(20)
    for _round in range(rounds):
        number = payouts.request(store=store, amount_fen=1_000, now=world.now()).number
        facts = {"number": number}
        deeds = ("approve", "approve", "reject", "reject", "take_back")
        outcomes = arena.race(*[(deed, facts) for deed in deeds], spread_ms=15)
        row = Withdrawal.objects.get(number=number)
        held = money(store)
        ended = sum(one.is_done for one in outcomes[2:])
        wrong = []
        if sum(one.is_done for one in outcomes[:2]) > 1 or ended > 1:
            wrong.append(f"decided twice: {[one.told for one in outcomes]}")
        if (row.state == "approved") == (ended == 1) or held["paying"] != (0 if ended else 1_000):
            wrong.append(f"{row.state} with {held}")
        if row.state == "approved" and not Due.objects.filter(subject=number, what="withdrawal.pay").exists():
            wrong.append("approved, and nobody will pay it")
        report.note(outcomes, wrong=wrong, is_fruitful=any(one.is_done for one in outcomes))
        if held["paying"]:
            payouts.reject(withdrawal=row, actor=world.STAFF, reason="next round", now=world.now())
    return report


def test_the_last_withdrawal_of_the_day(arena: Arena) -> None:
    with arena.planted():
        last_of_the_day(arena, ROUNDS).holds()
    assert verify_all(now=world.now()) == []


def test_a_withdrawal_is_decided_once(arena: Arena) -> None:
    with arena.planted(LINJIA_WITHDRAWALS_PER_DAY_MAX=10**6):
        decisions(arena, ROUNDS).holds()
    assert verify_all(now=world.now()) == []


def test_withdrawals_that_are_counted_without_a_lock_are_one_too_many(arena: Arena) -> None:
    with arena.planted("no_row_locks"):
        last_of_the_day(arena, 15).turns_red()
