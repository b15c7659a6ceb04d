"""The sandbox WeChat for tests: one process a test worker, empty at the start of every test that asks for it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from shop.gateways.contract import Gateway
from shop.gateways.registry import gateway_named
from shop.gateways.sandbox.client import SandboxControl, SentNotice

_PROJECT = Path(__file__).resolve().parent.parent


class SandboxProcess:
    """A running sandbox that can be killed and started again over the same home and port."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = 0
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = [sys.executable, "-m", "shop.gateways.sandbox"]
        environment = {name: value for name, value in os.environ.items() if name != "LINJIA_ENV"}
        self._process = subprocess.Popen(
            [*command, "--port", str(self.port), "--home", str(self.home)],
            cwd=_PROJECT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=None,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline().split()
        assert line[:1] == ["sandbox"], "the sandbox did not start"
        self.url = line[1]
        self.port = int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End it."""
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        if self._process.poll() is None:
            self.kill()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """The sandbox of this test worker."""
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    process.start()
    yield process
    process.stop()


@pytest.fixture
def sandbox(sandbox_process: SandboxProcess, settings: Any) -> Iterator[SandboxControl]:
    """An empty sandbox that the settings point to. Notices are queued: take them with ``pending_notices()``
    or let ``deliver_notices`` post them.
    """
    settings.LINJIA_SANDBOX = True
    settings.LINJIA_GATEWAY = "sandbox"
    settings.LINJIA_SANDBOX_URL = sandbox_process.url
    settings.LINJIA_SANDBOX_HOME = str(sandbox_process.home)
    control = SandboxControl(sandbox_process.url)
    control.reset()
    control.queue_notices()
    yield control
    control.reset()


@pytest.fixture
def gateway(sandbox: SandboxControl) -> Gateway:
    """The adapter, talking to the sandbox."""
    return gateway_named(django_settings.LINJIA_GATEWAY)


def post_notice(client: Client, notice: SentNotice) -> Any:
    """Post one notice to the shop's webhook as WeChat does, and return the answer."""
    headers = {name: value for name, value in notice.headers.items() if name != "Content-Type"}
    return client.post(notice.path, data=notice.body, content_type="application/json", headers=headers)


@pytest.fixture
def deliver_notices(sandbox: SandboxControl, client: Client) -> Callable[..., list[int]]:
    """A function that posts every queued notice to the webhooks and returns the answers' statuses."""

    def deliver(kind: str = "") -> list[int]:
        return [post_notice(client, notice).status_code for notice in sandbox.pending_notices(kind)]

    return deliver
