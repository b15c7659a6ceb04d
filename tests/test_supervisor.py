"""One process tree: nothing falls silently, nothing is left behind."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from settings.supervisor import Service, Supervisor


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    made = Supervisor()
    yield made
    made.stop()


def python(text: str) -> list[str]:
    return [sys.executable, "-u", "-c", text]


def within(seconds: float, is_true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_true():
            return True
        time.sleep(0.02)
    return False


def is_alive(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_fallen_service_is_started_again_and_said_so(
    supervisor: Supervisor, capfd: pytest.CaptureFixture[str]
) -> None:
    service = Service("web", python("print('up'); import time; time.sleep(60)"))
    supervisor.start(service)
    first = service.process
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    supervisor.watch(until=lambda: service.process not in {first, None} or time.monotonic() > deadline, pause=0.02)
    assert within(5, lambda: service.is_running)
    said = capfd.readouterr().out
    assert "web     │ was killed by signal 9; starting it again in 0.5 s" in said
    assert "web     │ started again" in said


def test_it_waits_longer_the_faster_it_falls(supervisor: Supervisor) -> None:
    service = Service("worker", python("raise SystemExit(3)"))
    supervisor.start(service)
    waits: list[float] = []

    def enough() -> bool:
        if service.falls > len(waits):
            waits.append(round(service.retry_at - time.monotonic(), 1))
            service.retry_at = 0.0
        return len(waits) == 4

    supervisor.watch(until=enough, pause=0.01)
    assert waits == [0.5, 1.0, 2.0, 4.0]


def test_stopping_ends_children_of_children(supervisor: Supervisor, tmp_path: Path) -> None:
    note = tmp_path / "grandchild"
    text = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(note)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    supervisor.start(Service("web", python(text)))
    assert within(10, lambda: note.exists() and note.read_text().isdigit())
    grandchild = int(note.read_text())
    assert is_alive(grandchild)
    supervisor.stop()
    assert within(5, lambda: not is_alive(grandchild))


def test_who_does_not_end_in_time_is_killed(supervisor: Supervisor, capfd: pytest.CaptureFixture[str]) -> None:
    text = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(60)"
    service = Service("deaf", python(text), stop_seconds=0.5)
    supervisor.start(service)
    assert within(10, lambda: service.tail == ["deaf"])
    supervisor.stop()
    assert not service.is_running
    assert "did not end within 0 s; killing it" in capfd.readouterr().out.replace("within 0.5", "within 0")


def test_services_stop_in_order_of_rank(supervisor: Supervisor, tmp_path: Path) -> None:
    """The database goes last: who uses it may finish its work."""
    log = tmp_path / "ends"
    text = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        f"    open({str(log)!r}, 'a').write(sys.argv[1] + ' ')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('ready')\n"
        "time.sleep(60)\n"
    )
    for name, rank in (("database", 9), ("worker", 1), ("web", 0)):
        service = Service(name, [*python(text), name], rank=rank)
        supervisor.start(service)
        assert within(10, lambda: service.tail == ["ready"])  # noqa: B023 - asked at once
    supervisor.stop()
    assert log.read_text() == "web worker database "
