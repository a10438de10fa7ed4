"""Fixtures that serve the ledger application in a process, and generate load."""

from __future__ import annotations

import asyncio
import collections
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import pytest

from actionhero_db.testing import (
    postgres_server,  # noqa: F401 - a fixture
    throw_away_postgres,
)
from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from tests.conftest import Place, RunningCommand

    from actionhero_db.testing import ThrowAwayPostgres

#: The timeout of a request; no request may hang.
TIMEOUT_SECONDS = 45.0


class LedgerServer:
    """A server process, and its browsers."""

    def __init__(self, running: RunningCommand) -> None:
        self.running = running
        port = running.wait_for(r"listening on http://[\w.]+:(\d+)")[1]
        self.root = f"http://127.0.0.1:{port}"
        self.url = f"{self.root}/api"

    def browser(self) -> httpx.AsyncClient:
        """Return a new client with its own cookies."""
        return httpx.AsyncClient(base_url=self.url, timeout=TIMEOUT_SECONDS)

    @property
    def is_running(self) -> bool:
        """Whether the process has not exited."""
        return self.running.process.poll() is None


class Serve(Protocol):
    """Starts the ledger with environment variables."""

    def __call__(self, **variables: str) -> LedgerServer: ...


@pytest.fixture
def ledger(place: Place, workspace: Path) -> Place:
    """A folder with the ledger, with a database and without sessions."""
    shutil.copytree(
        workspace / "tests" / "specimens" / "ledger",
        place.folder / "ledger",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (place.folder / "ledger" / "visits.py").unlink()
    place.write("actionhero.toml", 'app.package = "ledger"\n')
    place.enabled = ["web", "db"]
    return place


@pytest.fixture
def visits(place: Place, workspace: Path) -> Place:
    """A folder with the part of the ledger that has sessions and no database."""
    source = workspace / "tests" / "specimens" / "ledger"
    place.write("ledger/__init__.py", "")
    shutil.copy(source / "visits.py", place.folder / "ledger")
    place.write(
        "ledger/plain.py",
        """
        from __future__ import annotations

        from actionhero import Action, Call


        class Plain(Action):
            name = "plain"
            web = "GET /plain"

            async def run(self, call: Call) -> str:
                return "plain"
        """,
    )
    place.write("actionhero.toml", 'app.package = "ledger"\n')
    place.enabled = ["web", "redis", "sessions"]
    return place


@pytest.fixture(params=["sqlite", "postgres"])
def each_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each supported kind."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path / 'ledger.sqlite3'}"
    server: ThrowAwayPostgres = request.getfixturevalue("postgres_server")
    return server.new_database()


@pytest.fixture
def serve(ledger: Place, each_url: str) -> Serve:
    """A function that starts the ledger on each database."""

    def start(**variables: str) -> LedgerServer:
        return LedgerServer(ledger.start("start", DATABASE_URL=each_url, **variables))

    return start


@pytest.fixture
def own_postgres() -> Iterator[ThrowAwayPostgres]:
    """A PostgreSQL server for one test, which can stop and start it."""
    with throw_away_postgres() as server:
        yield server


class Load:
    """Clients that send requests without a pause, and the statuses of the responses."""

    def __init__(self) -> None:
        self.statuses: collections.Counter[int] = collections.Counter()
        self._changed = asyncio.Condition()
        self._stopped = False

    async def wait_for(self, status: int, count: int) -> None:
        """Wait for a number of further responses with a status."""
        async with self._changed:
            target = self.statuses[status] + count
            await self._changed.wait_for(lambda: self.statuses[status] >= target)

    async def run(self, send: Callable[[int], Any]) -> None:
        """Send requests until `stop`.

        Args:
            send: Sends a request and returns the response; its argument is the number of previous
                requests.
        """
        count = 0
        while not self._stopped:
            response = await send(count)
            if response.status_code == 503:
                assert int(response.headers["Retry-After"]) > 0
            count += 1
            async with self._changed:
                self.statuses[response.status_code] += 1
                self._changed.notify_all()

    def stop(self) -> None:
        """Stop every client after its pending response."""
        self._stopped = True


class GenerateLoad(Protocol):
    """Runs several clients in a context."""

    def __call__(self, clients: Sequence[Callable[[int], Any]]) -> Any: ...


@pytest.fixture
def generate_load() -> GenerateLoad:
    """A function that runs several clients in a context."""

    @asynccontextmanager
    async def generate(clients: Sequence[Callable[[int], Any]]) -> AsyncIterator[Load]:
        load = Load()
        async with asyncio.timeout(90), asyncio.TaskGroup() as group:
            for send in clients:
                group.create_task(load.run(send))
            try:
                yield load
            finally:
                load.stop()

    return generate
