"""Redis or PostgreSQL is away or silent: the cache is empty and quick, waiting ends, the answer says what it is."""

import json
import socket
import threading
import time
from collections.abc import Iterator

import psycopg2
import pytest
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.test import Client, RequestFactory
from redis.exceptions import RedisError

from settings import caching, patience
from settings.trouble import server_error


@pytest.fixture
def silence() -> Iterator[int]:
    """The port of a server that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = []

        def take() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for each in taken:
            each.close()


@pytest.fixture(autouse=True)
def _awake() -> Iterator[None]:
    yield
    caching._Rest.until = 0.0


def cache_at(port: int) -> caching.PatientRedisCache:
    return caching.PatientRedisCache(f"redis://127.0.0.1:{port}/0", {"OPTIONS": dict(caching.OPTIONS)})


def test_a_cache_that_is_away_is_empty_and_takes_everything() -> None:
    cache = cache_at(1)
    cache.set("tea", 1)
    assert (cache.get("tea"), cache.get("tea", 7), cache.get_many(["tea"])) == (None, 7, {})
    assert (cache.add("lock", 1), cache.delete("tea"), cache.has_key("tea")) == (True, False, False)
    assert cache.get_or_set("tea", lambda: 5) == 5
    with pytest.raises(RedisError):
        cache.ping()


def test_a_silent_cache_is_asked_once_and_then_left_alone(silence: int) -> None:
    cache = cache_at(silence)
    began = time.monotonic()
    assert [cache.get("tea") for _ in range(50)] == [None] * 50
    # One time-out (half a second, and once more for the connection), not fifty.
    assert time.monotonic() - began < 10


def test_a_cache_that_came_back_keeps_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_at(1).get("tea") is None
    monkeypatch.setattr(caching._Rest, "until", 0.0)
    cache = caching.PatientRedisCache(settings.REDIS_URL, {"OPTIONS": dict(caching.OPTIONS)})
    cache.set("tea", "白茶", 30)
    assert cache.get("tea") == "白茶"
    cache.ping()


@pytest.fixture
def _patient() -> Iterator[None]:
    patience.limit_waiting(0.8)
    yield
    patience.wait_for_ever()


@pytest.mark.usefixtures("_patient")
def test_a_silent_database_is_not_waited_for(silence: int) -> None:
    with pytest.raises(patience.NoAnswer):
        psycopg2.connect(host="127.0.0.1", port=silence, user="nobody", dbname="nothing")


@pytest.mark.django_db
@pytest.mark.usefixtures("_patient")
def test_a_slow_answer_closes_the_connection_and_a_quick_one_comes_through() -> None:
    own = psycopg2.connect(**connection.get_connection_params())
    with own.cursor() as cursor:
        cursor.execute("SELECT 42, repeat('x', 3000000)")
        assert cursor.fetchone()[0] == 42
        with pytest.raises(psycopg2.OperationalError):
            cursor.execute("SELECT pg_sleep(5)")
    assert own.closed


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("connection already closed")])
@pytest.mark.parametrize(
    ("path", "kind"), [("/", "text/html; charset=utf-8"), ("/api/v1/orders/", "application/problem+json")]
)
def test_a_lost_database_is_503_wherever_it_was_noticed(error: Exception, path: str, kind: str) -> None:
    request = RequestFactory().get(path)
    try:
        raise error
    except type(error):
        answer = server_error(request)
    assert (answer.status_code, answer["Content-Type"], "Retry-After" in answer) == (503, kind, True)


def test_a_fault_of_ours_is_500_for_programs_and_people() -> None:
    answers = []
    for path in ("/", "/api/v1/orders/"):
        try:
            raise RuntimeError("the secret of the house")
        except RuntimeError:
            answers.append(server_error(RequestFactory().get(path)))
    assert [answer.status_code for answer in answers] == [500, 500]
    assert not any(b"secret" in answer.content for answer in answers)
    assert json.loads(answers[1].content)["code"] == "fault"


@pytest.mark.django_db
def test_readiness_asks_redis_itself(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/readyz").json()["redis"] == "ok"

    def away(_self: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(caching.PatientRedisCache, "ping", away)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["redis"]) == (200, "down")
