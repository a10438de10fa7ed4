"""Fixtures that start the chat in a subprocess, and HTTP clients for it.

Each test that uses `chat` runs four times: with embedded stores and with real servers, in both
error formats. `ACTIONHERO_TEST_DATABASE` restricts the stores: `sqlite`, or `postgres` or the URL
of a server.
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

#: The timeout of every single step.
TIMEOUT_SECONDS = 30.0
PLUGINS = "web,redis,limits,sessions,db,auth,channels,websocket,chat"
PASSWORD = "correct horse"
STORAGES = {"sqlite": ("embedded",), "": ("embedded", "servers")}
ERROR_FORMATS = ("standard", "actionhero")
#: Shared by all clients: creating a context per client would dominate the time of a test.
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

#: Status and type of each kind of error, in the formats `standard` and `actionhero`.
ERRORS = {
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
    "method": ((405, "CONNECTION_METHOD_NOT_ALLOWED"), (404, "CONNECTION_ACTION_NOT_FOUND")),
}

#: The variables that a subprocess inherits.
INHERITED_VARIABLES = ("PATH", "HOME", "TMPDIR", "SYSTEMROOT", "COVERAGE_PROCESS_START")


class Chat:
    """A running `actionhero start` in a folder, and its log output."""

    def __init__(self, folder: Path, environ: Mapping[str, str], port: int = 0) -> None:
        self.folder = folder
        self.environ = {
            **{name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ},
            "ACTIONHERO_PLUGINS__ENABLED": PLUGINS,
            "ACTIONHERO_LOGS__LEVEL": "debug",
            # The cheapest hash: the tests compute many.
            "ACTIONHERO_AUTH__ARGON2_MEMORY_KIB": "8",
            "ACTIONHERO_AUTH__ARGON2_PASSES": "1",
            "ACTIONHERO_AUTH__ARGON2_LANES": "1",
            **environ,
        }
        self.error_format = self.environ.get("ACTIONHERO_WEB__ERROR_FORMAT", "standard")
        self.port = 0
        self._output = ""
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
        """The base URL of the actions."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def output(self) -> str:
        """The content of stderr so far."""
        with self._changed:
            return self._output

    def wait_until_listening(self) -> Chat:
        """Wait until the server listens, and return this object."""
        self.port = int(self.wait_for(r"listening on http://127\.0\.0\.1:(\d+)/api")[1])
        return self

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until stderr matches a pattern, and return the match."""

        def is_finished() -> bool:
            return re.search(pattern, self._output) is not None or not self._reader.is_alive()

        with self._changed:
            self._changed.wait_for(is_finished, TIMEOUT_SECONDS)
        match = re.search(pattern, self.output)
        if match is None:
            pytest.fail(f"{pattern!r} does not match the output:\n{self.output}")
        return match

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code of the process."""
        self._process.send_signal(number)
        code = self._process.wait(TIMEOUT_SECONDS)
        self._reader.join(TIMEOUT_SECONDS)
        return code

    def close(self) -> None:
        """Stop the process and its children."""
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(TIMEOUT_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(TIMEOUT_SECONDS)
        assert self._process.stderr is not None
        self._process.stderr.close()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run an `actionhero` command in the same folder and environment."""
        return subprocess.run(
            [sys.executable, "-m", "actionhero", *arguments],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    def redis(self) -> redis.Redis:
        """Return a client for the Redis server of the chat."""
        url = self.environ.get("REDIS_URL")
        if url is not None:
            factory: Any = redis.Redis
            client: redis.Redis = factory.from_url(url, decode_responses=True)
            return client
        path = (self.folder / ".actionhero" / "redis" / "socket").read_text()
        return redis.Redis(unix_socket_path=path, decode_responses=True)

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement on the database of the chat, and return the rows."""
        url = self.environ.get("DATABASE_URL")
        if url is not None:
            return asyncio.run(_execute(url, statement))
        path = self.folder / ".actionhero" / "database.sqlite3"
        with contextlib.closing(sqlite3.connect(path, timeout=TIMEOUT_SECONDS)) as database:
            rows = database.execute(statement).fetchall()
            database.commit()
            return rows

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._changed:
                self._output += line.decode(errors="replace")
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


class StartChat(Protocol):
    """Starts the chat in a folder, with embedded stores by default."""

    def __call__(self, folder: Path, *, port: int = 0, **environ: str) -> Chat: ...


class OpenClient(Protocol):
    """Creates an HTTP client without cookies."""

    def __call__(self) -> httpx.Client: ...


class SignUp(Protocol):
    """Creates a user, and returns it; omitted fields have defaults."""

    def __call__(
        self, *, name: str = ..., email: str = ..., password: str = ...
    ) -> dict[str, Any]: ...


class AssertError(Protocol):
    """Asserts that a response is an error in the format of the server, and returns the error."""

    def __call__(
        self, response: httpx.Response, kind: str, message: str, **fields: object
    ) -> dict[str, Any]: ...


#: Returns the shared chat of a storage and an error format.
SharedChats = Callable[[str, str], Chat]


def storages() -> tuple[str, ...]:
    """Return the storages to run the tests with."""
    return STORAGES.get(os.environ.get(VARIABLE, ""), ("servers",))


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[int], dict[str, str]]]:
    """Return a function that returns variables for an empty database and an empty Redis.

    The servers are started at its first call.
    """
    with contextlib.ExitStack() as stack:
        urls: list[tuple[str, str]] = []

        def variables(number: int) -> dict[str, str]:
            if not urls:
                setting = os.environ.get(VARIABLE, "")
                is_url = "://" in setting
                database = setting if is_url else stack.enter_context(throw_away_postgres()).url
                urls.append((database, stack.enter_context(throw_away_redis()).url))
            database, redis_url = urls[0]
            return {
                "DATABASE_URL": new_database(database),
                "REDIS_URL": f"{redis_url.removesuffix('/0')}/{number}",
            }

        yield variables


