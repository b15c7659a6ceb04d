"""The trade machine: hundreds of examples of fifty steps, split over two tests so that two workers share them.

``LINJIA_PROOF_EXAMPLES`` and ``LINJIA_PROOF_STEPS`` make it longer, ``LINJIA_PROOF_SEED`` replays a run: the seed stands in
the head of every test run and in the failure. ``LINJIA_PROOF_SHRINK=1`` looks for the shortest way to the same failure.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.opening import opened_town
from tests.properties.trade_machine import TradeMachine

EXAMPLES = int(os.environ.get("LINJIA_PROOF_EXAMPLES", "500"))
STEPS = int(os.environ.get("LINJIA_PROOF_STEPS", "50"))
SEED = int(os.environ["LINJIA_PROOF_SEED"])
PHASES = [Phase.generate, Phase.shrink] if os.environ.get("LINJIA_PROOF_SHRINK") == "1" else [Phase.generate]


@pytest.fixture
def machine(transactional_db: None) -> Iterator[type[TradeMachine]]:
    with opened_town() as opened:
        yield opened


@pytest.mark.parametrize("half", [0, 1])
def test_the_town_comes_to_what_the_model_says(machine: type[TradeMachine], half: int) -> None:
    print(f"replay with LINJIA_PROOF_SEED={SEED}")  # noqa: T201 - shown when it fails
    run_state_machine_as_test(
        seed(2 * SEED + half)(machine),
        settings=settings(
            max_examples=EXAMPLES // 2,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=PHASES,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
