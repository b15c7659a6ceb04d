"""The form the fault tests are played in: few faults in CI, many in ``make faults``; and the seed of their chance."""

import os

IS_FULL = os.environ.get("LINJIA_FAULTS", "").strip() == "full"
SEED = int(os.environ["LINJIA_FAULT_SEED"])


def times(short: int, full: int) -> int:
    """How often."""
    return full if IS_FULL else short
