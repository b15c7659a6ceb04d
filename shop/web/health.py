"""What operators and their machines ask: is it alive, may it get traffic, how is it doing."""

import hmac
from collections.abc import Iterable
from datetime import timedelta

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from redis.exceptions import RedisError

from shop.base.health import Fact
from shop.work.models import Due, DueState
from shop.work.sweep import database_now

logger = structlog.get_logger(__name__)

# The sweep comes every ten seconds; work that waits this long means that nobody sweeps.
LATE = timedelta(minutes=5)
# A clock that is more wrong than this makes orders expire early and sign-ins end: somebody else should answer.
SKEW_MAX = timedelta(minutes=1)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process is alive; nothing else is asked."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether traffic may come here: 200 or 503, with one word for each thing looked at.

    Without Redis, with late due work or differing books the shop sells all the same: told, but not a reason to take the
    web away. Every web would be taken at once, and nobody served by the database that is there.
    """
    answers = {"database": _database(), "redis": _redis()}
    is_ready = answers["database"] == "ok"
    if is_ready:
        answers["clock"] = _clock()
        answers["migrations"] = _migrations()
        is_ready = answers["migrations"] == answers["clock"] == "ok"
        if answers["migrations"] == "ok":
            answers["due_work"] = _due_work()
            answers |= {fact.name: fact.word for fact in _facts()}
    return JsonResponse({"ready": is_ready} | answers, status=200 if is_ready else 503)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text form, for who holds the token (LINJIA_METRICS_TOKEN); without a token only while developing."""
    token = settings.LINJIA_METRICS_TOKEN
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and not hmac.compare_digest(given.encode(), token.encode()):
        return HttpResponse("a token is needed", status=401, content_type="text/plain")
    if not token and not settings.LINJIA_SANDBOX:
        return HttpResponse("not here", status=404, content_type="text/plain")
    return HttpResponse(generate_latest(_numbers()), content_type=CONTENT_TYPE_LATEST)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        logger.warning("not_ready", what="database", error=str(error))
        return "down"
    return "ok"


def _redis() -> str:
    try:
        # The cache is patient with a Redis that is away; this asks Redis itself.
        cache.ping()  # type: ignore[attr-defined]
    except (RedisError, OSError) as error:
        logger.warning("redis_away", error=str(error))
        return "down"
    return "ok"


def _clock() -> str:
    """Whether the clock of this machine agrees with the one of the database, which due dates go by."""
    skew = timezone.now() - database_now()
    return "ok" if abs(skew) <= SKEW_MAX else f"off by {round(skew.total_seconds())} s"


def _migrations() -> str:
    """Migrations of this code that the database has not seen."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(plan)} not applied" if plan else "ok"


def _due_work() -> str:
    age = _oldest_due_seconds()
    return f"late by {age} s" if age > LATE.total_seconds() else "ok"


def _facts() -> list[Fact]:
    """What the floors above say about themselves; they are named in the settings, for this floor knows none of them."""
    now = timezone.now()
    return [import_string(path)(now) for path in settings.HEALTH_FACTS]


def _oldest_due_seconds() -> int:
    """How long the oldest open work has been due, in seconds; 0 when nothing is due."""
    now = timezone.now()
    oldest = (
        Due.objects.filter(state=DueState.OPEN, due_at__lte=now).order_by("due_at").values_list("due_at", flat=True)
    )
    due_at = oldest.first()
    return int((now - due_at).total_seconds()) if due_at else 0


class _OfThisProcess:
    """What prometheus_client counted in this process."""

    def collect(self) -> Iterable[Metric]:
        return REGISTRY.collect()


class _OfDatabase:
    """What the database says at this moment; the same whichever process is asked."""

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "linjia_due_oldest_seconds", "How long the oldest open work has been due.", value=_oldest_due_seconds()
        )
        yield GaugeMetricFamily(
            "linjia_due_parked",
            "Work set aside for a person to look at.",
            value=Due.objects.filter(state=DueState.PARKED).count(),
        )
        yield GaugeMetricFamily(
            "linjia_redis_up", "Whether Redis answers: 1, or 0 while the shop does without.", value=_redis() == "ok"
        )
        for fact in _facts():
            for number in fact.numbers:
                yield GaugeMetricFamily(number.name, number.meaning, value=number.value)


def _numbers() -> CollectorRegistry:
    """Counters of all processes, and what the database says."""
    registry = CollectorRegistry()
    # Each process counts for itself; without a folder that joins them there is this process alone.
    if settings.LINJIA_METRICS_FOLDER:
        multiprocess.MultiProcessCollector(registry, path=settings.LINJIA_METRICS_FOLDER)  # type: ignore[no-untyped-call]
    else:
        registry.register(_OfThisProcess())
    registry.register(_OfDatabase())
    return registry


urlpatterns: list[URLPattern] = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
