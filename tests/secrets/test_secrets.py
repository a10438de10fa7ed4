"""A secret is found nowhere: in no answer, log line, listing or traceback, by whatever door."""

from __future__ import annotations

import http.client
import itertools
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Ended, Place, Running

#: Nothing that stands in any text by chance, and with letters that are escaped here and there.
SECRET = "hunQ+xW7w/Zq9k ß'x\"y"
#: However it is escaped, these pieces stay.
TRACES = ("hunQ", "xW7w", "Zq9k")
SETTING = "s3tting-Kq7Vw"

ACTIONS = '''
from __future__ import annotations

import logging

from pydantic import field_validator

from actionhero import Action, Call, Conflict, Field, Inputs, Middleware, Secret, TypedError

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
    """Keep a secret."""

    name = "vault:keep"
    web = ["POST /keep", "GET /keep", "GET /keep/{password}"]

    async def run(self, inputs: Plain, call: Call) -> str:
        logger.warning("kept %s", inputs, extra={"password": inputs.password})
        return "kept"


class Inside(Action):
    """Keep secrets that lie deep inside."""

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
    """Take a secret number."""

    name = "vault:number"
    web = "POST /number"

    async def run(self, inputs: Numeric, call: Call) -> None: ...


class Crash(Action):
    """Raise an exception that tells the secret, with one behind it that does."""

    name = "vault:crash"
    web = "POST /crash"

    async def run(self, inputs: Plain, call: Call) -> None:
        password = inputs.password
        try:
            {}[password]
        except KeyError as error:
            raise RuntimeError(f"no such password: {password}, {password!r}") from error


class Tell(Action):
    """Fail with an error for the caller that tells the secret."""

    name = "vault:tell"
    web = "POST /tell"

    async def run(self, inputs: Plain, call: Call) -> None:
        raise Conflict(
            f"password {inputs.password} is taken", key="password", value=inputs.password
        )


class TellOther(Action):
    """Fail with the secret as the value of another input."""

    name = "vault:other"
    web = "POST /other"

    async def run(self, inputs: Plain, call: Call) -> None:
        raise Conflict("taken", key="name", value={"password": inputs.password, "is": [inputs]})


class Broken(Middleware):
    async def before(self, call: Call) -> None:
        raise RuntimeError(f"cannot check {call.inputs.password}")


class Guarded(Action):
    """Be kept by a middleware that breaks."""

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
    """Give an application with secrets, and a plugin with settings that are secret."""
    place.install("guest-vault", PLUGIN, plugin="vault")
    place.write("vault/__init__.py", "")
    place.write("vault/actions.py", ACTIONS)
    place.write("actionhero.toml", 'app.package = "vault"\n')
    return place


def refuse_traces(told: str, *traces: str) -> None:
    """Fail if any piece of the secret stands in what was told."""
    for trace in traces or TRACES:
        position = told.find(trace)
        assert position < 0, f"…{told[max(0, position - 300) : position + 100]}…"


#: What is sent to each action over HTTP: the path, the body, its type.
def requests() -> Iterator[tuple[str, str, bytes | None, str]]:
    """Yield every request: a method, a path, a body and its type."""
    body = {"password": SECRET, "name": "Ada"}
    form = urlencode(body).encode()
    boundary = "q7"
    multipart = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in body.items()
    )
    multipart += f"--{boundary}--\r\n"
    documents: list[tuple[str, Any]] = [
        *(
            (f"/api/{name}", body)
            for name in ("keep", "picky", "number", "crash", "tell", "other", "guarded")
        ),
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
    for path in ("/api/crash", "/api/number", "/api/picky", "/api/tell", "/api/guarded"):
        yield "POST", path, form, "application/x-www-form-urlencoded"
        yield "POST", path, multipart.encode(), f"multipart/form-data; boundary={boundary}"
    yield "GET", f"/api/keep?{urlencode(body)}", None, ""
    yield "GET", f"/api/keep/{quote(SECRET, safe='')}", None, ""
    # Not JSON any more: what was read so far is not told.
    yield "POST", "/api/crash", json.dumps(body).encode()[:-1], "application/json"
    yield "POST", "/api/crash", json.dumps(SECRET).encode(), "application/json"
    # Nothing is there, and yet it was asked for with a secret.
    yield "GET", f"/api/nowhere?{urlencode(body)}", None, ""
    yield "POST", "/api/crash", form, "text/plain"


@pytest.mark.parametrize(
    ("profile", "format_"), list(itertools.product(["standard", "actionhero"], ["console", "json"]))
)
def test_a_secret_is_not_told_over_http(vault: Place, profile: str, format_: str) -> None:
    """Also in development, where callers are shown tracebacks, and with everything logged."""
    server = vault.start(
        "--set", f"logs.format={format_}", "--log-level", "debug", "start",
        ACTIONHERO_ENV="development",
        ACTIONHERO_WEB__ERROR_FORMAT=profile,
    )  # fmt: skip
    port = int(server.wait_for(r"listening on http://[\w.]+:(\d+)")[1])
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    answers = [ask(client, *request) for request in requests()]
    client.close()
    ended = server.stop()

    assert ended.code == 0
    # Some were welcome, some were not, and those that tell more than they should told the rest.
    assert {200, 415, 500} <= {status for status, _ in answers}
    assert any("password [redacted] is taken" in text for _, text in answers)
    # What was asked for has been logged, with tracebacks.
    assert "vault:crash" in ended.stderr
    assert "no such password" in ended.stderr
    assert "Traceback" in ended.stderr
    assert any("Traceback" in text for _, text in answers)
    for request, (_, text) in zip(requests(), answers, strict=True):
        try:
            refuse_traces(text)
        except AssertionError as error:
            raise AssertionError(f"{request[:2]}: {error}") from None
    refuse_traces(ended.stderr + ended.stdout)


def ask(
    client: http.client.HTTPConnection, method: str, path: str, body: bytes | None, kind: str
) -> tuple[int, str]:
    """Send a request, and return the status, and head and body of the answer as text."""
    client.request(method, path, body, {"Content-Type": kind} if kind else {})
    response = client.getresponse()
    head = "\n".join(f"{name}: {value}" for name, value in response.getheaders())
    return response.status, f"{response.reason}\n{head}\n{response.read().decode()}"


ACCOUNT = json.dumps({"name": "Ada", "password": SECRET})


@pytest.mark.parametrize("format_", ["console", "json"])
def test_a_secret_is_not_told_at_a_shell(vault: Place, format_: str) -> None:
    """Neither in the answer nor in what is logged of it."""
    calls = [
        *(
            (f"vault:{name}", "--password", SECRET)
            for name in ("keep", "picky", "number", "crash", "tell", "other", "guarded")
        ),
        ("vault:nested", "--account", ACCOUNT, "--accounts", f"[{ACCOUNT}]"),
        ("vault:nested", "--account", json.dumps({"password": SECRET})),
        ("vault:nested", "--account", SECRET),
    ]
    options = ("--set", f"logs.format={format_}", "--log-level", "debug")

    running = [vault.start(*options, "call", *call) for call in calls]

    for command in running:
        ended = command.wait()
        assert ended.code in {0, 1, 65}, ended
        refuse_traces(ended.stdout + ended.stderr)


def told_by(place: Place, *commands: tuple[str, ...], **variables: str) -> list[Ended]:
    """Run commands side by side, and return what came of each."""
    running: list[Running] = [place.start(*command, **variables) for command in commands]
    return [command.wait() for command in running]


EVERY_LISTING = (
    ("config",),
    ("config", "--format", "json"),
    ("doctor", "--deploy"),
    ("doctor", "--format", "json"),
    ("plugins",),
    ("--log-level", "debug", "call", "status"),
)


def test_a_secret_setting_is_masked(vault: Place) -> None:
    """Wherever it comes from; so is a password in a URL."""
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

    ended = told_by(vault, *EVERY_LISTING, ACTIONHERO_VAULT__PIN="70217021")

    for one in ended:
        assert one.code == 0, one
        refuse_traces(one.stdout + one.stderr, SETTING, "70217021")
    assert "db.example" in ended[0].stdout


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ACTIONHERO_VAULT__PIN", SETTING),
        ("ACTIONHERO_VAULT__KEYS", SETTING),
        ("ACTIONHERO_VAULT__KEY__INNER", SETTING),
        ("ACTIONHERO_VAULT__PASSWRD", SETTING),
    ],
)
def test_a_secret_setting_that_is_wrong_is_not_told(
    vault: Place, variable: str, value: str
) -> None:
    """The variable is named, and what it should be."""
    commands = (*EVERY_LISTING, ("start",))

    ended = told_by(vault, *commands, **{variable: value})

    for one in ended:
        assert one.code in {0, 1, 78}, one
        refuse_traces(one.stdout + one.stderr, SETTING)
    assert variable in ended[-1].stderr
    assert ended[-1].code == 78
