"""The private servers: of nobody else, kept over restarts, gone when nobody uses them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parent.parent

# What a process does that needs the servers: say where they are, then do as told, then stay until its input ends.
USER = """
import json, sys
import psycopg2, redis
from settings import embedded
spot = embedded.ensure("run")
def ask(role, statement):
    connection = psycopg2.connect(host=str(spot.sockets), user=role, dbname="linjia")
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(statement)
    return cursor.fetchall() if cursor.description else None
print(json.dumps({"root": str(spot.root), "sockets": str(spot.sockets), "keeper": int(spot.ready_file.read_text()),
                  "redis": redis.from_url(spot.redis_url()).ping(), "answer": ask(*sys.argv[1:])}), flush=True)
sys.stdin.read()
"""


class User:
    """A process that uses the servers of one home until it leaves."""

    def __init__(self, home: Path, role: str, statement: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, role, statement], cwd=PROJECT, env=dict(os.environ, LINJIA_HOME=str(home)),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.said: dict[str, Any] = json.loads(line) if line else {}

    def leave(self) -> str:
        _out, error = self.process.communicate()
        return error


def is_gone(number: int) -> bool:
    """Whether a process has ended (a dead child that nobody asked about yet has)."""
    try:
        return Path(f"/proc/{number}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def within(seconds: float, is_true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not is_true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_true()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home that only its owner may enter, as private ones are; whoever keeps servers there is stopped at the end."""
    tmp_path.chmod(0o700)
    yield tmp_path
    for keeper in _keepers(tmp_path):
        os.kill(keeper, signal.SIGTERM)
        assert within(20, lambda: is_gone(keeper))  # noqa: B023 - asked at once
    for token in tmp_path.glob("servers"):
        shutil.rmtree(Path("/var/lib/linjia") / token.read_text())


def _keepers(home: Path) -> list[int]:
    roots = [home / "run", *(Path("/var/lib/linjia") / token.read_text() / "run" for token in home.glob("servers"))]
    return [int(root.joinpath("ready").read_text()) for root in roots if (root / "ready").exists()]


def test_two_users_share_one_pair_and_the_roles_are_narrow(home: Path) -> None:
    roles = "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname LIKE 'linjia%' ORDER BY 1"
    first = User(home, "linjia_app", roles)
    assert first.said["answer"] == [
        ["linjia_app", False, False, False],
        ["linjia_auditor", False, False, False],
        ["linjia_owner", False, False, False],
    ]
    assert first.said["redis"] is True
    second = User(home, "linjia_owner", "SELECT current_user")
    assert second.said["answer"] == [["linjia_owner"]]
    assert second.said["keeper"] == first.said["keeper"]
    assert first.leave() == second.leave() == ""


def test_the_app_may_not_make_tables(home: Path) -> None:
    user = User(home, "linjia_app", "CREATE TABLE mine (id int)")
    assert user.said == {}
    assert "permission denied for schema public" in user.leave()


def test_nobody_else_reaches_the_sockets(home: Path) -> None:
    user = User(home, "linjia_app", "SELECT 1")
    assert oct(Path(user.said["sockets"]).stat().st_mode & 0o777) == "0o700"
    user.leave()


def test_data_outlives_a_killed_keeper_and_no_server_is_left(home: Path) -> None:
    first = User(home, "linjia_owner", "CREATE TABLE kept AS SELECT 42 AS number")
    root = Path(first.said["root"])
    postgres = int((root / "postgres" / "postmaster.pid").read_text().split()[0])
    os.kill(first.said["keeper"], signal.SIGKILL)
    assert within(15, lambda: is_gone(postgres))
    first.leave()
    second = User(home, "linjia_owner", "SELECT number FROM kept")
    assert second.said["answer"] == [[42]]
    assert second.said["keeper"] != first.said["keeper"]
    second.leave()
