"""The page of promises tells the truth: every name on it is there, and nothing that proves is left out."""

import json
import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from orders.flow.verification import INVARIANTS, prove_all
from shop.ledger import verification as books
from tests import world
from tests.orders import trade
from tests.proof.hands import SQL
from tests.proof.plants import CODE

PROJECT = Path(__file__).resolve().parent.parent.parent
PAGE = (PROJECT / "docs/invariants.md").read_text()
ROWS = {row[0]: row[1:] for row in re.findall(r"^\| ([MSWRP]\d+) " + 5 * r"\| (.+?) " + r"\|$", PAGE, re.MULTILINE)}
FAULTS = {row[0]: row[4] for row in re.findall(r"^\| (F\d+) " + 4 * r"\| (.+?) " + r"\|$", PAGE, re.MULTILINE)}
ASKED_FOR = {
    *(f"M{number}" for number in (*range(1, 18), 20, 21, 22)),
    *(f"S{number}" for number in range(1, 6)),
    *("W1", "W2", "W3", "R1", "R2", "P1"),
}


def names(cell: str) -> set[str]:
    return {name for name in re.findall(r"`([a-z0-9_]+)`", cell) if name not in ("reconcile", "available", "paying")}


def test_every_promise_has_its_row_and_its_report() -> None:
    assert set(ROWS) == set(INVARIANTS) == ASKED_FOR
    assert set(books.INVARIANTS) <= set(INVARIANTS)


@pytest.mark.django_db
def test_the_checks_of_the_page_are_the_checks_there_are() -> None:
    proof = prove_all(now=world.now())
    proving = {number: {name for name, ids in proof.checks if number in ids} for number in INVARIANTS}
    assert {number: names(row[2]) for number, row in ROWS.items()} == proving
    assert all(proving.values())
    assert len({name for name, _ids in proof.checks}) == len(proof.checks)


@pytest.mark.django_db
def test_what_the_page_says_is_refused_is_there_to_refuse() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger UNION SELECT conname FROM pg_constraint UNION SELECT proname FROM pg_proc "
            "UNION SELECT relname FROM pg_class WHERE relkind = 'i'"
        )
        there = {name for (name,) in cursor.fetchall()}
    missing = {number: names(row[1]) - there - {"bigint"} for number, row in ROWS.items()}
    assert {number: lost for number, lost in missing.items() if lost} == {}


def test_each_promise_has_bugs_that_what_guards_it_shows() -> None:
    planted = {name: plant.red for name, plant in CODE.items()} | {name: red for name, (red, _sql) in SQL.items()}
    assert len(planted) == len(CODE) + len(SQL) >= 20
    blind = {
        number: bug
        for number, row in ROWS.items()
        for bug in row[3].split("; ")
        if not planted[bug] & (names(row[1]) | names(row[2]))
    }
    assert blind == {}


def test_the_tests_of_the_page_are_there() -> None:
    named = {path for row in ROWS.values() for path in row[4].split(", ")}
    assert {path for path in named if not (PROJECT / path).is_file()} == set()
    assert set(FAULTS) == {f"F{number}" for number in (*range(1, 17), 18, 19, 21, 22)}
    tests = [one.split("::") for cell in FAULTS.values() for one in cell.split(", ")]
    assert [one for one in tests if f"\ndef {one[1]}(" not in (PROJECT / one[0]).read_text()] == []


@pytest.mark.django_db
def test_the_report_tells_of_every_promise() -> None:
    world.rule()
    trade.settle(trade.complete(trade.bought((world.product(world.yunling(), "云岭白茶"), 2, world.ahe()))))
    call_command("verify_all", "--json", stdout=(out := StringIO()))
    report = json.loads(out.getvalue())
    assert report["holds"], report["findings"]
    assert [one["id"] for one in report["invariants"] if one["holds"]] == list(INVARIANTS)

    call_command("verify_all", stdout=(out := StringIO()))
    assert [line.split()[0] for line in out.getvalue().splitlines()[:-1]] == list(INVARIANTS)


def test_no_task_waits_in_the_broker() -> None:
    """Long waits stand in tables: nothing is sent with a countdown or for a later moment."""
    sources = [path for floor in ("shop", "distributors", "orders") for path in (PROJECT / floor).rglob("*.py")]
    assert [path for path in sources if re.search(r"\b(countdown|eta)\s*=", path.read_text())] == []
