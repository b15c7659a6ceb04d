"""Every check can fail: a bug is planted, and what watches over it turns red; without the plant the same story is green."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection

from orders.flow.verification import prove_all
from shop.base.errors import DomainError
from tests.proof import scenarios
from tests.proof.hands import SQL
from tests.proof.plants import CODE, Plant
from tests.properties.opening import opened_town
from tests.properties.trade_machine import TradeMachine

pytestmark = pytest.mark.django_db
Town = type[TradeMachine]


@pytest.fixture(scope="module")
def town(django_db_setup: None, django_db_blocker: Any) -> Iterator[Town]:
    with django_db_blocker.unblock(), opened_town() as opened:
        yield opened


@pytest.fixture(scope="module")
def green() -> dict[str, set[str]]:
    """What each scenario says without a plant; played once."""
    return {}


def told(town: Town, scenario: str, plant: Plant | None = None) -> set[str]:
    """Play a scenario, with or without a plant; return the names of everything that turned red."""
    machine = town()
    red: set[str] = set()
    try:
        with pytest.MonkeyPatch.context() as patch:
            if plant and plant.code:
                plant.code(patch, machine)
            try:
                getattr(scenarios, scenario)(machine)
                machine.dirty = True
                machine.compare()
            except (AssertionError, DomainError, DatabaseError) as error:
                red.add(_name(error))
        if connection.needs_rollback:
            return red
        if plant and plant.sql:
            by_a_privileged_hand(plant.sql)
        red |= {finding.check for finding in prove_all(now=machine.now).findings}
        red |= {"gateway"} if machine.moved_here() != machine.moved_there() else set()
    finally:
        machine.leave()
    return red


def by_a_privileged_hand(sql: str) -> None:
    with connection.cursor() as cursor:
        # What is deferred must have had its say before a table may be altered.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(sql)
        cursor.execute("SET LOCAL session_replication_role = origin")


def _name(error: Exception) -> str:
    if "different ends" in str(error):
        return "model"
    refused = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    return refused or type(error).__name__


@pytest.mark.parametrize("bug", CODE)
def test_a_bug_in_the_code_turns_red(town: Town, green: dict[str, set[str]], bug: str) -> None:
    plant = CODE[bug]
    if plant.scenario not in green:
        green[plant.scenario] = told(town, plant.scenario)
    assert green[plant.scenario] == set()
    assert plant.red - told(town, plant.scenario, plant) == set()


@pytest.mark.parametrize("deed", SQL)
def test_what_a_privileged_hand_did_turns_red(town: Town, green: dict[str, set[str]], deed: str) -> None:
    red, sql = SQL[deed]
    if "shipped" not in green:
        green["shipped"] = told(town, "shipped")
    assert green["shipped"] == set()
    assert red - told(town, "shipped", Plant("shipped", red, sql=sql)) == set()


def test_every_check_of_the_trade_is_shown_to_fail(town: Town) -> None:
    shown = set().union(*(plant.red for plant in CODE.values()), *(red for red, _sql in SQL.values()))
    elsewhere = {
        # tests/shop/test_ledger_verify.py
        *("journal_sums", "transfer_without_journal_or_account", "guard_missing", "closing", "below_zero"),
        *("reversal_not_a_mirror", "digest_chain"),
        # tests/proof/test_coupons.py
        *("coupon_budget", "coupon_piece", "coupon_split", "coupon_booked", "coupon_back"),
    }
    there = {name for name, _ids in prove_all(now=town.town.at).checks}
    assert there - shown - elsewhere == set()
