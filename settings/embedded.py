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
import os
import pwd
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
DATABASE = "linjia"
OWNER_ROLE = "linjia_owner"
APP_ROLE = "linjia_app"
AUDITOR_ROLE = "linjia_auditor"
SUPERUSER = "postgres"
_SOCKET_LENGTH_MAX = 80
START_SECONDS = 60.0
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
    base = folder if account is None or can_enter(folder, account) else _outside(folder)
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


def can_enter(folder: Path, account: tuple[int, int]) -> bool:
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
        raise ServersDown(
            f"Cannot create {folder} ({error.strerror}). Set LINJIA_HOME to a folder that is not private to root."
        ) from None
    return folder


def prepare_folders(spot: Place) -> None:
    """The folders of a place, with the servers' account as owner of what the servers write. Raises ServersDown."""
    spot.root.mkdir(parents=True, exist_ok=True)
    for folder in (spot.valkey_folder, spot.sockets):
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid not in {os.geteuid(), spot.account[0] if spot.account else os.geteuid()}:
            raise ServersDown(f"{folder} belongs to somebody else. Remove it or set LINJIA_HOME to another folder.")
        if spot.account:
            os.chown(folder, *spot.account)


# --- using ---------------------------------------------------------------------------------------------------------

_held: dict[Path, int] = {}


def ensure(kind: str) -> Place:
    """Servers that run for at least as long as this process: those that are up, or new ones.

    Raises ServersDown when they cannot be started.
    """
    spot = place(kind)
    prepare_folders(spot)
    _hold(spot)
    deadline = time.monotonic() + START_SECONDS
    keeper: subprocess.Popen[bytes] | None = None
    while not is_ready(spot):
        if keeper is not None and keeper.poll():
            raise ServersDown(f"The private servers do not start: {last_line(spot)} (all of it in {spot.log_file})")
        if not _is_kept(spot) and (keeper is None or keeper.poll() is not None):
            keeper = _spawn_keeper(spot, kind)
        if time.monotonic() > deadline:
            raise ServersDown(f"The private servers are not ready after {START_SECONDS:.0f} s; see {spot.log_file}")
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
    with try_lock(spot.keeper_lock, fcntl.LOCK_SH) as got:
        return not got


@contextlib.contextmanager
def try_lock(path: Path, mode: int) -> Iterator[bool]:
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
            [sys.executable, str(Path(__file__).with_name("keeper.py")), kind],
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
