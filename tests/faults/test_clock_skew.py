"""F12: the web's or the worker's clock is wrong by days; due dates keep the database's time."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.faults.driver import Town
from tests.faults.form import IS_FULL
from tests.faults.stack import PROJECT, Stack, free_port, within

DAY_SECONDS = 24 * 3600
RETURN_DAYS = 7  # of porcelain, see hands.py
BOTH = ("+8d", "-8d")
# What tempts most: goods that seem received long ago, and a worker for whom everything is due.
WEB_SKEWS = BOTH if IS_FULL else ("-8d",)
WORKER_SKEWS = BOTH if IS_FULL else ("+8d",)

LIBRARIES = [
    Path(folder) / "faketime" / "libfaketimeMT.so.1"
    for folder in (
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
        "/usr/local/lib",
    )
]
LIBRARY = next((path for path in LIBRARIES if path.exists()), None)
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="needs libfaketime, on Debian: apt-get install faketime")


def skewed(stack: Stack, skew: str, process: str) -> dict[str, str]:
    """The environment of a process whose wall clock is wrong; its stopwatch is right."""
    return stack.environment | stack.direct | {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME": skew,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_NO_CACHE": "1",
        "LINJIA_PROCESS": process,
    }  # fmt: skip


@contextmanager
def skewed_web(stack: Stack, skew: str) -> Iterator[str]:
    """A web server beside the others, with a clock of its own."""
    port = free_port()
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--blocking-threads", "2", "--no-ws", "--log-level", "warning", "settings.wsgi:application",
    ]  # fmt: skip
    web = subprocess.Popen(command, cwd=PROJECT, env=skewed(stack, skew, "web"), stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return requests.get(f"{url}/healthz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    try:
        assert within(60, answers, 0.2) is not None, "the skewed web does not start"
        yield url
    finally:
        web.terminate()
        web.wait(timeout=20)


@pytest.mark.parametrize("skew", WEB_SKEWS)
def test_a_web_with_a_wrong_clock_settles_nothing_early(stack: Stack, town: Town, skew: str) -> None:
    """Goods are received over it: their return window is the database's seven days, and it says that it is wrong."""
    who, hands = town.customers[0], stack.hands
    order = town.buy(who, skus=[town.returnable])
    assert within(60, lambda: hands("state_of", kind="order", number=order) == "paid", 0.3) is not None
    hands("ship", order=order)
    parts = [part["number"] for part in who.ask("GET", f"orders/{order}/")["supplier_orders"]]
    with skewed_web(stack, skew) as url:
        ready = requests.get(f"{url}/readyz", timeout=10)
        assert ready.status_code == 503
        off = int(ready.json()["clock"].removeprefix("off by ").removesuffix(" s"))
        assert off == pytest.approx(int(skew[:2]) * DAY_SECONDS, abs=5)
        token = hands("token", user=who.number, days=9)
        for part in parts:
            answer = requests.post(
                f"{url}/api/v1/orders/{order}/parts/{part}/receive/", headers={"Authorization": f"Bearer {token}"},
                timeout=20,
            )  # fmt: skip
            assert answer.status_code == 200, answer.text
    hands("sweep_here")
    due = hands("due_instants", order=order)
    assert due["window_seconds"] == pytest.approx(RETURN_DAYS * DAY_SECONDS, abs=120)
    assert set(due["parts"]) == {"received"}
    assert set(due["commissions"]) | set(due["earnings"]) == {"frozen"}


@pytest.mark.parametrize("skew", WORKER_SKEWS)
def test_a_worker_with_a_wrong_clock_settles_nothing_early(stack: Stack, town: Town, skew: str) -> None:
    """It does all due work there is, eight days early or late by its own clock."""
    who, hands = town.customers[0], stack.hands
    order = town.buy(who, skus=[town.returnable])
    placed = town.place(who)
    assert within(60, lambda: hands("state_of", kind="order", number=order) == "paid", 0.3) is not None
    hands("ship", order=order)
    hands("receive", order=order)
    command = [sys.executable, "manage.py", "sweep"]
    told = subprocess.run(
        command,
        cwd=PROJECT,
        env=skewed(stack, skew, "worker"),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    due = hands("due_instants", order=order)
    assert set(due["parts"]) == {"received"}
    assert set(due["commissions"]) | set(due["earnings"]) == {"frozen"}
    # Nor is an order given up whose time to pay is not over.
    assert hands("state_of", kind="order", number=placed) == "placed"


def test_everything_holds_after_the_skews(town: Town) -> None:
    town.recover()
