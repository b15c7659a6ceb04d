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

PROJECT = Path(__file__).resolve().parent.parent.parent
ROW = re.compile(r"^\| ([A-Z]\d+) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
ROWS = {row[0]: row[1:] for row in ROW.findall((PROJECT / "docs/invariants.md").read_text())}
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


def test_the_tests_of_the_page_are_there() -> None:
    named = {path for row in ROWS.values() for path in row[3].split(", ")}
    assert {path for path in named if not (PROJECT / path).is_file()} == set()


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
