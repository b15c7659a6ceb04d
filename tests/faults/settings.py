"""A developer's settings plus places to fall dead at. Nothing of it is in the product: only this module loads it."""

from settings.dev import *  # noqa: F403 - a settings module extends another
from settings.dev import DUE_WORK, INSTALLED_APPS, REST_FRAMEWORK

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.crashing.Crashing"]
# A handful of people do the work of a town here.
REST_FRAMEWORK = REST_FRAMEWORK | {
    "DEFAULT_THROTTLE_RATES": dict.fromkeys(REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "100000/min")
}
LINJIA_REFUND_SPACING_SECONDS = 0
LINJIA_PAYOUT_COOLING_HOURS = 0
# Before all honest work: poison that raises, and poison that kills.
DUE_WORK = {"poison.raise": "tests.faults.crashing.fail", "poison.kill": "tests.faults.crashing.die"} | DUE_WORK
