"""Reporters of unexpected exceptions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import sentry_sdk
from sentry_sdk.transport import Transport

from actionhero import (
    Action,
    Application,
    BootError,
    Call,
    Credentials,
    ExceptionReport,
    ExceptionReporter,
    Initializer,
    Inputs,
    NotFound,
    PluginError,
    Principal,
    Secret,
    ServiceUnavailable,
    Settings,
    TypedError,
    hookimpl,
)
from actionhero.testing import RunningApp, running_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from sentry_sdk.envelope import Envelope


class FailInputs(Inputs):
    kind: str = "unexpected"
    password: Secret[str] = "swordfish-input"


class Fail(Action):
    """Fail in a given way."""

    name = "fail"

    async def run(self, inputs: FailInputs) -> int:
        if inputs.kind == "unexpected":
            raise ValueError(f"wrong password {inputs.password}")
        if inputs.kind == "client":
            raise NotFound("No such user")
        if inputs.kind == "service":
            raise ServiceUnavailable("No database")
        if inputs.kind == "lost":
            raise ConnectionError("lost")
        return "no number"  # type: ignore[return-value]


class Outer(Action):
    """Call the other action."""

    name = "outer"

    async def run(self, call: Call) -> None:
        await call.run(Fail, {})


class Recorder(ExceptionReporter):
    def __init__(self) -> None:
        self.reports: list[ExceptionReport] = []

    def report(self, report: ExceptionReport) -> None:
        self.reports.append(report)


class Broken(ExceptionReporter):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def report(self, report: ExceptionReport) -> None:
        raise self.error


class Plugin:
    """A plugin with reporters."""

    def __init__(self, *reporters: Any) -> None:
        self.reporters = reporters

    @hookimpl
    def actionhero_exception_reporters(self) -> list[Any]:
        return list(self.reporters)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def app(recorder: Recorder) -> AsyncIterator[RunningApp]:
    async with running_app(Plugin(recorder), Fail, Outer) as app:
        yield app


@pytest.mark.parametrize(
    ("kind", "exception"),
    [
        ("unexpected", "ValueError"),
        ("output", "OutputMismatch"),
        ("service", "ServiceUnavailable"),
        ("lost", "ConnectionError"),
    ],
)
async def test_exceptions_of_the_server_are_reported(
    app: RunningApp, recorder: Recorder, kind: str, exception: str
) -> None:
    """With the call, whose secrets are redacted."""
    with pytest.raises(TypedError):
        await app.call("fail", kind=kind)

    [report] = recorder.reports
    assert type(report.exception).__name__ == exception
    assert report.exception.__traceback__ is not None
    assert (report.operation, report.action, report.transport) == ("action 'fail'", "fail", "test")
    assert report.request_id
    assert report.inputs == {"kind": kind, "password": "[redacted]"}
    assert "swordfish" not in repr(report)


@pytest.mark.parametrize("inputs", [{"kind": "client"}, {"kind": ["no", "text"]}])
async def test_errors_of_clients_are_not_reported(
    app: RunningApp, recorder: Recorder, inputs: dict[str, Any]
) -> None:
    """Nor invalid inputs, nor unknown actions."""
    for name in ("fail", "unknown"):
        with pytest.raises(TypedError):
            await app.call(name, **inputs)

    assert recorder.reports == []


async def test_an_exception_of_an_inner_call_is_reported_once(
    app: RunningApp, recorder: Recorder
) -> None:
    """As that of the inner action."""
    with pytest.raises(TypedError):
        await app.call("outer")

    assert [report.action for report in recorder.reports] == ["fail"]


async def test_a_report_removes_secrets_from_any_text(recorder: Recorder) -> None:
    """Of inputs, credentials, settings and URLs."""

    class MailSettings(Settings):
        section = "mail"
        api_key: Secret[str] = "swordfish-setting"

    class MailPlugin:
        @hookimpl
        def actionhero_settings(self) -> list[type[Settings]]:
            return [MailSettings]

    async with running_app(Plugin(recorder), MailPlugin(), Fail) as app:
        caller = app.connect(principal=Principal("ada"))
        caller.connection.credentials = Credentials("bearer", "swordfish-token")
        with pytest.raises(TypedError):
            await caller.call("fail", password="swordfish-own")
    [report] = recorder.reports

    assert str(report.exception) == "wrong password swordfish-own"
    assert report.scrub(
        {"swordfish-own": ["a swordfish-setting", ("swordfish-token", 1, None)]}
    ) == {"[redacted]": ["a [redacted]", ["[redacted]", 1, None]]}
    assert "hunter2" not in report.scrub("postgres://app:hunter2@db/app")


@pytest.mark.parametrize(
    "error", [RuntimeError("broken"), SystemExit(1), asyncio.CancelledError(), GeneratorExit()]
)
async def test_a_reporter_that_fails_changes_nothing(
    recorder: Recorder, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    async with running_app(Plugin(Broken(error), recorder), Fail) as app:
        with pytest.raises(TypedError, match="Internal error"):
            await app.call("fail")

    assert len(recorder.reports) == 1
    assert "test_exception_reports.Broken has failed" in caplog.text


async def test_an_exception_without_usable_attributes_is_reported(recorder: Recorder) -> None:
    class Peculiar(Exception):
        def __setattr__(self, name: str, value: object) -> None:
            raise ValueError(name)

        @property
        def _actionhero_reported(self) -> bool:
            raise ValueError

    class Raise(Action):
        name = "raise"

        async def run(self) -> None:
            raise Peculiar

    async with running_app(Plugin(recorder), Raise) as app:
        with pytest.raises(TypedError, match="Internal error"):
            await app.call("raise")

    [report] = recorder.reports
    assert isinstance(report.exception, Peculiar)


async def test_a_failed_start_is_reported(recorder: Recorder) -> None:
    """And a failed stop."""

    class Database(Initializer):
        name = "database"

        async def start(self, app: Application) -> None:
            raise OSError("no route")

        async def stop(self, app: Application) -> None:
            raise OSError("not open")

    with pytest.raises(BootError):
        async with running_app(Plugin(recorder), Database):
            pass

    assert [str(report.exception) for report in recorder.reports] == ["no route", "not open"]
    assert recorder.reports[0].operation.startswith("initializer 'database'")
    assert recorder.reports[0].operation.endswith("failed to start")


async def test_something_else_than_a_reporter_is_refused() -> None:
    with pytest.raises(PluginError, match="actionhero_exception_reporters"):
        async with running_app(Plugin("reporter")):
            pass


class SentryReporter(ExceptionReporter):
    """Sends exceptions to Sentry, as in the guide."""

    def report(self, report: ExceptionReport) -> None:
        with sentry_sdk.new_scope() as scope:
            scope.set_tag("action", report.action)
            scope.set_tag("transport", report.transport)
            scope.set_tag("request_id", report.request_id)
            scope.set_context("call", {"operation": report.operation, "inputs": report.inputs})
            scope.add_event_processor(lambda event, _: report.scrub(event))
            sentry_sdk.capture_exception(report.exception)


class StubTransport(Transport):
    """Keeps envelopes instead of sending them."""

    def __init__(self) -> None:
        super().__init__()
        self.envelopes: list[Envelope] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.envelopes.append(envelope)


@pytest.fixture
def sentry() -> Iterator[StubTransport]:
    transport = StubTransport()
    sentry_sdk.init(
        dsn="https://public@sentry.invalid/1",
        transport=transport,
        default_integrations=False,
        # Local variables are sent, so that secrets in them must be removed.
        include_local_variables=True,
    )
    yield transport
    sentry_sdk.get_client().close()


async def test_sentry_receives_exceptions_with_tags_and_without_secrets(
    sentry: StubTransport,
) -> None:
    """Also without those in local variables."""
    async with running_app(Plugin(SentryReporter()), Fail, Outer) as app:
        for name, inputs in [
            ("fail", {"password": "swordfish-own"}),
            ("fail", {"kind": "client"}),
            ("outer", {}),
        ]:
            with pytest.raises(TypedError):
                await app.call(name, **inputs)

    events = [envelope.get_event() for envelope in sentry.envelopes]
    assert len(events) == 2
    event: Any = events[0]
    assert event["tags"]["action"] == "fail"
    assert event["tags"]["transport"] == "test"
    assert len(event["tags"]["request_id"]) > 10
    exception = event["exception"]["values"][-1]
    assert (exception["type"], exception["value"]) == ("ValueError", "wrong password [redacted]")
    assert "run" in [frame["function"] for frame in exception["stacktrace"]["frames"]]
    assert not [envelope for envelope in sentry.envelopes if b"swordfish" in envelope.serialize()]
