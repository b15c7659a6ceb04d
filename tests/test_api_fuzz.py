"""Requests made up from the schema, right ones and wrong ones: never a fault of ours, and no form we did not promise.

A few for each operation, so that it stays a matter of seconds; LINJIA_FUZZ_EXAMPLES asks for more.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
import yaml
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from tests import world
from tests.asking import PROBLEM
from tests.standing import standing
from tests.two_worlds import token_of

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("LINJIA_FUZZ_EXAMPLES", "3"))
_FILE = Path(__file__).resolve().parent.parent / "docs" / "openapi.yaml"
# One for all requests: each client puts the whole row of middleware together anew.
CLIENT = Client(raise_request_exception=False)
schema = schemathesis.openapi.from_dict(yaml.safe_load(_FILE.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """Ahe, who has a store, buys too."""
    with standing(django_db_blocker):
        store = world.ahe()
        world.customer("阿禾 Ahe")
        world.own_price(store, world.product(world.yunling(), "云岭白茶"), 9_800)
        yield token_of(store.distributor.user)


@pytest.fixture
def token(made: str, db: None, sandbox: Any) -> str:
    return made


OPERATIONS = {found.ok().label: found.ok() for found in schema.get_all_operations()}


@pytest.mark.parametrize("label", OPERATIONS)
def test_no_request_is_a_fault_of_ours(label: str, token: str) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[label].as_strategy(generation_mode=GenerationMode.POSITIVE))
    def right(case: schemathesis.Case) -> None:
        look_at(send(case, token))

    @settings(right._hypothesis_internal_use_settings)
    @given(case=OPERATIONS[label].as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def wrong(case: schemathesis.Case) -> None:
        look_at(send(case, token))

    right()
    with contextlib.suppress(Unsatisfiable):
        # An address without parameters and body has no wrong form.
        wrong()


def send(case: schemathesis.Case, token: str) -> Any:
    """Send a made-up request through the whole of Django."""
    made = case.as_transport_kwargs(base_url="http://testserver", headers={"Authorization": f"Bearer {token}"})
    request = requests.Request(**made).prepare()
    headers = {name: str(value) for name, value in request.headers.items()}
    kind = headers.pop("Content-Type", "application/json")
    CLIENT.cookies.clear()
    return CLIENT.generic(
        request.method or "GET", str(request.url), request.body or b"", content_type=kind, headers=headers
    )


def look_at(answer: Any) -> None:
    """A fault of ours fails, and so does an answer in a form we did not promise. 503: the channel was silent."""
    assert answer.status_code < 500 or answer.status_code == 503, (answer.status_code, answer.content.decode())
    kind = answer.headers.get("Content-Type", "")
    if answer.status_code >= 400:
        assert kind == PROBLEM, (answer.status_code, kind)
    elif answer.status_code not in (204, 304):
        assert kind.startswith(("application/json", "application/vnd.oai.openapi")), kind


def test_every_operation_is_tried() -> None:
    assert len(OPERATIONS) >= 60
