"""The arena, once a session: its two processes take longer to start than many a race."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection

from shop.gateways.sandbox.client import SandboxControl
from tests.gateways_fixtures import SandboxProcess
from tests.races.arena import Arena


@pytest.fixture(scope="session")
def _arena(django_db_setup: None, sandbox_process: SandboxProcess) -> Iterator[Arena]:
    arena = Arena(
        database=str(connection.settings_dict["NAME"]),
        changed={
            "LINJIA_SANDBOX_URL": sandbox_process.url,
            "LINJIA_SANDBOX_HOME": str(sandbox_process.home),
            "LINJIA_REDIS_URL": django_settings.LINJIA_REDIS_URL,
        },
    )
    yield arena
    arena.close()


@pytest.fixture
def arena(_arena: Arena, sandbox: SandboxControl, transactional_db: Any) -> Arena:
    """The two processes, with an empty sandbox and an empty database."""
    return _arena
