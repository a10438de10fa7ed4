"""Secrets do not leak in responses, log lines, listings and tracebacks of any transport."""

from __future__ import annotations

import http.client
import itertools
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import CompletedCommand, Place, RunningCommand

#: Unlikely in other texts, with characters that some formats escape.
SECRET = "hunQ+xW7w/Zq9k ß'x\"y"
#: The pieces that no format escapes.
TRACES = ("hunQ", "xW7w", "Zq9k")
SETTING = "s3tting-Kq7Vw"

#: The actions with a password, by the end of their names and paths.
NAMES = (
    "keep", "picky", "number", "crash", "reveal", "other", "guarded", "open", "forbid",
)  # fmt: skip

ACTIONS = '''
from __future__ import annotations

import logging

from pydantic import field_validator

from actionhero import (
    Action, AuditLog, Call, Conflict, Field, Forbidden, Inputs, InvalidCredentials, Middleware,
    Secret, TypedError,
)

logger = logging.getLogger("vault")


class Account(Inputs):
    name: str
    password: Secret[str] = Field(min_length=8)


class Nested(Inputs):
    account: Account
    accounts: list[Account] = []


class Plain(Inputs):
    password: Secret[str]
    name: str = ""


class Picky(Inputs):
    password: Secret[str]

    @field_validator("password")
    @classmethod
    def refuse(cls, value: str) -> str:
        raise ValueError(f"{value!r} was used before")


class Numeric(Inputs):
    password: Secret[int]


class Vault(Action):
    """Accept a secret."""

    name = "vault:keep"
    web = ["POST /keep", "GET /keep", "GET /keep/{password}"]

    async def run(self, inputs: Plain, call: Call) -> str:
        logger.warning("accepted %s", inputs, extra={"password": inputs.password})
        return "accepted"


class Inside(Action):
    """Fail with nested secrets."""

    name = "vault:nested"
    web = "POST /nested"

    async def run(self, inputs: Nested, call: Call) -> str:
        raise RuntimeError(f"{inputs.account.password} of {inputs!r}")


class Refuse(Action):
    """Refuse every secret."""

    name = "vault:picky"
    web = "POST /picky"

    async def run(self, inputs: Picky, call: Call) -> None: ...


class Number(Action):
    """Accept a secret number."""

    name = "vault:number"
    web = "POST /number"

    async def run(self, inputs: Numeric, call: Call) -> None: ...


class Crash(Action):
    """Raise an exception with the secret, caused by another one with the secret."""

    name = "vault:crash"
    web = "POST /crash"

    async def run(self, inputs: Plain, call: Call) -> None:
        password = inputs.password
        try:
            {}[password]
        except KeyError as error:
            raise RuntimeError(f"no such password: {password}, {password!r}") from error


class Reveal(Action):
    """Fail with a typed error that contains the secret."""

    name = "vault:reveal"
    web = "POST /reveal"

    async def run(self, inputs: Plain, call: Call) -> None:
        raise Conflict(
            f"password {inputs.password} is taken", key="password", value=inputs.password
        )


class RevealOther(Action):
    """Fail with the secret as the value of another input."""

    name = "vault:other"
    web = "POST /other"

    async def run(self, inputs: Plain, call: Call) -> None:
        raise Conflict("taken", key="name", value={"password": inputs.password, "is": [inputs]})


class Open(Action):
    """Fail a sign-in, with the secret in the message."""

    name = "vault:open"
    web = "POST /open"

    async def run(self, inputs: Plain, call: Call) -> None:
        call.get(AuditLog).record("vault.opened", "failure", details={"password": inputs.password})
        raise InvalidCredentials(f"{inputs.password} is wrong")


class Forbid(Action):
    """Refuse a caller, with the secret in the message."""

    name = "vault:forbid"
    web = "POST /forbid"

    async def run(self, inputs: Plain, call: Call) -> None:
        raise Forbidden(f"{inputs.password} is not enough", value=inputs.password)


class Broken(Middleware):
    async def before(self, call: Call) -> None:
        raise RuntimeError(f"cannot check {call.inputs.password}")


class Guarded(Action):
    """Fail in middleware."""

    name = "vault:guarded"
    web = "POST /guarded"
    middleware = [Broken()]

    async def run(self, inputs: Plain, call: Call) -> None: ...
'''

