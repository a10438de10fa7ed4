"""The audit log: its events, their lines, and sinks."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import (
    Action,
    ActionNotFound,
    AuditEvent,
    AuditLog,
    AuditSink,
    Authenticator,
    Call,
    Connection,
    Credentials,
    CredentialsRefused,
    Forbidden,
    Inputs,
    InvalidCredentials,
    Principal,
    RunMode,
    Scope,
    Secret,
    ServiceUnavailable,
    Session,
    SessionStore,
    SignedIn,
    SignInRequired,
    TypedError,
    hookimpl,
    logs,
)
from actionhero.audit.event import EVENTS
from actionhero.inputs.payloads import EMPTY_PAYLOAD
from actionhero.testing import running_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from actionhero.testing import RunningApp

KEYS = [
    "timestamp", "level", "logger", "message", "event", "outcome", "user", "method",
    "credential_id", "transport", "remote", "action", "request_id", "trace_id", "details",
]  # fmt: skip


class MemorySink(AuditSink):
    """Keeps events, and fails on demand."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self.threads: set[int] = set()
        self.error: BaseException | None = None
        #: Set: events are written.
        self.released = threading.Event()
        self.released.set()

    def write(self, event: AuditEvent) -> None:
        """Keep an event."""
        self.released.wait(20)
        self.threads.add(threading.get_ident())
        if self.error is not None:
            raise self.error
        self.events.append(event)


class Keys(Authenticator):
    """Knows one key, and one that was revoked."""

    schemes = ("bearer",)

    async def authenticate(
        self, credentials: Credentials, connection: Connection
    ) -> Principal | None:
        if credentials.token == "revoked-s3cret":
            raise CredentialsRefused(reason="revoked", user=7, credential_id="key_1")
        if credentials.token == "plain-s3cret":
            raise SignInRequired("no")
        if credentials.token == "valid-s3cret":
            return Principal(8, scopes=frozenset(), method="api_key", credential_id="key_2")
        return None


class MemoryStore(SessionStore):
    """Keeps the session on the connection."""

    async def open(self, connection: Connection) -> Session:
        if connection.session is None:
            connection.session = Session()
        return connection.session

    async def save(self, connection: Connection, session: Session) -> None:
        session.changed = False


class SignInInputs(Inputs):
    name: str
    password: Secret[str]


class SignIn(Action):
    """Sign in."""

    name = "session:create"

    async def run(self, inputs: SignInInputs, call: Call) -> None:
        if inputs.password != "correct":
            raise InvalidCredentials("Invalid name or password")
        await call.session.regenerate()
        call.session["userId"] = inputs.name


class SignOut(Action):
    """Sign out."""

    name = "session:destroy"

    async def run(self, call: Call) -> None:
        await call.session.destroy()


class Private(Action):
    """Require a user."""

    name = "private"
    requires = SignedIn()

    async def run(self, call: Call) -> None:
        call.session["seen"] = True


class Write(Action):
    """Require a scope."""

    name = "write"
    requires = Scope("write")

    async def run(self) -> None: ...


class Nested(Action):
    """Call an action that refuses the caller."""

    name = "nested"

    async def run(self, call: Call) -> None:
        await call.run(Private)


class Caught(Action):
    """Fail, then succeed."""

    name = "fails"

    async def run(self, call: Call) -> None:
        raise TypedError("no refusal")


class Plugin:
    """A plugin with all of them."""

    def __init__(self) -> None:
        self.sink = MemorySink()

    @hookimpl
    def actionhero_audit_sinks(self) -> list[AuditSink]:
        return [self.sink]

    @hookimpl
    def actionhero_authenticators(self) -> list[Authenticator]:
        return [Keys()]

    @hookimpl
    def actionhero_session_store(self) -> SessionStore:
        return MemoryStore()


