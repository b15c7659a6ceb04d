"""An installation of its own, started as ``make run`` starts one, that tests may kill piece by piece.

PostgreSQL and Valkey of a scratch home, led by the keeper; the sandbox WeChat, granian with two web workers, a Celery
worker with two children and the clock, led by the supervisor of ``make run``. Between the shop and the database, Redis
and the gateway stands a gate each. Only processes that descend from the two leaders are ever killed.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import redis
import requests

from settings import embedded
from shop.gateways.sandbox.client import SandboxControl
from tests.faults.proxy import Gate

PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 120


class HandsFailed(Exception):
    """Something done by hand did not work."""


@dataclass(frozen=True)
class Process:
    """One process of the tree."""

    pid: int
    parent: int
    words: str


def within(seconds: float, is_true: Callable[[], Any], pause: float = 0.1) -> float | None:
    """Wait until it is true; return how long it took in seconds, None when it never was."""
    began = time.monotonic()
    while True:
        if is_true():
            return time.monotonic() - began
        if time.monotonic() - began > seconds:
            return None
        time.sleep(pause)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Hands:
    """The process of ``hands.py``; one that died is followed by another."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None
        self._one_at_a_time = threading.Lock()

    def __call__(self, do: str, **facts: Any) -> Any:
        """Have something done; raises HandsFailed with what went wrong, also when the process died of it."""
        with self._one_at_a_time:
            return self._ask(do, facts)

    def _ask(self, do: str, facts: dict[str, Any]) -> Any:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.hands"], cwd=PROJECT, env=self._environment,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )  # fmt: skip
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do} | facts) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise HandsFailed(f"{do}: died with {self._process.wait()}")
        told = json.loads(line)
        if "failed" in told:
            raise HandsFailed(told["failed"])
        return told["did"]

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.communicate(timeout=20)


