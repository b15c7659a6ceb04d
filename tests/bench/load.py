"""A closed-loop HTTP client: so many connections, each sends its next request when the answer is there.

One thread and an event loop over raw sockets, because the generator shares its two cores with what it measures.
"""

import selectors
import socket
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_PATIENCE_SECONDS = 30.0
_CHUNK = 65_536


@dataclass
class Load:
    """What came of a load: answers a second, waiting times in milliseconds, how often each status came."""

    seconds: float
    answers: int
    waits_ms: list[float] = field(repr=False)
    statuses: Counter[int]
    broken: int = 0

    @property
    def rate(self) -> float:
        return self.answers / self.seconds

    def wait_ms(self, percent: int) -> float:
        """The waiting time that `percent` of the answers do not exceed."""
        if len(self.waits_ms) < 2:
            return self.waits_ms[0] if self.waits_ms else 0.0
        return statistics.quantiles(self.waits_ms, n=100, method="inclusive")[percent - 1]


def request(method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """The bytes of one HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept-Encoding: identity"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body or method not in ("GET", "HEAD"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class _Client:
    """One connection: what it waits for, since when, and what has come of the answer."""

    def __init__(self, number: int, port: int) -> None:
        self.number, self.port = number, port
        self.socket: socket.socket | None = None
        self.begin()

    def begin(self) -> None:
        self.sent_at = 0.0
        self.answer = bytearray()
        self.whole = -1
        self.body_at = 0

    def send(self, sent: bytes) -> socket.socket:
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE_SECONDS)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.begin()
        self.sent_at = time.perf_counter()
        self.socket.sendall(sent)
        return self.socket

    def receive(self) -> tuple[int, bytes] | None:
        """Take what has come; the status and body once the answer is whole. Raises OSError when it never will be."""
        assert self.socket is not None
        piece = self.socket.recv(_CHUNK)
        if not piece:
            raise ConnectionResetError
        self.answer += piece
        if not self.body_at:
            end = self.answer.find(b"\r\n\r\n")
            if end < 0:
                return None
            self.body_at = end + 4
            length = _length(bytes(self.answer[: end + 2]))
            self.whole = -1 if length is None else self.body_at + length
        if self.whole < 0:
            return self._in_chunks()
        if len(self.answer) < self.whole:
            return None
        return int(self.answer[9:12]), bytes(self.answer[self.body_at : self.whole])

    def _in_chunks(self) -> tuple[int, bytes] | None:
        if not self.answer.endswith(b"0\r\n\r\n"):
            return None
        body, at = bytearray(), self.body_at
        while True:
            end = self.answer.find(b"\r\n", at)
            size = int(self.answer[at:end], 16) if end > 0 else -1
            if size == 0:
                return int(self.answer[9:12]), bytes(body)
            if size < 0 or len(self.answer) < end + 2 + size:
                return None
            body += self.answer[end + 2 : end + 2 + size]
            at = end + 4 + size

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def _length(head: bytes) -> int | None:
    """The length of the body; None when it comes in chunks."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
        if name.lower() == b"transfer-encoding":
            return None
    return 0


def load(
    *,
    port: int,
    next_request: Callable[[int], bytes | None],
    clients: int = 16,
    seconds: float = 3.0,
    heard: Callable[[int, int, bytes], None] | None = None,
) -> Load:
    """Ask from `clients` connections for `seconds`, or until `next_request(client)` returns None for all.

    `heard(client, status, body)` is told every answer; a broken connection counts and is told as status 0.
    """
    selector = selectors.DefaultSelector()
    waits: list[float] = []
    statuses: Counter[int] = Counter()
    broken = 0
    began = time.perf_counter()
    ends = began + seconds

    def go_on(client: _Client) -> None:
        if time.perf_counter() >= ends:
            return
        sent = next_request(client.number)
        if sent is not None:
            selector.register(client.send(sent), selectors.EVENT_READ, client)

    everybody = [_Client(number, port) for number in range(clients)]
    for one in everybody:
        go_on(one)
    while selector.get_map():
        ready = selector.select(timeout=_PATIENCE_SECONDS)
        if not ready:
            raise TimeoutError(f"no answer on port {port} for {_PATIENCE_SECONDS:.0f} s")
        for key, _events in ready:
            client: _Client = key.data
            status, body = 0, b""
            try:
                answer = client.receive()
                if answer is None:
                    continue
                status, body = answer
            except OSError:
                broken += 1
            selector.unregister(key.fileobj)
            if status:
                waits.append((time.perf_counter() - client.sent_at) * 1000)
            else:
                client.close()
            statuses[status] += 1
            if heard is not None:
                heard(client.number, status, body)
            go_on(client)
    lasted = time.perf_counter() - began
    for one in everybody:
        one.close()
    return Load(seconds=lasted, answers=len(waits), waits_ms=waits, statuses=statuses, broken=broken)