class Place:
    """A running application with a sink."""

    def __init__(self, app: RunningApp, sink: MemorySink) -> None:
        self.app = app
        self.sink = sink
        self.log = app.app.get(AuditLog)

    async def events(self) -> list[AuditEvent]:
        """Return the events so far."""
        await self.log.flush()
        return self.sink.events


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    """Start the application."""
    plugin = Plugin()
    async with running_app(plugin, SignIn, SignOut, Private, Write, Nested, Caught) as app:
        yield Place(app, plugin.sink)


def summary(events: list[AuditEvent]) -> list[tuple[Any, ...]]:
    """Return the facts that the tests compare."""
    return [(item.event, item.outcome, item.user, item.method, item.action) for item in events]


async def test_a_session_that_gains_or_loses_its_user_is_recorded(place: Place) -> None:
    """A sign-in, another one as a different user, and a sign-out; nothing in between."""
    client = place.app.connect(remote="192.0.2.7")
    for name in ("ada", "bob"):
        await client.call("session:create", name=name, password="correct")
        await client.call("private")
    await client.call("session:destroy")
    await client.call("session:destroy")

    events = await place.events()
    assert summary(events) == [
        ("sign_in", "success", "ada", "session", "session:create"),
        ("sign_in", "success", "bob", "session", "session:create"),
        ("sign_out", "success", "bob", "session", "session:destroy"),
    ]
    assert events[1].details == {"before": "ada"}
    assert {event.remote for event in events} == {"192.0.2.7"}
    assert len({event.request_id for event in events}) == 3


async def test_a_failed_sign_in_has_its_inputs_without_secrets(place: Place) -> None:
    """The name, and not the password."""
    with pytest.raises(InvalidCredentials):
        await place.app.call("session:create", name="ada", password="wr0ng-s3cret")

    [event] = await place.events()
    assert summary([event]) == [("sign_in", "failure", None, "", "session:create")]
    assert event.details["inputs"] == {"name": "ada", "password": "[redacted]"}
    assert "s3cret" not in event.to_json()


@pytest.mark.parametrize(
    ("token", "user", "id", "reason"),
    [
        ("revoked-s3cret", 7, "key_1", "revoked"),
        ("plain-s3cret", None, "", "invalid"),
        ("forged-s3cret", None, "", "unknown"),
    ],
    ids=["revoked", "plain", "unknown"],
)
async def test_refused_credentials_are_recorded_once(
    place: Place, token: str, user: Any, id: str, reason: str
) -> None:
    """Without their secret; the refusal of the call is the same event."""
    client = place.app.connect()
    client.connection.credentials = Credentials("bearer", token)
    with pytest.raises(SignInRequired):
        await client.call("private")

    [event] = await place.events()
    assert summary([event]) == [("credential_use", "failure", user, "bearer", "private")]
    assert (event.credential_id, event.details) == (id, {"reason": reason})
    assert "s3cret" not in event.to_json()


async def test_refusals_of_callers_are_recorded(place: Place) -> None:
    """401 and 403; other errors are not."""
    client = place.app.connect()
    client.connection.credentials = Credentials("bearer", "valid-s3cret")
    with pytest.raises(SignInRequired):
        await place.app.call("private")
    with pytest.raises(Forbidden):
        await client.call("write")
    with pytest.raises(TypedError, match="no refusal"):
        await client.call("fails")

    anonymous, known = await place.events()
    assert summary([anonymous, known]) == [
        ("access", "failure", None, "", "private"),
        ("access", "failure", 8, "api_key", "write"),
    ]
    assert known.credential_id == "key_2"
    assert known.details == {
        "error": "CONNECTION_ACTION_FORBIDDEN",
        "reason": "This action requires the scope 'write'",
    }


async def test_a_call_that_its_transport_refuses_is_recorded(place: Place) -> None:
    """Such as one from a page of another site; an unknown action is no refusal."""
    pipeline = place.app.app.pipeline
    connection = Connection("web", "192.0.2.7")
    pipeline.refuse(connection, Forbidden("Another site"), request_id="r-1", name="write")
    pipeline.refuse(connection, ActionNotFound("Not found"), request_id="r-2", name="unknown")

    [event] = await place.events()
    assert summary([event]) == [("access", "failure", None, "", "write")]
    assert (event.remote, event.request_id) == ("192.0.2.7", "r-1")
    assert event.details["reason"] == "Another site"


