"""One of the two contending processes: its threads stay alive, wait at the common gate, and are let go together.

Nothing of Django may be imported before ``serve`` has set it up.
"""

import logging
import os
import queue
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Semaphore
from typing import Any

from tests.races.outcomes import CRASHED, Outcome


@dataclass(frozen=True)
class Job:
    """One attempt: a deed of ``tests.races.deeds`` by name, its facts, and how long to hold back after the gate."""

    place: int
    deed: str
    facts: dict[str, Any]
    pause_seconds: float = 0.0


@dataclass(frozen=True)
class Gate:
    """The barrier across both processes: each runner says that it stands there, then waits to be let go."""

    ready: Semaphore
    go: Semaphore

    def wait(self) -> None:
        self.ready.release()
        self.go.acquire()


class Runner(threading.Thread):
    """A thread that does one job after another, each after the gate; its database connection stays open."""

    def __init__(self, gate: Gate, done: "queue.SimpleQueue[tuple[int, Outcome]]") -> None:
        super().__init__(daemon=True)
        self.gate, self.done = gate, done
        self.jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()

    def run(self) -> None:
        from django.utils import translation

        translation.activate("en")
        while True:
            job = self.jobs.get()
            self.gate.wait()
            if job.pause_seconds:
                time.sleep(job.pause_seconds)
            self.done.put((job.place, attempt(job)))


def attempt(job: Job) -> Outcome:
    """Do a job; whatever it raises is an outcome."""
    from tests.races.deeds import do

    started = time.perf_counter()
    try:
        return do(job.deed, job.facts, started=started)
    except BaseException as error:  # noqa: BLE001 - the referee must hear of everything
        return Outcome(CRASHED, f"{type(error).__name__}: {error}", "crashed")


def serve(pipe: Connection, gate: Gate, *, database: str, changed: dict[str, Any]) -> None:
    """Do what the arena says until it says "end"."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.test")
    import django

    django.setup()
    # Refusals are what a race is about; the referee hears of them all.
    logging.disable(logging.CRITICAL)
    from tests.races.habits import Habits, at_home

    at_home(database=database, changed=changed)
    habits, done = Habits(), queue.SimpleQueue[tuple[int, Outcome]]()
    runners: list[Runner] = []
    pipe.send("here")
    while True:
        order, what = pipe.recv()
        if order == "end":
            # At once: runners stand at the gate for ever.
            os._exit(0)
        if order == "race":
            while len(runners) < len(what):
                runners.append(Runner(gate, done))
                runners[-1].start()
            for runner, job in zip(runners, what, strict=False):
                runner.jobs.put(job)
            pipe.send([done.get() for _job in what])
        elif order == "work":
            pipe.send([(job.place, attempt(job)) for job in what])
        elif order == "plant":
            pipe.send(habits.plant(what))
        elif order == "change":
            pipe.send(habits.change(what))
        elif order == "heal":
            pipe.send(habits.heal())
