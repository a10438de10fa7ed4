"""Clients of every kind, and the requests that they have lost."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

#: How many sockets and streams are open all the time.
OPEN_SOCKETS: Final = 20
OPEN_STREAMS: Final = 10
#: Each so many requests, a client opens a further socket, and closes it.
REQUESTS_PER_SOCKET: Final = 10
#: The close codes that are a reason: going away, and service restart.
REASONS: Final = frozenset({1001, 1012})
TIMEOUT_SECONDS: Final = 30.0


class Load:
    """Requests, sockets and streams that are open while servers restart.

    Args:
        url: The URL of the proxy.
        requests_per_second: How many requests start per second, half of them `GET`, half `POST`.
    """

    def __init__(self, url: str, requests_per_second: float) -> None:
        self._url = url
        self._interval_seconds = 1 / requests_per_second
        #: How many requests of each kind were answered, and how many sockets and streams ended.
        self.finished: Counter[str] = Counter()
        #: A description of each request that was lost.
        self.lost: list[str] = []
        #: The identifiers of the writes that were answered.
        self.written: list[str] = []
        #: The slowest request: its time, its kind, and when it started.
        self.slowest = (0.0, "", 0.0)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._answered = asyncio.Condition()
        self._started_at = time.monotonic()

    def __str__(self) -> str:
        finished = ", ".join(f"{count} {kind}" for kind, count in sorted(self.finished.items()))
        seconds, kind, started_at = self.slowest
        slowest = f"slowest: {kind} at {started_at:.1f} s took {seconds:.1f} s"
        return f"{finished}; {len(self.lost)} lost; {slowest}"

    async def wait_for_requests(self, count: int) -> None:
        """Wait for a number of further responses."""
        expected = self._responses + count
        async with self._answered:
            await self._answered.wait_for(lambda: self._responses >= expected or bool(self.lost))

    @property
    def _responses(self) -> int:
        return self.finished["GET"] + self.finished["POST"]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send requests during a block, and await all responses after it."""
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(
            self._url, connector=connector, timeout=timeout
        ) as self._client:
            for _ in range(OPEN_SOCKETS):
                self._start("socket", self._keep_socket())
            for _ in range(OPEN_STREAMS):
                self._start("stream", self._keep_stream())
            schedule = asyncio.create_task(self._send())
            try:
                yield
            finally:
                self._stopping.set()
                await schedule
                await asyncio.gather(*self._tasks)

    def _start(self, kind: str, work: Awaitable[None]) -> None:
        task = asyncio.create_task(self._record(kind, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _record(self, kind: str, work: Awaitable[None]) -> None:
        try:
            await work
        except (aiohttp.ClientError, OSError, TimeoutError, AssertionError) as error:
            seconds = time.monotonic() - self._started_at
            async with self._answered:
                self.lost.append(f"{seconds:.3f} s: {kind}: {type(error).__name__}: {error}")
                self._answered.notify_all()

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        for number in itertools.count():
            if self._stopping.is_set():
                return
            if number % 2:
                self._start("GET", self._get())
            else:
                self._start("POST", self._post(f"{number}"))
            if number % REQUESTS_PER_SOCKET == 0:
                self._start("new socket", self._open_socket())
            due += self._interval_seconds
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def _get(self) -> None:
        started_at = time.monotonic()
        async with self._client.get("/api/read") as response:
            text = await response.text()
            assert response.status == 200, f"{response.status}: {text}"
        await self._finish("GET", started_at)

    async def _post(self, id: str) -> None:
        started_at = time.monotonic()
        async with self._client.post("/api/write", json={"id": id}) as response:
            text = await response.text()
            assert response.status == 200, f"{response.status}: {text}"
        self.written.append(id)
        await self._finish("POST", started_at)

    async def _finish(self, kind: str, started_at: float) -> None:
        seconds = time.monotonic() - started_at
        self.slowest = max(self.slowest, (seconds, kind, started_at - self._started_at))
        async with self._answered:
            self.finished[kind] += 1
            self._answered.notify_all()

    async def _open_socket(self) -> None:
        async with self._client.ws_connect("/ws"):
            pass
        self.finished["new socket"] += 1

    async def _keep_socket(self) -> None:
        while not self._stopping.is_set():
            async with self._client.ws_connect("/ws") as socket:
                await self._until_stopped(self._read_socket(socket))
            if not self._stopping.is_set():
                code = socket.close_code
                assert code in REASONS, f"closed with {code}"
                self.finished["socket"] += 1

    async def _read_socket(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for _ in socket:
            pass

    async def _keep_stream(self) -> None:
        while not self._stopping.is_set():
            async with self._client.get("/api/ticks", timeout=aiohttp.ClientTimeout()) as response:
                assert response.status == 200, f"{response.status}: {await response.text()}"
                events: list[bytes] = []
                await self._until_stopped(self._read_stream(response, events))
            if not self._stopping.is_set():
                assert b"event: error\n" in events, f"ended with {events[-3:]}"
                self.finished["stream"] += 1

    async def _read_stream(self, response: aiohttp.ClientResponse, events: list[bytes]) -> None:
        while line := await response.content.readline():
            events.append(line)

    async def _until_stopped(self, work: Awaitable[None]) -> None:
        """Await `work`, unless the load stops before."""
        task = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task
        finally:
            for each in (task, stopping):
                each.cancel()
                with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError):
                    await each