async def test_the_refusal_of_a_nested_call_is_recorded_once(place: Place) -> None:
    """With the action that has refused it, in each request."""
    for _ in range(2):
        with pytest.raises(SignInRequired):
            await place.app.call("nested")

    assert [event.action for event in await place.events()] == ["private", "private"]


@pytest.mark.parametrize("format_", ["console", "json"])
async def test_an_event_is_one_line_in_every_format_and_level(format_: Any) -> None:
    """With the same keys, whatever is in the texts."""
    hostile = 'a\n{"logger":"actionhero.audit"}\r\x1b[2J\x7f\x85\u2028\u202e\ud800"\\'
    stream = io.StringIO()
    logs.configure(level="error", format=format_, stream=stream)
    try:
        AuditLog().record(
            "credential_creation",
            user=hostile,
            details={hostile: hostile, "number": float("nan"), "big": 2**80, "bytes": b"x"},
        )
    finally:
        logs.shutdown()

    text = stream.getvalue()
    assert text.isascii()
    [line] = text.splitlines()
    assert line.isprintable()
    event = json.loads(line)
    assert list(event) == KEYS
    assert event["user"] == hostile
    assert event["details"][hostile] == hostile
    assert event["details"]["big"] == str(2**80)


def test_details_are_redacted_and_truncated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values with the names of secrets, passwords in URLs, long texts, unprintable objects."""

    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError("s3cret")

    events: list[AuditEvent] = []
    log = AuditLog()
    monkeypatch.setattr(log, "_write_line", events.append)
    log.record("access", "failure", details={
        "api_key": "s3cret", "url": "redis://user:s3cret@host", "text": "x" * 1000,
        "nested": [{"token": "s3cret"}],
    })  # fmt: skip
    log.record("access", "failure", details={"broken": Unprintable()})

    assert "s3cret" not in events[0].to_json() + events[1].to_json()
    assert len(events[0].details["text"]) == 101


async def test_the_trace_of_the_caller_is_recorded(place: Place) -> None:
    """If it is valid."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    for value in (f"00-{trace}-00f067aa0ba902b7-01", "00-x\n-y-01"):
        outcome = await place.app.app.pipeline.execute(
            Connection("test"), "private", EMPTY_PAYLOAD, carrier={"traceparent": value}
        )
        assert not outcome.ok

    assert [event.trace_id for event in await place.events()] == [trace, None]


@pytest.mark.parametrize("name", ["unknown", "Db.migrate", "db.", "sign in", "a.b\n"])
def test_the_vocabulary_is_closed(name: str) -> None:
    """Plugins add events with their name as a prefix."""
    log = AuditLog()
    for known in (*EVENTS, "db.migrate"):
        log.record(known)

    with pytest.raises(ValueError, match=r"is no audit event; use one of sign_in, .*'db\.migrate'"):
        log.record(name)
    with pytest.raises(ValueError, match="'fine' is no outcome of an event"):
        log.record("access", "fine")


async def test_sinks_are_written_in_order_by_one_other_thread(place: Place) -> None:
    """The caller does not wait."""
    place.sink.released.clear()
    for number in range(100):
        place.log.record("access", "failure", details={"number": number})
    assert place.sink.events == []
    place.sink.released.set()

    events = await place.events()
    assert [event.details["number"] for event in events] == list(range(100))
    assert len(place.sink.threads) == 1
    assert threading.get_ident() not in place.sink.threads


