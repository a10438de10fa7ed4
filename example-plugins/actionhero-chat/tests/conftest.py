"""The chat, served by started processes, and browsers for it.

Each test that asks for `chat` runs four times: on the embedded stores and on real servers, and in
both profiles of errors. `ACTIONHERO_TEST_DATABASE` narrows the stores: `sqlite`, or `postgres` or
the URL of a server.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import signal
import sqlite3
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg  # type: ignore[import-untyped]
import httpx
import pytest
import redis

from actionhero_db.testing import VARIABLE, new_database, throw_away_postgres
from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

#: How long anything may take before the test gives up.
PATIENCE_SECONDS = 30.0
PLUGINS = "web,redis,sessions,db,channels,websocket,chat"
PASSWORD = "correct horse"
STORAGES = {"sqlite": ("embedded",), "": ("embedded", "servers")}
PROFILES = ("standard", "actionhero")
#: Nothing is asked by TLS, and making one of these for each browser takes the most time of a test.
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

#: What a refusal is told as: status and type, in `standard` and in `actionhero`.
REFUSALS = {
    "invalid": (
        (422, "CONNECTION_ACTION_PARAM_REQUIRED"),
        (406, "CONNECTION_ACTION_PARAM_REQUIRED"),
    ),
    "anonymous": ((401, "CONNECTION_SESSION_NOT_FOUND"), (401, "CONNECTION_SESSION_NOT_FOUND")),
    "conflict": ((409, "CONNECTION_ACTION_CONFLICT"), (500, "ACTION_VALIDATION")),
    "no row": ((404, "CONNECTION_ACTION_RECORD_NOT_FOUND"), (500, "CONNECTION_ACTION_RUN")),
    "credentials": ((401, "CONNECTION_ACTION_CREDENTIALS"), (500, "CONNECTION_ACTION_RUN")),
    "malformed": ((400, "CONNECTION_REQUEST_MALFORMED"), (400, "CONNECTION_ACTION_RUN")),
    "media type": ((415, "CONNECTION_MEDIA_TYPE"), (415, "CONNECTION_ACTION_RUN")),
    "too large": ((413, "CONNECTION_REQUEST_TOO_LARGE"), (413, "CONNECTION_ACTION_RUN")),
    "no action": ((404, "CONNECTION_ACTION_NOT_FOUND"), (404, "CONNECTION_ACTION_NOT_FOUND")),
    "method": ((405, "CONNECTION_METHOD_NOT_ALLOWED"), (404, "CONNECTION_ACTION_NOT_FOUND")),
}

#: The environment of a process on which nothing from outside has a say.
KEPT = ("PATH", "HOME", "TMPDIR", "SYSTEMROOT", "COVERAGE_PROCESS_START")


class Chat:
    """A started `actionhero start` in a folder, and all that it has said."""

    def __init__(self, folder: Path, environ: Mapping[str, str], port: int = 0) -> None:
        self.folder = folder
        self.environ = {
            **{name: os.environ[name] for name in KEPT if name in os.environ},
            "ACTIONHERO_PLUGINS__ENABLED": PLUGINS,
            "ACTIONHERO_LOGS__LEVEL": "debug",
            # As little work as a hash can be: the tests make many.
            "ACTIONHERO_CHAT__ARGON2_MEMORY_KIB": "8",
            "ACTIONHERO_CHAT__ARGON2_PASSES": "1",
            "ACTIONHERO_CHAT__ARGON2_LANES": "1",
            **environ,
        }
        self.profile = self.environ.get("ACTIONHERO_WEB__ERROR_FORMAT", "standard")
        self.port = 0
        self._said = ""
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "actionhero", "start", "--port", str(port)],
            cwd=folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def url(self) -> str:
        """Where its actions are."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def said(self) -> str:
        """All that it has written to stderr."""
        with self._changed:
            return self._said

    def listening(self) -> Chat:
        """Return itself, as soon as it listens."""
        self.port = int(self.wait_for(r"listening on http://127\.0\.0\.1:(\d+)/api")[1])
        return self

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Return the match of a pattern, as soon as it was said."""

        def is_over() -> bool:
            return re.search(pattern, self._said) is not None or not self._reader.is_alive()

        with self._changed:
            self._changed.wait_for(is_over, PATIENCE_SECONDS)
        found = re.search(pattern, self.said)
        if found is None:
            pytest.fail(f"{pattern!r} was not said; there was:\n{self.said}")
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self._process.send_signal(number)
        code = self._process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        return code

    def close(self) -> None:
        """End it, and all that it started."""
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(PATIENCE_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(PATIENCE_SECONDS)
        assert self._process.stderr is not None
        self._process.stderr.close()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `actionhero` beside it, and return what came of it."""
        return subprocess.run(
            [sys.executable, "-m", "actionhero", *arguments],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def redis(self) -> redis.Redis:
        """Return a client of the Redis that it uses."""
        url = self.environ.get("REDIS_URL")
        if url is not None:
            make: Any = redis.Redis
            client: redis.Redis = make.from_url(url, decode_responses=True)
            return client
        path = (self.folder / ".actionhero" / "redis" / "socket").read_text()
        return redis.Redis(unix_socket_path=path, decode_responses=True)

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement on the database that it uses, and return the rows."""
        url = self.environ.get("DATABASE_URL")
        if url is not None:
            return asyncio.run(_execute(url, statement))
        path = self.folder / ".actionhero" / "database.sqlite3"
        with contextlib.closing(sqlite3.connect(path, PATIENCE_SECONDS)) as database:
            rows = database.execute(statement).fetchall()
            database.commit()
            return rows

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._changed:
                self._said += line.decode(errors="replace")
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


class StartChat(Protocol):
    """Starts the chat in a folder; on the embedded stores, unless variables say otherwise."""

    def __call__(self, folder: Path, *, port: int = 0, **environ: str) -> Chat: ...


class OpenBrowser(Protocol):
    """Opens a browser that nobody has used yet."""

    def __call__(self) -> httpx.Client: ...


class SignUp(Protocol):
    """Makes a user, and tells who it is; what is not said is made up."""

    def __call__(
        self, *, name: str = ..., email: str = ..., password: str = ...
    ) -> dict[str, Any]: ...


class Refused(Protocol):
    """Asserts that an answer is a refusal, told in the profile of the server; returns the error."""

    def __call__(
        self, answer: httpx.Response, kind: str, message: str, **told: object
    ) -> dict[str, Any]: ...


#: Starts the processes of all the tests: for a storage and a profile the same one each time.
Sites = Callable[[str, str], Chat]


def storages() -> tuple[str, ...]:
    """Return on which stores the tests run."""
    return STORAGES.get(os.environ.get(VARIABLE, ""), ("servers",))


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[int], dict[str, str]]]:
    """Give a function that returns variables for an empty database and an empty Redis.

    The servers are started when it is called first.
    """
    with contextlib.ExitStack() as stack:
        started: list[tuple[str, str]] = []

        def variables(number: int) -> dict[str, str]:
            if not started:
                wanted = os.environ.get(VARIABLE, "")
                is_url = "://" in wanted
                database = wanted if is_url else stack.enter_context(throw_away_postgres()).url
                started.append((database, stack.enter_context(throw_away_redis()).url))
            database, store = started[0]
            return {
                "DATABASE_URL": new_database(database),
                "REDIS_URL": f"{store.removesuffix('/0')}/{number}",
            }

        yield variables


@pytest.fixture(scope="session")
def sites(
    tmp_path_factory: pytest.TempPathFactory, servers: Callable[[int], dict[str, str]]
) -> Iterator[Sites]:
    """Give a function that returns a started chat."""
    started: dict[tuple[str, str], Chat] = {}

    def site(storage: str, profile: str) -> Chat:
        if (storage, profile) not in started:
            environ = {"ACTIONHERO_WEB__ERROR_FORMAT": profile}
            if storage == "servers":
                environ |= servers(len(started))
            chat = Chat(tmp_path_factory.mktemp("chat"), environ)
            started[storage, profile] = chat
            chat.listening()
        return started[storage, profile]

    yield site
    for chat in started.values():
        chat.close()


@pytest.fixture(params=storages())
def storage(request: pytest.FixtureRequest) -> str:
    """Give the kind of stores."""
    name: str = request.param
    return name


@pytest.fixture(params=PROFILES)
def profile(request: pytest.FixtureRequest) -> str:
    """Give the profile of errors."""
    name: str = request.param
    return name


@pytest.fixture
def chat(storage: str, profile: str, sites: Sites) -> Chat:
    """Give a chat that other tests use, too."""
    return sites(storage, profile)


@pytest.fixture
def open_browser(chat: Chat) -> Iterator[OpenBrowser]:
    """Give a function that opens a browser at the chat; closed after the test."""
    with contextlib.ExitStack() as stack:

        def open_one() -> httpx.Client:
            client = httpx.Client(
                base_url=chat.url, timeout=PATIENCE_SECONDS, verify=TLS, trust_env=False
            )
            return stack.enter_context(client)

        yield open_one


@pytest.fixture
def browser(open_browser: OpenBrowser) -> httpx.Client:
    """Give the browser of a visitor."""
    return open_browser()


@pytest.fixture
def sign_up(open_browser: OpenBrowser) -> SignUp:
    """Give a function that makes a user."""
    desk = open_browser()

    def make(
        *, name: str = "Ada Lovelace", email: str = "", password: str = PASSWORD
    ) -> dict[str, Any]:
        told = {"name": name, "email": email or unused_email(), "password": password}
        answer = desk.put("/user", json=told)
        assert answer.status_code == 200, answer.text
        user: dict[str, Any] = answer.json()["user"]
        return user

    return make


@pytest.fixture
def email() -> str:
    """Give an e-mail address that nobody has used."""
    return unused_email()


@pytest.fixture
def user(sign_up: SignUp) -> dict[str, Any]:
    """Give a user, whose password is `correct horse`."""
    return sign_up()


@pytest.fixture
def member(browser: httpx.Client, user: dict[str, Any]) -> httpx.Client:
    """Give the browser of `user`, who has signed in."""
    answer = browser.put("/session", json={"email": user["email"], "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return browser


@pytest.fixture
def refused(chat: Chat) -> Refused:
    """Give a function that asserts a refusal."""

    def check(answer: httpx.Response, kind: str, message: str, **told: object) -> dict[str, Any]:
        status, type_ = REFUSALS[kind][PROFILES.index(chat.profile)]
        body = answer.json()
        error: dict[str, Any] = body["error"]
        assert (answer.status_code, error["type"], error["message"]) == (status, type_, message)
        assert list(body) == ["error"]
        assert {name: error[name] for name in ("key", "value") if name in error} == told
        always = {"message", "type", "timestamp", "request_id", *told}
        asked = {"errors"} if kind == "invalid" else set[str]()
        assert set(error) - {"stack"} == always | asked
        assert type(error["timestamp"]) is int
        assert error["request_id"] == answer.headers["x-request-id"]
        assert answer.headers["content-type"] == "application/json"
        return error

    return check


@pytest.fixture
def start_chat() -> Iterator[StartChat]:
    """Give a function that starts a chat for one test alone; it has not listened yet."""
    started: list[Chat] = []

    def start(folder: Path, *, port: int = 0, **environ: str) -> Chat:
        started.append(Chat(folder, environ, port))
        return started[-1]

    yield start
    for chat in started:
        chat.close()
        # pytest shows this if the test failed.
        print(chat.said)


async def _execute(url: str, statement: str) -> list[tuple[Any, ...]]:
    driver: Any = asyncpg
    connection = await driver.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


def unused_email() -> str:
    """Return an e-mail address that nobody has used."""
    return f"{secrets.token_hex(8)}@example.com"
