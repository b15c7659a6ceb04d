"""One installation for all fault tests of a session, a seed that is printed and replays, and a short and a full form."""

from collections.abc import Iterator
from random import Random

import pytest

from tests.faults.driver import Town
from tests.faults.form import IS_FULL, SEED
from tests.faults.stack import Stack


def pytest_itemcollected(item: pytest.Item) -> None:
    """All fault tests are marked; ``tests.conftest`` keeps them in one process, for they share one installation."""
    item.add_marker(pytest.mark.faults)


def pytest_report_header() -> str:
    return f"faults: seed {SEED} (LINJIA_FAULT_SEED replays it), {'full' if IS_FULL else 'short'} form"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The installation."""
    # A dead worker's rows are taken up after its lease: the full form keeps the real one.
    made = Stack(lease_seconds=0 if IS_FULL else 6, query_seconds=30 if IS_FULL else 3)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def town_of_session(stack: Stack) -> Town:
    return Town(stack, is_thorough=IS_FULL)


@pytest.fixture
def town(town_of_session: Town, stack: Stack) -> Iterator[Town]:
    """People with money and goods, and gates that stand open, whatever the test before did."""
    yield town_of_session
    stack.disarm()
    for gate in (stack.database_gate, stack.redis_gate, stack.gateway_gate):
        gate.heal()


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> Random:
    """The test's own chance: the same seed and test give the same faults."""
    print(f"LINJIA_FAULT_SEED={SEED}")
    return Random(f"{SEED} {request.node.name}")
