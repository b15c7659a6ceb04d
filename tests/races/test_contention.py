"""Waiting for each other is no error: nobody is told of a deadlock that a second try gets round."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from shop.base.locks import lock_rows
from shop.work.actions import remember
from shop.work.idempotency import once
from shop.work.models import Due
from tests import world


@pytest.mark.django_db(transaction=True)
def test_a_deadlock_within_an_idempotent_request_is_tried_again() -> None:
    for subject in ("one", "two"):
        remember(what="order.expire", subject=subject, due_at=world.now() + timedelta(days=1))
    met, answers, errors = threading.Barrier(2), [], []

    def ask(key: str, first: str, second: str) -> None:
        tries: list[int] = []

        def act() -> tuple[int, Any]:
            lock_rows(Due.objects.filter(subject=first))
            if not tries:
                tries.append(1)
                met.wait(timeout=10)
            lock_rows(Due.objects.filter(subject=second))
            return 201, {"key": key}

        try:
            with connection.cursor() as cursor:
                cursor.execute("SET deadlock_timeout = '20ms'")
            answers.append(once(caller="user:U1", key=key, asked="same", act=act))
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=one) for one in (("key-1", "one", "two"), ("key-2", "two", "one"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert errors == []
    assert sorted(answers, key=str) == [(201, {"key": "key-1"}, False), (201, {"key": "key-2"}, False)]