PLUGIN = """
from __future__ import annotations

from actionhero import hookimpl


@hookimpl
def actionhero_settings():
    from typing import ClassVar

    from pydantic import SecretStr

    from actionhero import Secret, Settings

    class VaultSettings(Settings):
        section: ClassVar[str] = "vault"
        key: SecretStr = SecretStr("")
        pin: Secret[int] = 0
        password: str = ""
        url: str = ""
        keys: dict[str, SecretStr] = {}

    return [VaultSettings]
"""


@pytest.fixture
def vault(place: Place) -> Place:
    """Return an application with secret inputs, and a plugin with secret settings."""
    place.install("guest-vault", PLUGIN, plugin="vault")
    place.write("vault/__init__.py", "")
    place.write("vault/actions.py", ACTIONS)
    place.write("actionhero.toml", 'app.package = "vault"\n')
    return place


def assert_no_traces(text: str, *traces: str) -> None:
    """Fail if a piece of the secret is in the text."""
    for trace in traces or TRACES:
        position = text.find(trace)
        assert position < 0, f"…{text[max(0, position - 300) : position + 100]}…"


def requests() -> Iterator[tuple[str, str, bytes | None, str]]:
    """Yield all requests: method, path, body and content type."""
    body = {"password": SECRET, "name": "Ada"}
    form = urlencode(body).encode()
    boundary = "q7"
    multipart = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in body.items()
    )
    multipart += f"--{boundary}--\r\n"
    documents: list[tuple[str, Any]] = [
        *((f"/api/{name}", body) for name in NAMES),
        ("/api/keep", {"password": [SECRET]}),
        ("/api/keep", {"password": {SECRET: SECRET}}),
        ("/api/nested", {"account": {"name": "Ada", "password": SECRET}}),
        ("/api/nested", {"account": {"password": SECRET}}),
        ("/api/nested", {"account": {"name": 1, "password": SECRET[:7]}}),
        ("/api/nested", {"account": body, "accounts": [body, {"password": SECRET}]}),
        ("/api/nested", {"account": SECRET}),
    ]
    for path, document in documents:
        yield "POST", path, json.dumps(document).encode(), "application/json"
    for path in ("/api/crash", "/api/number", "/api/picky", "/api/reveal", "/api/guarded"):
        yield "POST", path, form, "application/x-www-form-urlencoded"
        yield "POST", path, multipart.encode(), f"multipart/form-data; boundary={boundary}"
    yield "GET", f"/api/keep?{urlencode(body)}", None, ""
    yield "GET", f"/api/keep/{quote(SECRET, safe='')}", None, ""
    # Truncated JSON.
    yield "POST", "/api/crash", json.dumps(body).encode()[:-1], "application/json"
    yield "POST", "/api/crash", json.dumps(SECRET).encode(), "application/json"
    # No route, with a secret in the query.
    yield "GET", f"/api/nowhere?{urlencode(body)}", None, ""
    yield "POST", "/api/crash", form, "text/plain"


@pytest.mark.parametrize(
    ("profile", "format_"), list(itertools.product(["standard", "actionhero"], ["console", "json"]))
)
def test_secrets_do_not_leak_over_http(vault: Place, profile: str, format_: str) -> None:
    """Also in development with tracebacks, and with all log messages."""
    server = vault.start(
        "--set", f"logs.format={format_}", "--log-level", "debug", "start",
        ACTIONHERO_ENV="development",
        ACTIONHERO_WEB__ERROR_FORMAT=profile,
    )  # fmt: skip
    port = int(server.wait_for(r"http://[\w.]+:(\d+)")[1])
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    responses = [send(client, *request) for request in requests()]
    client.close()
    process = server.stop()

    assert process.code == 0
    # Successes and errors, with the text around the secrets.
    assert {200, 415, 500} <= {status for status, _ in responses}
    assert any("password [redacted] is taken" in text for _, text in responses)
    # The calls are logged, with tracebacks.
    assert "vault:crash" in process.stderr
    assert '"event":"vault.opened"' in process.stderr
    assert '"reason":"[redacted] is wrong"' in process.stderr
    assert '"reason":"[redacted] is not enough"' in process.stderr
    assert "no such password" in process.stderr
    assert "Traceback" in process.stderr
    assert any("Traceback" in text for _, text in responses)
    for request, (_, text) in zip(requests(), responses, strict=True):
        try:
            assert_no_traces(text)
        except AssertionError as error:
            raise AssertionError(f"{request[:2]}: {error}") from None
    assert_no_traces(process.stderr + process.stdout)


