"""Questions to Redis that are asked now and answered later, on a thread's only connection."""

from functools import partial
from typing import Any

import pytest
import redis
from django.conf import settings

from shop.base.numbers import new_token
from shop.work.redis_client import Asked, redis_client


def told(key: str) -> Any:
    return redis_client().get(key)


def asked(key: str) -> Asked:
    return Asked(("GET", key), partial(told, key))


@pytest.fixture
def keys() -> list[str]:
    """Three names, each under its own value."""
    names = [f"linjia:test:{new_token()}" for _place in range(3)]
    for name in names:
        redis_client().set(name, name, ex=60)
    return names


def test_everybody_gets_the_answer_to_her_own_question(keys: list[str]) -> None:
    """In whatever order they look, with plain questions in between, and with one that nobody looks at."""
    first, _forgotten, third = [asked(key) for key in keys]
    assert told(keys[1]) == keys[1].encode()
    fourth = asked(keys[0])
    assert [one.answer() for one in (third, fourth, first, third)] == [keys[i].encode() for i in (2, 0, 0, 2)]


def test_a_connection_that_broke_is_not_an_answer(keys: list[str]) -> None:
    """Broken before the question or after it: it is asked again, the usual way, which connects anew."""
    mine = redis_client().client_id()
    with redis.Redis.from_url(settings.LINJIA_REDIS_URL) as other:
        other.client_kill_filter(_id=str(mine))
    before = asked(keys[0])
    assert before.answer() == keys[0].encode()
    after = asked(keys[1])
    after._connection.disconnect()
    assert after.answer() == keys[1].encode()
