"""The ledger, served by a started process, and what may happen to it."""

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

    from tests.conftest import Place, Running

    from actionhero_db.testing import ThrowAwayPostgres

#: How long an answer may take before the test gives up: nothing may hang.
PATIENCE_SECONDS = 45.0


class Served:
    """A started process, and browsers for it."""

    def __init__(self, running: Running) -> None:
        self.running = running
        port = running.wait_for(r"listening on http://[\w.]+:(\d+)")[1]
        self.root = f"http://127.0.0.1:{port}"
        self.url = f"{self.root}/api"

    def browser(self) -> httpx.AsyncClient:
        """Return somebody new, with a cookie jar of their own."""
        return httpx.AsyncClient(base_url=self.url, timeout=PATIENCE_SECONDS)

    @property
    def still_runs(self) -> bool:
        """Whether it is the process that was started."""
        return self.running.process.poll() is None


class Serve(Protocol):
    """Starts the ledger; keyword arguments are variables of its environment."""

    def __call__(self, **variables: str) -> Served: ...


@pytest.fixture
def ledger(place: Place, workspace: Path) -> Place:
    """Give a folder with the ledger; it has a database, and no sessions."""
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
    """Give a folder with the part of the ledger that has sessions, and no database."""
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
    """Give a test an empty database, once on each that there is."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path / 'ledger.sqlite3'}"
    server: ThrowAwayPostgres = request.getfixturevalue("postgres_server")
    return server.new_database()


@pytest.fixture
def serve(ledger: Place, each_url: str) -> Serve:
    """Give a function that starts the ledger on each database."""

    def start(**variables: str) -> Served:
        return Served(ledger.start("start", DATABASE_URL=each_url, **variables))

    return start


@pytest.fixture
def own_postgres() -> Iterator[ThrowAwayPostgres]:
    """Give a test a PostgreSQL of its own, to end and start as it likes."""
    with throw_away_postgres() as server:
        yield server


class Load:
    """Clients that ask without a pause, and what they were answered."""

    def __init__(self) -> None:
        self.seen: collections.Counter[int] = collections.Counter()
        self._changed = asyncio.Condition()
        self._ending = False

    async def until(self, status: int, more: int) -> None:
        """Return when a status was answered so many times more."""
        async with self._changed:
            wanted = self.seen[status] + more
            await self._changed.wait_for(lambda: self.seen[status] >= wanted)

    async def run(self, ask: Callable[[int], Any]) -> None:
        """Ask again and again, until `end`.

        Args:
            ask: Asks once, given how often it did before; returns the answer.
        """
        count = 0
        while not self._ending:
            response = await ask(count)
            if response.status_code == 503:
                assert int(response.headers["Retry-After"]) > 0
            count += 1
            async with self._changed:
                self.seen[response.status_code] += 1
                self._changed.notify_all()

    def end(self) -> None:
        """Let every client stop after the answer it waits for."""
        self._ending = True


class UnderLoad(Protocol):
    """Keeps several clients asking for as long as a block."""

    def __call__(self, clients: Sequence[Callable[[int], Any]]) -> Any: ...


@pytest.fixture
def under_load() -> UnderLoad:
    """Give a function that keeps several clients asking for as long as a block."""

    @asynccontextmanager
    async def load(clients: Sequence[Callable[[int], Any]]) -> AsyncIterator[Load]:
        made = Load()
        async with asyncio.timeout(90), asyncio.TaskGroup() as group:
            for ask in clients:
                group.create_task(made.run(ask))
            try:
                yield made
            finally:
                made.end()

    return load
