"""What every test may ask for. There are no mocks: PostgreSQL and Valkey are real, WeChat is the sandbox."""

import gc
import os
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.contenttypes.management import create_contenttypes
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.db.models.signals import post_migrate
from django.utils import translation
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["tests.gateways_fixtures"]
pytest.register_assert_rewrite("tests.properties.stage", "tests.properties.trade_machine")
# Chosen once, before the workers start, so that all of them share them and the report can say them.
SEEDS = ("LINJIA_PROOF_SEED", "LINJIA_FAULT_SEED", "LINJIA_RACE_SEED")
for seed in SEEDS:
    os.environ[seed] = os.environ.get(seed) or str(random.SystemRandom().randrange(1, 10**9))


def pytest_collection_finish() -> None:
    """What is loaded now stays, here as in the shop: the collector need not look through it with each test."""
    gc.collect()
    gc.freeze()


def pytest_report_header() -> str:
    """Say with which seeds the trade machine, the faults and the races run; setting them replays the run."""
    return "seeds: " + " ".join(f"{seed}={os.environ[seed]}" for seed in SEEDS)


class InstallationsApart(LoadScopeScheduling):
    """Gives each test to whichever process is free, but the fault tests to one, and the races to one.

    The first share an installation, the second two processes, and either takes longer to start than most tests.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((name for name in ("faults", "races") if nodeid.startswith(f"tests/{name}/")), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> InstallationsApart:
    """Say who gets which test. (Groups by mark have no effect with pytest 9.)"""
    config.option.loadscopereorder = False
    return InstallationsApart(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest: faults, the trade machine, races behind it. Short tests at the end let all end together."""
    first = ("tests/faults/", "tests/properties/test_trade_machine.py", "tests/races/")
    items.sort(key=lambda item: next((at for at, name in enumerate(first) if item.nodeid.startswith(name)), len(first)))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """After migrating, give the app's database role its rights, as an operator does."""
    with django_db_blocker.unblock():
        call_command("grant_app_role", verbosity=0)
    # Types and permissions stay when tables are emptied (tests/database): to look for all of them after each
    # transactional test takes three times as long as the emptying.
    post_migrate.disconnect(create_contenttypes)
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """A clean Valkey: what one test counts or caches never reaches the next."""
    cache.clear()


@pytest.fixture(autouse=True)
def _speak_chinese() -> None:
    """The language of the screens, whatever the test before asked for."""
    translation.activate(settings.LANGUAGE_CODE)


@pytest.fixture
def media_folder(settings: Any, tmp_path: Path) -> Path:
    """An empty folder with uploads: ``public/`` and ``private/``."""
    settings.MEDIA_ROOT = tmp_path / "public"
    private = {"location": tmp_path / "private"}
    settings.STORAGES = settings.STORAGES | {"private": settings.STORAGES["private"] | {"OPTIONS": private}}
    return tmp_path


@pytest.fixture
def as_app_role() -> Callable[[], AbstractContextManager[None]]:
    """A context that speaks to the database as the app's role does in production.

    Use inside a transaction: `with as_app_role(): ...`. The role owns nothing, so triggers, grants and revoked rights
    are met as they will be.
    """

    @contextmanager
    def stepped_down() -> Iterator[None]:
        role = connection.ops.quote_name(settings.LINJIA_APP_ROLE)
        with connection.cursor() as cursor:
            cursor.execute(f"SET ROLE {role}")
        try:
            yield
        finally:
            if not connection.needs_rollback:
                with connection.cursor() as cursor:
                    cursor.execute("RESET ROLE")

    return stepped_down
