"""A gate on the road between two programs: it can be shut, slowed down, or made to swallow what passes one way."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any

QUESTIONS, ANSWERS = "questions", "answers"
_CHUNK = 65_536
_PATIENCE_SECONDS = 5.0


class Gate:
    """Listens on a loopback port and passes everything on to ``upstream``: a Unix socket's path, or (host, port)."""

    def __init__(self, upstream: str | tuple[str, int]) -> None:
        self.upstream = upstream
        self.port = 0
        self.passed = 0
        self._loop = asyncio.new_event_loop()
        self._open: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._is_cut = False
        self._delay_seconds = 0.0
        self._swallowed: set[str] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gate", daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._meet, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]

    # What a test does to the road

    def cut(self) -> None:
        """End every connection and refuse new ones."""
        self._tell(self._cut)

    def delay(self, seconds: float) -> None:
        """Let everything take so much longer, each way."""
        self._delay_seconds = seconds

    def swallow(self, *ways: str) -> None:
        """Let ``questions``, ``answers`` or both vanish without a word: the connection stands, nothing arrives."""
        self._swallowed = set(ways or (QUESTIONS, ANSWERS))

    def heal(self) -> None:
        """Open road again. Connections that lost bytes are ended: nobody could understand them any more."""
        self._is_cut, self._delay_seconds = False, 0.0
        if self._swallowed:
            self._swallowed = set()
            self._tell(self._drop_all)

    @property
    def connections(self) -> int:
        return len(self._open)

    def close(self) -> None:
        """End it."""
        self._tell(self._cut)
        self._tell(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=_PATIENCE_SECONDS)

    # How it is done

    def _cut(self) -> None:
        self._is_cut = True
        self._drop_all()

    def _drop_all(self) -> None:
        for pair in self._open:
            for writer in pair:
                writer.transport.abort()

    def _run(self, deed: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(deed, self._loop).result(timeout=_PATIENCE_SECONDS)

    def _tell(self, deed: Callable[[], None]) -> None:
        async def do() -> None:
            deed()

        self._run(do())

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            if isinstance(self.upstream, str):
                far_reader, far_writer = await asyncio.open_unix_connection(self.upstream)
            else:
                far_reader, far_writer = await asyncio.open_connection(*self.upstream)
        except OSError:
            # What is behind the gate is away: so is the gate.
            writer.transport.abort()
            return
        pair = (writer, far_writer)
        self._open.add(pair)
        ways = [
            asyncio.ensure_future(self._pass_on(reader, far_writer, QUESTIONS)),
            asyncio.ensure_future(self._pass_on(far_reader, writer, ANSWERS)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for one in pair:
                with contextlib.suppress(OSError, RuntimeError):
                    one.close()
            self._open.discard(pair)

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, way: str) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(_CHUNK):
                if self._delay_seconds:
                    await asyncio.sleep(self._delay_seconds)
                if way in self._swallowed:
                    continue
                self.passed += len(data)
                target.write(data)
                await target.drain()
