"""What machines ask the shop about itself."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import caches
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone

from shop.work.models import Due, DueState

pytestmark = pytest.mark.django_db


def test_alive_needs_nothing(client: Client, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok")


def test_ready_when_everything_answers(client: Client) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "database": "ok",
        "redis": "ok",
        "clock": "ok",
        "migrations": "ok",
        "due_work": "ok",
        "reconciliation": "never",
        "uncleared_money": "ok",
        "payouts": "ok",
    }


def test_not_ready_with_a_migration_to_apply(client: Client) -> None:
    MigrationRecorder.Migration.objects.filter(app="work").delete()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["migrations"].endswith("not applied")


@pytest.mark.parametrize("days", [8, -8])
def test_not_ready_with_a_wrong_clock(client: Client, days: int) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=days)):
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["clock"].startswith(f"off by {days * 24 * 3600}"[:10])


def test_without_redis_it_says_so_and_serves(client: Client, settings) -> None:
    assert "linjia_redis_up 1.0" in client.get("/metrics").content.decode()
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": "unix:///nowhere/valkey.sock"}}
    assert caches.settings["default"]["LOCATION"] == "unix:///nowhere/valkey.sock"
    answer = client.get("/readyz")
    told = answer.json()
    assert (answer.status_code, told["ready"], told["redis"], told["migrations"]) == (200, True, "down", "ok")
    assert "linjia_redis_up 0.0" in client.get("/metrics").content.decode()


def test_late_work_is_told_but_pages_go_on(client: Client) -> None:
    due_at = timezone.now() - timedelta(minutes=10)
    Due.objects.create(what="order.expire", subject="O1", due_at=due_at)
    Due.objects.create(what="order.expire", subject="O2", due_at=due_at - timedelta(hours=1), state=DueState.DONE)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["due_work"] in {"late by 600 s", "late by 601 s"}


def test_metrics_are_for_who_holds_the_token(client: Client, settings) -> None:
    settings.LINJIA_METRICS_TOKEN = "a-token-of-the-operator"
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    answer = client.get("/metrics", headers={"Authorization": "Bearer a-token-of-the-operator"})
    assert answer.status_code == 200
    assert "linjia_due_oldest_seconds 0.0" in answer.content.decode()


def test_without_a_token_production_has_no_metrics(client: Client, settings) -> None:
    settings.LINJIA_METRICS_TOKEN = ""
    settings.LINJIA_SANDBOX = False
    assert client.get("/metrics").status_code == 404


def test_parked_work_is_counted(client: Client) -> None:
    Due.objects.create(what="order.expire", subject="O3", due_at=timezone.now(), state=DueState.PARKED)
    assert "linjia_due_parked 1.0" in client.get("/metrics").content.decode()


def test_it_counts_requests_by_route_not_by_path(client: Client) -> None:
    def counted() -> float:
        # This process may have been asked for other products before.
        route = re.escape('linjia_request_seconds_count{method="GET",route="p/<slug:number>/",status="404"} ')
        found = re.search(rf"^{route}(.+)$", client.get("/metrics").content.decode(), re.MULTILINE)
        return float(found.group(1)) if found else 0.0

    before = counted()
    client.get("/p/no-such-product/")
    assert counted() == before + 1
    assert "no-such-product" not in client.get("/metrics").content.decode()


def test_every_answer_carries_the_requests_id(client: Client) -> None:
    assert (
        client.get("/healthz", headers={"X-Request-ID": "from-the-proxy"}).headers["X-Request-ID"] == "from-the-proxy"
    )
    made = client.get("/healthz", headers={"X-Request-ID": "no good\x0b<script>"}).headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)
