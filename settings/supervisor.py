"""One process tree: starts services, prefixes what they say, restarts the fallen, stops all of them.

Standard library only; it runs before and outside Django.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

_COLOURS = {"cyan": 36, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "red": 31, "grey": 90}
_PREFIX_WIDTH = 8
_RESTART_SECONDS_MAX = 15.0
_STEADY_SECONDS = 20.0
_PR_SET_PDEATHSIG = 1
_print_lock = threading.Lock()


def paint(text: str, colour: str) -> str:
    """The text in a colour, where the output is a terminal that wants one."""
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def say(name: str, line: str, colour: str = "grey") -> None:
    """Print one whole line with the name of who says it."""
    with _print_lock, contextlib.suppress(BrokenPipeError):
        print(f"{paint(f'{name:<{_PREFIX_WIDTH}}│', colour)} {line}", flush=True)


def die_with_parent(stop_signal: int) -> Callable[[], None] | None:
    """What a child runs before its program, so that it ends when this process is killed (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)

    def ask_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, stop_signal)

    return ask_kernel


class TaskFailed(Exception):
    """A task ended with an error; the text is the last thing it said."""


@dataclass
class Service:
    """One long-running program and how it wants to be treated.

    `account` is the (uid, gid) it runs under, `stop_seconds` how long it may take to end by itself, `quiet` drops
    its output unless it falls, `rank` the order of stopping (low first).
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] | None = None
    colour: str = "cyan"
    account: tuple[int, int] | None = None
    folder: str | None = None
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 10.0
    rank: int = 0
    quiet: bool = False
    before_start: Callable[[], None] | None = None
    process: subprocess.Popen[str] | None = field(default=None, repr=False)
    started_at: float = 0.0
    falls: int = 0
    retry_at: float = 0.0
    tail: list[str] = field(default_factory=list, repr=False)
    heard: Callable[[str], None] | None = None
    relay: threading.Thread | None = field(default=None, repr=False)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Starts services from the main thread, watches them, and stops them in order of rank."""

    def __init__(self) -> None:
        self.services: list[Service] = []
        self.is_stopping = False

    def start(self, service: Service) -> None:
        """Add a service and start it."""
        self.services.append(service)
        self._launch(service)

    def _launch(self, service: Service) -> None:
        if service.before_start:
            service.before_start()
        identity: dict[str, object] = {}
        if service.account:
            uid, gid = service.account
            identity = {"user": uid, "group": gid, "extra_groups": []}
        service.tail.clear()
        service.started_at = time.monotonic()
        # A session of its own: Ctrl-C reaches this process alone, which then stops the services in order.
        service.process = subprocess.Popen(  # type: ignore[call-overload]
            list(service.command),
            env=dict(service.environment) if service.environment is not None else None,
            cwd=service.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=die_with_parent(service.stop_signal),  # noqa: PLW1509 - one system call, no lock taken
            **identity,
        )
        service.relay = threading.Thread(target=self._relay, args=(service, service.process), daemon=True)
        service.relay.start()

    @staticmethod
    def _relay(service: Service, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for raw in process.stdout:
            line = raw.rstrip()
            service.tail[:] = [*service.tail[-19:], line]
            if service.heard:
                service.heard(line)
            if not service.quiet:
                say(service.name, line, service.colour)

    def watch(self, *, until: Callable[[], bool], pause: float = 0.25) -> None:
        """Keep every service alive until `until()` says it is enough."""
        while not self.is_stopping and not until():
            for service in self.services:
                self.tend(service)
            time.sleep(pause)

    def play(self, task: Service) -> list[str]:
        """Run a task that ends by itself, keeping the services alive meanwhile; return what it said.

        Raises TaskFailed when it ends with an error. It is ended when this call is left early.
        """
        said: list[str] = []
        task.heard = said.append
        self._launch(task)
        assert task.process is not None
        try:
            self.watch(until=lambda: not task.is_running, pause=0.1)
        finally:
            self._end_group(task, signal.SIGKILL)
            code = task.process.wait()
            if task.relay:
                task.relay.join(timeout=2)
        if code:
            raise TaskFailed(said[-1] if said else f"{task.name} ended with code {code}")
        return said

    def tend(self, service: Service) -> None:
        """Restart a fallen service, later and later the faster it falls."""
        if service.is_running:
            return
        now = time.monotonic()
        if service.process is not None:
            if now - service.started_at > _STEADY_SECONDS:
                service.falls = 0
            wait = min(0.5 * 2**service.falls, _RESTART_SECONDS_MAX)
            service.falls += 1
            service.retry_at = now + wait
            code = service.process.returncode
            if service.quiet:
                for line in service.tail[-5:]:
                    say(service.name, line, service.colour)
            how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
            say(service.name, f"{how}; starting it again in {wait:.1f} s", "red")
            self._end_group(service, signal.SIGKILL)
            service.process = None
        elif now >= service.retry_at:
            self._launch(service)
            say(service.name, "started again", "green")

    def stop(self) -> None:
        """Stop every service, group after group, killing those that do not end in time."""
        self.is_stopping = True
        for rank in sorted({service.rank for service in self.services}):
            group = [service for service in self.services if service.rank == rank]
            for service in group:
                if service.is_running and service.process is not None:
                    with contextlib.suppress(ProcessLookupError):
                        service.process.send_signal(service.stop_signal)
            for service in group:
                self._await_end(service)

    def _await_end(self, service: Service) -> None:
        if service.process is None:
            return
        try:
            service.process.wait(timeout=service.stop_seconds)
        except subprocess.TimeoutExpired:
            say(service.name, f"did not end within {service.stop_seconds:.0f} s; killing it", "red")
        self._end_group(service, signal.SIGKILL)
        service.process.wait()

    @staticmethod
    def _end_group(service: Service, sign: int) -> None:
        """Signal what is left of the service's process group (its leader gave the group its number)."""
        if service.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(service.process.pid, sign)
