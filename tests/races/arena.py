"""The arena: two processes on the test database, and the referee's side of the gate."""

import contextlib
import multiprocessing
import os
import random
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

from tests.races.outcomes import Outcome, Report
from tests.races.worker import Gate, Job, serve

PROCESSES = 2
PATIENCE_SECONDS = 60.0
ROUNDS = int(os.environ.get("LINJIA_RACE_ROUNDS", "100"))
SEED = int(os.environ["LINJIA_RACE_SEED"])
Attempt = tuple[str, dict[str, Any]]


class Arena:
    """Two live processes. ``race`` is one round, ``prepare`` the same without contention."""

    def __init__(self, *, database: str, changed: dict[str, Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self._gate = Gate(context.Semaphore(0), context.Semaphore(0))
        self.random = random.Random(SEED)
        self._has_plants = False
        self._pipes: list[Connection] = []
        self._processes = []
        for _process in range(PROCESSES):
            mine, theirs = context.Pipe()
            kept = {"database": database, "changed": changed}
            process = context.Process(target=serve, args=(theirs, self._gate), kwargs=kept, daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(mine)
            self._processes.append(process)
        for pipe in self._pipes:
            self._hear(pipe)

    def close(self) -> None:
        """End both processes; their connections go with them."""
        for pipe in self._pipes:
            pipe.send(("end", None))
        for process in self._processes:
            process.join(timeout=5)
            if process.is_alive():
                process.kill()
                process.join()

    def report(self, name: str) -> Report:
        """Return an empty report that knows the seed; the order of starts begins anew, so that it can be replayed."""
        self.random = random.Random(f"{SEED} {name}")
        return Report(name, SEED, is_planted=self._has_plants)

    def race(self, *attempts: Attempt, spread_ms: float = 0.0) -> list[Outcome]:
        """Let all attempts go at once, dealt to both processes; return what came of each, in order.

        ``spread_ms``: in every second round on average each holds back for up to so long after the gate, so that
        not always the same step meets the same step; ``later_ms`` among an attempt's facts holds back that one.
        """
        spread = spread_ms * self.random.choice((0.0, 0.0, 0.3, 1.0)) / 1_000
        hands = self._deal(attempts, spread)
        for pipe, hand in zip(self._pipes, hands, strict=True):
            pipe.send(("race", hand))
        for _attempt in attempts:
            if not self._gate.ready.acquire(timeout=PATIENCE_SECONDS):
                raise TimeoutError("not everybody came to the gate")
        for _attempt in attempts:
            self._gate.go.release()
        return self._gather(len(attempts))

    def prepare(self, attempts: list[Attempt]) -> list[Any]:
        """Do many things in both processes, one after another in each; return their values."""
        for pipe, hand in zip(self._pipes, self._deal(attempts, 0.0), strict=True):
            pipe.send(("work", hand))
        outcomes = self._gather(len(attempts))
        failed = [one for one in outcomes if not one.is_done]
        assert failed == []
        return [one.value for one in outcomes]

    def change(self, **values: Any) -> None:
        """Change settings in both processes, until the end of a ``planted`` around it."""
        self._tell_all(("change", values))

    @contextlib.contextmanager
    def planted(self, *names: str, **values: Any) -> Iterator[None]:
        """Let both processes make these mistakes, and have these settings."""
        self._has_plants = bool(names)
        self._tell_all(*[("plant", name) for name in names], ("change", values))
        try:
            yield
        finally:
            self._has_plants = False
            self._tell_all(("heal", None))

    def _deal(self, attempts: Any, spread: float) -> list[list[Job]]:
        hands: list[list[Job]] = [[] for _pipe in self._pipes]
        order = list(enumerate(attempts))
        self.random.shuffle(order)
        for turn, (place, (deed, given)) in enumerate(order):
            facts = dict(given)
            later = facts.pop("later_ms", 0.0) / 1_000
            pause = later + (self.random.uniform(0, spread) if spread else 0.0)
            hands[turn % PROCESSES].append(Job(place, deed, facts, pause))
        return hands

    def _gather(self, count: int) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        for pipe in self._pipes:
            outcomes.update(dict(self._hear(pipe)))
        return [outcomes[place] for place in range(count)]

    def _tell_all(self, *orders: tuple[str, Any]) -> None:
        for order in orders:
            for pipe in self._pipes:
                pipe.send(order)
            for pipe in self._pipes:
                self._hear(pipe)

    @staticmethod
    def _hear(pipe: Connection) -> Any:
        if not pipe.poll(PATIENCE_SECONDS):
            raise TimeoutError("a contending process does not answer")
        return pipe.recv()
