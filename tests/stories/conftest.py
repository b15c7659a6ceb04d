"""Every story gets a town of its own."""

from collections.abc import Callable

import pytest

from shop.gateways.sandbox.client import SandboxControl
from tests.stories.town import Town


@pytest.fixture
def town(transactional_db: None, sandbox: SandboxControl, deliver_notices: Callable[..., list[int]]) -> Town:
    """A town with its WeChat; the database is real and committed, as in life."""
    return Town(sandbox, deliver_notices)