class Stack:
    """The installation. ``start`` it once; ``stop`` leaves nothing behind."""

    def __init__(self, *, lease_seconds: int, query_seconds: int) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="linjia-faults-"))
        # The servers' account must get through; what is private lies in folders of its own.
        self.home.chmod(0o711)
        self.crashes = self.home / "crashes"
        (self.crashes / "hits").mkdir(parents=True)
        self.log = self.home / "shop.log"
        self.port, self.sandbox_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._settings = {
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "LINJIA_HOME": str(self.home),
            "LINJIA_DEMO": "0",
            "LINJIA_MEDIA": str(self.home / "media"),
            "LINJIA_QUERY_SECONDS": str(query_seconds),
            "LINJIA_FAULT_LEASE_SECONDS": str(lease_seconds),
            "LINJIA_RETURN_DAYS": "0",
            "LINJIA_WITHDRAWALS_PER_DAY_MAX": "100000",
            "PORT": str(self.port),
            "SANDBOX_PORT": str(self.sandbox_port),
            "LINJIA_FAULT_CRASHES": str(self.crashes),
            "NO_COLOR": "1",
        }

    # --- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the servers, the gates, then the shop as `make run` does."""
        began = time.monotonic()
        with self._in_home():
            self.spot = embedded.ensure("run")
        sockets = self.spot.sockets
        self.database_gate = Gate(f"{sockets}/.s.PGSQL.5432")
        self.redis_gate = Gate(f"{sockets}/valkey.sock")
        self.gateway_gate = Gate(("127.0.0.1", self.sandbox_port))
        self.environment = dict(os.environ) | self._settings
        for name in ("LINJIA_PROCESS", "LINJIA_LOG_FORM", "LINJIA_LOG_LEVEL", "PYTEST_CURRENT_TEST"):
            self.environment.pop(name, None)
        behind_gates = {
            "DATABASE_URL": f"postgres://{embedded.APP_ROLE}@127.0.0.1:{self.database_gate.port}/{embedded.DATABASE}",
            "DATABASE_OWNER_URL": self.spot.database_url(embedded.OWNER_ROLE),
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_gate.port}/0",
            "LINJIA_SANDBOX_URL": f"http://127.0.0.1:{self.gateway_gate.port}",
        }
        # The sandbox posts its notices to the shop's public address, past the gates.
        self._serve = subprocess.Popen(
            [sys.executable, str(PROJECT / "settings" / "run.py"), "serve"], cwd=PROJECT,
            env=self.environment | behind_gates, stdin=subprocess.DEVNULL, stdout=self.log.open("ab"),
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.direct = {
            "DATABASE_URL": self.spot.database_url(embedded.APP_ROLE),
            "REDIS_URL": self.spot.redis_url(),
            "LINJIA_SANDBOX_URL": f"http://127.0.0.1:{self.sandbox_port}",
            "LINJIA_SANDBOX_HOME": str(self.home / "sandbox"),
            "LINJIA_PUBLIC_URL": self.url,
            "LINJIA_PROCESS": "command",
        }
        self.hands = Hands(self.environment | self.direct)
        self.control = SandboxControl(f"http://127.0.0.1:{self.sandbox_port}")
        started = within(START_SECONDS, lambda: self._serve.poll() is not None or "Ctrl-C stops" in self.said())
        if started is None or self._serve.poll() is not None:
            raise AssertionError(f"the shop did not start:\n{self.said()[-4000:]}")
        print(f"the shop runs after {time.monotonic() - began:.1f} s")

    def stop(self) -> None:
        """Stop the shop, then the servers, and remove the home."""
        for close in (self._end_hands, self._end_shop, self._end_servers):
            with contextlib.suppress(AttributeError):
                close()
        shutil.rmtree(self.home, ignore_errors=True)

    def _end_hands(self) -> None:
        self.hands.close()

    def _end_shop(self) -> None:
        self._serve.terminate()
        try:
            self._serve.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self._serve.kill()
        for gate in (self.database_gate, self.redis_gate, self.gateway_gate):
            gate.close()

    def _end_servers(self) -> None:
        keeper = self.keeper
        embedded.release(self.spot)
        os.kill(keeper, signal.SIGTERM)
        within(30, lambda: not self.spot.ready_file.exists())
        if self.home not in self.spot.root.parents:
            shutil.rmtree(self.spot.root.parent, ignore_errors=True)

    @contextlib.contextmanager
    def _in_home(self) -> Iterator[None]:
        before = os.environ.get("LINJIA_HOME")
        os.environ["LINJIA_HOME"] = str(self.home)
        try:
            yield
        finally:
            os.environ.pop("LINJIA_HOME")
            if before is not None:
                os.environ["LINJIA_HOME"] = before

    def said(self) -> str:
        """Everything the shop's processes have printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    # --- the tree ------------------------------------------------------------------------------------------------

    @property
    def keeper(self) -> int:
        return int(self.spot.ready_file.read_text(encoding="ascii"))

    def tree(self) -> list[Process]:
        """The shop's processes, from the supervisor down."""
        answer = subprocess.run(
            ["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        ).stdout
        every = []
        for line in answer.splitlines():
            pid, parent, *words = line.split(None, 2)
            every.append(Process(int(pid), int(parent), "".join(words)))
        mine, ours = {self._serve.pid}, []
        for process in sorted(every, key=lambda each: each.pid):
            if process.parent in mine:
                mine.add(process.pid)
                ours.append(process)
        # Numbers begin anew some day: once more, for children with lower numbers than their parents.
        return [*ours, *(each for each in every if each.parent in mine and each.pid not in mine)]

    def web_workers(self) -> list[int]:
        """The processes that answer requests."""
        tree = self.tree()
        parents = {each.pid for each in tree if "granian" in each.words and each.parent == self._serve.pid}
        return [each.pid for each in tree if each.parent in parents and "resource_tracker" not in each.words]

    def celery(self, part: str) -> list[int]:
        """The ``parent`` of the workers, its ``children``, or the ``beat``."""
        tree = self.tree()
        top = [each for each in tree if "celery" in each.words and each.parent == self._serve.pid]
        parents = [each.pid for each in top if " worker " in each.words]
        if part == "parent":
            return parents
        if part == "beat":
            return [each.pid for each in top if " beat " in each.words]
        return [each.pid for each in tree if each.parent in parents]

    def kill(self, *pids: int) -> None:
        """Kill processes of this installation, as a power cut would."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def postmaster(self) -> int:
        return int((self.spot.database_folder / "postmaster.pid").read_text(encoding="ascii").split()[0])

    def valkey(self) -> int:
        """The process of Valkey, by its own word."""
        with redis.Redis(unix_socket_path=f"{self.spot.sockets}/valkey.sock") as link:
            return int(link.info("server")["process_id"])

    @property
    def database_door(self) -> dict[str, str]:
        """Where PostgreSQL's superuser enters, past every gate."""
        return {"host": str(self.spot.sockets), "user": embedded.SUPERUSER, "dbname": embedded.DATABASE}

    def ask_database(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask PostgreSQL itself, as its superuser."""
        link = psycopg2.connect(**self.database_door, application_name="test")
        try:
            link.autocommit = True
            with link.cursor() as cursor:
                cursor.execute(statement, values or None)  # without values a % is a %
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            link.close()

    def backends(self, application: str = "linjia-%") -> list[int]:
        """The server processes behind the shop's connections."""
        rows = self.ask_database(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE %s AND datname = %s",
            application, embedded.DATABASE,
        )  # fmt: skip
        return [row[0] for row in rows]

    def database_answers(self) -> bool:
        with contextlib.suppress(psycopg2.Error):
            return bool(self.ask_database("SELECT 1"))
        return False

    def readiness(self) -> dict[str, Any]:
        """What the health page says, with its status; empty when nobody answers."""
        with contextlib.suppress(requests.RequestException):
            answer = requests.get(f"{self.url}/readyz", timeout=10)
            return {"status": answer.status_code, "seconds": answer.elapsed.total_seconds()} | answer.json()
        return {}

    # --- crashing ------------------------------------------------------------------------------------------------

    def arm(self, step: str) -> None:
        """The next process to come by this step falls dead there."""
        (self.crashes / step).touch()

    def disarm(self) -> None:
        for each in self.crashes.iterdir():
            if each.name != "hits":
                each.unlink(missing_ok=True)

    def armed(self) -> list[str]:
        return sorted(each.name for each in self.crashes.iterdir() if each.name != "hits")

    def hits(self) -> list[str]:
        """The steps at which processes have fallen, in order."""
        fallen = (each.name.split() for each in (self.crashes / "hits").iterdir())
        return [step for _at, step in sorted(fallen, key=lambda one: int(one[0]))]