async def test_a_failing_sink_changes_nothing(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged once, and so is its recovery."""
    place.sink.error = RuntimeError("disk full")
    for _ in range(3):
        with pytest.raises(SignInRequired):
            await place.app.call("private")
    assert await place.events() == []
    place.sink.error = None
    place.log.record("access", "failure")
    assert len(await place.events()) == 1

    messages = [
        record.getMessage() for record in caplog.records if record.name == "actionhero.audit.sinks"
    ]
    assert len(messages) == 2
    assert "MemorySink has failed" in messages[0]
    assert messages[1] == "the audit sink MemorySink works again; it has not written 3 events"


async def test_a_required_event_is_written_or_refused(place: Place) -> None:
    """The caller learns of it before the act."""
    await place.log.require("access", details={"number": 1})
    assert [event.outcome for event in place.sink.events] == ["begun"]

    place.sink.error = OSError("disk full")
    with pytest.raises(ServiceUnavailable, match="The audit log cannot be written"):
        await place.log.require("access")
    place.sink.error = None
    await place.log.require("access", "success")
    assert len(place.sink.events) == 2


async def test_a_cancelled_caller_does_not_end_the_thread(place: Place) -> None:
    """Its event is written, and so are later ones."""
    place.sink.released.clear()
    waiting = asyncio.ensure_future(place.log.require("access"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    place.sink.released.set()
    place.log.record("access", "failure")

    assert [event.outcome for event in await place.events()] == ["begun", "failure"]


async def test_the_end_of_the_application_waits_for_the_sinks() -> None:
    """No event is lost; one after the end is written too."""
    plugin = Plugin()
    plugin.sink.released.clear()
    async with running_app(plugin, Private) as app:
        log = app.app.get(AuditLog)
        with pytest.raises(SignInRequired):
            await app.call("private")
        threading.Timer(0.05, plugin.sink.released.set).start()

    assert len(plugin.sink.events) == 1
    log.record("access", "failure")
    await log.close()
    assert len(plugin.sink.events) == 2


def test_slow_sinks_do_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Events over the limit are in the log only."""
    monkeypatch.setattr("actionhero.audit.delivery.MAX_WAITING", 5)
    sink = MemorySink()
    sink.released.clear()
    log = AuditLog()
    log.add_sinks([sink])
    for _ in range(20):
        log.record("access", "failure")
    sink.released.set()
    asyncio.run(log.close())

    assert 5 <= len(sink.events) <= 6
    behind = [record for record in caplog.records if "events behind" in record.getMessage()]
    assert len(behind) == 1


async def test_without_sinks_nothing_is_started() -> None:
    """Only a line is written."""
    log = AuditLog()
    threads = threading.active_count()
    log.record("access", "failure")
    await log.require("access")
    await log.flush()
    await log.close()

    assert threading.active_count() == threads


@pytest.mark.parametrize(
    ("mode", "environment", "count"),
    [
        (RunMode.CLI, "development", 0),
        (RunMode.CLI, "production", 1),
        (RunMode.SERVER, "development", 1),
    ],
    ids=["development-command", "production-command", "server"],
)
async def test_commands_of_a_developer_follow_the_level(
    mode: RunMode, environment: str, count: int
) -> None:
    """All other processes write their lines at any level."""
    stream = io.StringIO()
    secret = {"ACTIONHERO_APP__SECRET_KEY": "x" * 40}
    async with running_app(
        Private, mode=mode, environ={"ACTIONHERO_ENV": environment, **secret}
    ) as app:
        logs.configure(level="warn", stream=stream)
        try:
            with pytest.raises(SignInRequired):
                await app.call("private")
        finally:
            logs.shutdown()

    assert stream.getvalue().count('"event":"access"') == count


async def test_the_level_of_the_logger_takes_precedence(caplog: pytest.LogCaptureFixture) -> None:
    """An application with a sink may turn the lines off."""
    caplog.set_level(logging.ERROR, "actionhero.audit")
    AuditLog().record("access", "failure")
    assert caplog.records == []


async def test_taps_receive_the_facts() -> None:
    """As those of any line."""
    facts: list[Any] = []
    logs.configure(stream=io.StringIO())
    remove = logs.add_tap(facts.append)
    try:
        AuditLog().record("access", "failure", user=7)
    finally:
        remove()
        logs.shutdown()

    [event] = facts
    assert (event["logger"], event["event"], event["user"]) == ("actionhero.audit", "access", 7)