def send(
    client: http.client.HTTPConnection, method: str, path: str, body: bytes | None, kind: str
) -> tuple[int, str]:
    """Send a request, and return the status, and the headers and the body of the response."""
    client.request(method, path, body, {"Content-Type": kind} if kind else {})
    response = client.getresponse()
    head = "\n".join(f"{name}: {value}" for name, value in response.getheaders())
    return response.status, f"{response.reason}\n{head}\n{response.read().decode()}"


ACCOUNT = json.dumps({"name": "Ada", "password": SECRET})


@pytest.mark.parametrize("format_", ["console", "json"])
def test_secrets_do_not_leak_on_the_command_line(vault: Place, format_: str) -> None:
    """Neither in the output nor in the log."""
    calls = [
        *((f"vault:{name}", "--password", SECRET) for name in NAMES),
        ("vault:nested", "--account", ACCOUNT, "--accounts", f"[{ACCOUNT}]"),
        ("vault:nested", "--account", json.dumps({"password": SECRET})),
        ("vault:nested", "--account", SECRET),
    ]
    options = ("--set", f"logs.format={format_}", "--log-level", "debug")

    running = [vault.start(*options, "call", *call) for call in calls]

    for command in running:
        process = command.wait()
        assert process.code in {0, 1, 65}, process
        assert_no_traces(process.stdout + process.stderr)


def run_all(place: Place, *commands: tuple[str, ...], **variables: str) -> list[CompletedCommand]:
    """Run commands concurrently, and return their results."""
    running: list[RunningCommand] = [place.start(*command, **variables) for command in commands]
    return [command.wait() for command in running]


LISTINGS = (
    ("config",),
    ("config", "--format", "json"),
    ("doctor", "--deploy"),
    ("doctor", "--format", "json"),
    ("plugins",),
    ("--log-level", "debug", "call", "status"),
)


def test_secret_settings_are_masked(vault: Place) -> None:
    """From any source; also passwords in URLs."""
    vault.write(
        "actionhero.toml",
        f"""
        app.package = "vault"
        app.secret_key = "{SETTING}"

        [vault]
        password = "{SETTING}"
        url = "postgres://ada:{SETTING}@db.example/book"
        keys.first = "{SETTING}"
        """,
    )
    vault.write(".env", f"ACTIONHERO_VAULT__KEY={SETTING}\n")

    processes = run_all(vault, *LISTINGS, ACTIONHERO_VAULT__PIN="70217021")

    for process in processes:
        assert process.code == 0, process
        assert_no_traces(process.stdout + process.stderr, SETTING, "70217021")
    assert "db.example" in processes[0].stdout


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ACTIONHERO_VAULT__PIN", SETTING),
        ("ACTIONHERO_VAULT__KEYS", SETTING),
        ("ACTIONHERO_VAULT__KEY__INNER", SETTING),
        ("ACTIONHERO_VAULT__PASSWRD", SETTING),
    ],
)
def test_invalid_secret_settings_are_not_shown(vault: Place, variable: str, value: str) -> None:
    """The error names the variable and the expected type."""
    commands = (*LISTINGS, ("start",))

    processes = run_all(vault, *commands, **{variable: value})

    for process in processes:
        assert process.code in {0, 1, 78}, process
        assert_no_traces(process.stdout + process.stderr, SETTING)
    assert variable in processes[-1].stderr
    assert processes[-1].code == 78