@pytest.fixture(scope="session")
def shared_chats(
    tmp_path_factory: pytest.TempPathFactory, servers: Callable[[int], dict[str, str]]
) -> Iterator[SharedChats]:
    """Return a function that returns a running chat."""
    chats: dict[tuple[str, str], Chat] = {}

    def shared_chat(storage: str, error_format: str) -> Chat:
        if (storage, error_format) not in chats:
            environ = {"ACTIONHERO_WEB__ERROR_FORMAT": error_format}
            if storage == "servers":
                environ |= servers(len(chats))
            chat = Chat(tmp_path_factory.mktemp("chat"), environ)
            chats[storage, error_format] = chat
            chat.wait_until_listening()
        return chats[storage, error_format]

    yield shared_chat
    for chat in chats.values():
        chat.close()


@pytest.fixture(params=storages())
def storage(request: pytest.FixtureRequest) -> str:
    """Return the type of stores: `embedded` or `servers`."""
    name: str = request.param
    return name


@pytest.fixture(params=ERROR_FORMATS)
def error_format(request: pytest.FixtureRequest) -> str:
    """Return the value of `web.error_format`."""
    name: str = request.param
    return name


@pytest.fixture
def chat(storage: str, error_format: str, shared_chats: SharedChats) -> Chat:
    """Return a running chat that other tests use as well."""
    return shared_chats(storage, error_format)


@pytest.fixture
def open_client(chat: Chat) -> Iterator[OpenClient]:
    """Return a function that creates clients of the chat, which are closed after the test."""
    with contextlib.ExitStack() as stack:

        def new_client() -> httpx.Client:
            client = httpx.Client(
                base_url=chat.url, timeout=TIMEOUT_SECONDS, verify=TLS, trust_env=False
            )
            return stack.enter_context(client)

        yield new_client


@pytest.fixture
def client(open_client: OpenClient) -> httpx.Client:
    """Return a client without a session."""
    return open_client()


@pytest.fixture
def sign_up(open_client: OpenClient) -> SignUp:
    """Return a function that creates a user."""
    client = open_client()

    def sign_up(
        *, name: str = "Ada Lovelace", email: str = "", password: str = PASSWORD
    ) -> dict[str, Any]:
        inputs = {"name": name, "email": email or unused_email(), "password": password}
        response = client.put("/user", json=inputs)
        assert response.status_code == 200, response.text
        user: dict[str, Any] = response.json()["user"]
        return user

    return sign_up


@pytest.fixture
def email() -> str:
    """Return an unused e-mail address."""
    return unused_email()


@pytest.fixture
def user(sign_up: SignUp) -> dict[str, Any]:
    """Return a user with the password `correct horse`."""
    return sign_up()


@pytest.fixture
def member(client: httpx.Client, user: dict[str, Any]) -> httpx.Client:
    """Return a client that is signed in as `user`."""
    response = client.put("/session", json={"email": user["email"], "password": PASSWORD})
    assert response.status_code == 200, response.text
    return client


@pytest.fixture
def assert_error(chat: Chat) -> AssertError:
    """Return a function that asserts an error response."""

    def check(
        response: httpx.Response, kind: str, message: str, **fields: object
    ) -> dict[str, Any]:
        status, type_ = ERRORS[kind][ERROR_FORMATS.index(chat.error_format)]
        body = response.json()
        error: dict[str, Any] = body["error"]
        assert (response.status_code, error["type"], error["message"]) == (status, type_, message)
        assert list(body) == ["error"]
        assert {name: error[name] for name in ("key", "value") if name in error} == fields
        required = {"message", "type", "timestamp", "request_id", *fields}
        optional = {"errors"} if kind == "invalid" else set[str]()
        assert set(error) - {"stack"} == required | optional
        assert type(error["timestamp"]) is int
        assert error["request_id"] == response.headers["x-request-id"]
        assert response.headers["content-type"] == "application/json"
        return error

    return check


@pytest.fixture
def start_chat() -> Iterator[StartChat]:
    """Return a function that starts a chat for one test. It may not listen yet."""
    chats: list[Chat] = []

    def start(folder: Path, *, port: int = 0, **environ: str) -> Chat:
        chats.append(Chat(folder, environ, port))
        return chats[-1]

    yield start
    for chat in chats:
        chat.close()
        # Shown by pytest if the test fails.
        print(chat.output)


async def _execute(url: str, statement: str) -> list[tuple[Any, ...]]:
    driver: Any = asyncpg
    connection = await driver.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


def unused_email() -> str:
    """Return an unused e-mail address."""
    return f"{secrets.token_hex(8)}@example.com"
