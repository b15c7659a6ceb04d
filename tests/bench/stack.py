"""Servers of the bench: a private PostgreSQL with its durability on, a Valkey, the sandbox WeChat, web servers as in `make run`."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import connections

from settings import embedded
from settings.keeper import _programs
from settings.prepare import serving_environment
from settings.run import MEMORY, WEB_WORKERS

PROJECT = Path(__file__).resolve().parent.parent.parent
TEMPLATE = embedded.DATABASE
_READY_SECONDS = 60.0


@dataclass(frozen=True)
class Server:
    """A running HTTP server and the processes it consists of."""

    port: int
    pid: int

    def workers(self) -> list[int]:
        """The process numbers of its children."""
        return [int(number) for number in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]


@dataclass(frozen=True)
class Ticks:
    """What pgbench said."""

    rate: float
    wait_ms: float


class Stack:
    """Everything a case may start. What it starts ends with its `with` block."""

    def __init__(self) -> None:
        self.place = embedded.ensure("bench")
        self.programs = _programs(self.place).postgres
        # As in `make run`: libraries look for what is installed beside them, and would load what only tests need.
        self.python = serving_environment(PROJECT / ".linjia" / "bench-serving")

    # --- databases ---------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Bring the tables of the template to the state of this code."""
        result = subprocess.run(
            [sys.executable, "-m", "settings.upgrade"], cwd=PROJECT, env=self.environment(TEMPLATE),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if result.returncode:
            raise SystemExit(f"The bench database cannot be prepared: {result.stderr.strip()[-500:]}")

    def fresh(self, name: str, *, template: str = TEMPLATE) -> str:
        """Make a database as a copy of another, and let this process use it; return its name."""
        full = f"bench_{name}"
        connections["default"].close()
        self.psql("postgres", f"DROP DATABASE IF EXISTS {full} WITH (FORCE)")
        self.psql("postgres", f"CREATE DATABASE {full} TEMPLATE {template} OWNER {embedded.OWNER_ROLE}")
        self.use(full)
        return full

    def use(self, database: str) -> None:
        """Let this process's Django speak to another database, as the superuser."""
        connections["default"].close()
        connections["default"].settings_dict["NAME"] = database

    def psql(self, database: str, statement: str) -> str:
        """Run statements as the superuser, outside a transaction; return what was answered."""
        command = [
            str(self.programs / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", str(self.place.sockets),
            "-U", embedded.SUPERUSER, "-d", database, "-c", statement,
        ]  # fmt: skip
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def pgbench(
        self, database: str, script: str, *, clients: int = 16, seconds: float = 3.0, role: str = embedded.SUPERUSER
    ) -> Ticks:
        """Run a script of pgbench (prepared statements) for a while."""
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(script)
            file.flush()
            command = [
                str(self.programs / "pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", "2",
                "-T", str(max(1, round(seconds))), "-h", str(self.place.sockets), "-U", role, "-f", file.name, database,
            ]  # fmt: skip
            result = subprocess.run(command, capture_output=True, text=True, check=False)
        rate = re.search(r"tps = ([\d.]+)", result.stdout)
        wait = re.search(r"latency average = ([\d.]+)", result.stdout)
        failed = re.search(r"number of failed transactions: (\d+)", result.stdout)
        if result.returncode or rate is None or wait is None or (failed and int(failed.group(1))):
            raise RuntimeError(f"pgbench: {result.stderr.strip()[-1000:] or result.stdout}")
        return Ticks(float(rate.group(1)), float(wait.group(1)))

    # --- servers -------------------------------------------------------------------------------------------------------

    def environment(self, database: str, **more: str) -> dict[str, str]:
        """The environment of this project's processes on one database."""
        app, owner = (self.place.database_url(role, database) for role in (embedded.APP_ROLE, embedded.OWNER_ROLE))
        return {
            **os.environ, "DJANGO_SETTINGS_MODULE": "settings.dev", "DATABASE_URL": app, "DATABASE_OWNER_URL": owner,
            "REDIS_URL": self.place.redis_url(), "LINJIA_LOG_LEVEL": "ERROR", "PYTHONUNBUFFERED": "1",
            "LINJIA_PROCESS": "command", **more,
        }  # fmt: skip

    @contextlib.contextmanager
    def web(self, database: str, *, path: str = "/healthz", **environment: str) -> Iterator[Server]:
        """The shop on one database, served as `make run` serves it."""
        application = "settings.wsgi:application"
        env = self.environment(database, LINJIA_PROCESS="web", **MEMORY, **environment)
        with self._granian(application, env, path) as server:
            yield server

    @contextlib.contextmanager
    def bare(self) -> Iterator[Server]:
        """A Django view that says OK, without middleware, served by the same server: the limit of every page."""
        env = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with self._granian("tests.bench.bare:application", env, "/") as server:
            yield server

    @contextlib.contextmanager
    def sandbox(self) -> Iterator[str]:
        """The sandbox WeChat; gives its address, and its home as the variable LINJIA_SANDBOX_HOME wants it."""
        port = free_port()
        with tempfile.TemporaryDirectory() as home:
            command: list[str | Path] = [
                sys.executable,
                "-m",
                "shop.gateways.sandbox",
                "--port",
                str(port),
                "--home",
                home,
            ]
            env = {name: value for name, value in os.environ.items() if name != "LINJIA_ENV"}
            with _running(command, env) as process:
                _await(f"http://127.0.0.1:{port}/", process)
                yield f"http://127.0.0.1:{port} {home}"

    @contextlib.contextmanager
    def _granian(self, application: str, env: dict[str, str], path: str) -> Iterator[Server]:
        port = free_port()
        command: list[str | Path] = [
            self.python, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
            "--workers", WEB_WORKERS, "--blocking-threads", "3", "--no-ws", "--respawn-failed-workers",
            "--workers-kill-timeout", "5", "--log-level", "warning", application,
        ]  # fmt: skip
        with _running(command, env) as process:
            _await(f"http://127.0.0.1:{port}{path}", process)
            yield Server(port, process.pid)


@contextlib.contextmanager
def _running(command: list[str | Path], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=PROJECT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with code {process.returncode}")
        try:
            opener.open(url, timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"nothing answers at {url}")


def memory_mb(pid: int) -> tuple[float, float]:
    """The resident and the proportional share of memory of a process, in MB."""
    facts = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = {name: int(kilobytes) for name, kilobytes in re.findall(r"^(Rss|Pss):\s+(\d+) kB", facts, re.MULTILINE)}
    return found["Rss"] / 1024, found["Pss"] / 1024
