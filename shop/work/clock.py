"""The clock that needs no Redis: for what it cannot ring, and for what nobody comes, it does the work itself.

``beat`` tells the workers to look at what is due; the message goes through Redis. Is Redis away, or do the workers
not hear, the to-do list in the database would wait. So this process, which wakes up anyway, works it off meanwhile.
Everything it does is safe to do twice.
"""

from datetime import timedelta
from typing import Any

import structlog
from celery.beat import ScheduleEntry, SchedulingError
from django.db import Error, close_old_connections
from django_celery_beat.schedulers import DatabaseScheduler
from kombu.utils.objects import cached_property

from shop.work.queries import neglected_age
from shop.work.sweep import database_now

logger = structlog.get_logger(__name__)

SWEEP = "shop.work.tasks.sweep"
# What waits this long, and nobody holds it, is not being worked on.
NEGLECTED = timedelta(seconds=60)


class Clock(DatabaseScheduler):
    """Rings for the workers; works while they cannot hear."""

    is_alone = False

    @cached_property
    def producer(self) -> Any:
        """How it rings. Celery's own waits here until Redis is there; the clock must not stand still."""
        return self.Producer(self.connection, auto_declare=False)

    def apply_async(self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **options: Any) -> Any:
        """Ring, or do it. Raises ``SchedulingError`` when neither is possible: the next tick tries again."""
        try:
            result = super().apply_async(entry, producer=producer, advance=advance, **options)
        except SchedulingError as error:
            logger.warning("clock_cannot_ring", entry=entry.name, error=str(error))
            self._do(entry)
            return None
        if entry.task == SWEEP:
            self._notice_neglect()
        if self.is_alone:
            self._do(entry)
        return result

    def _notice_neglect(self) -> None:
        try:
            close_old_connections()
            age = neglected_age(database_now())
        except Error as error:
            logger.warning("clock_cannot_look", error=str(error))
            return
        if (age > NEGLECTED) != self.is_alone:
            self.is_alone = not self.is_alone
            logger.warning("clock_is_alone" if self.is_alone else "clock_has_help", late_seconds=age.total_seconds())

    def _do(self, entry: ScheduleEntry) -> None:
        task = self._tasks.get(entry.task)
        if task is None:
            return
        try:
            close_old_connections()
            task()
        except Exception as error:
            raise SchedulingError(f"{entry.name}: {error}") from error

    @cached_property
    def _tasks(self) -> Any:
        # The clock itself needs no task; here it may have to do one.
        self.app.loader.import_default_modules()
        return self.app.tasks
