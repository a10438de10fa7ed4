"""Unexpected errors in outcomes and in the log."""

from __future__ import annotations

import errno
import math
import os
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import (
    Action,
    Call,
    Conflict,
    ErrorType,
    Middleware,
    Outcome,
    RateLimited,
    ServiceUnavailable,
    TypedError,
)
from actionhero.testing import running_app

if TYPE_CHECKING:
    from collections.abc import Callable


class Recorder(Middleware):
    """Records its calls, and runs the functions that it was created with."""

    def __init__(
        self,
        name: str,
        notes: list[str],
        *,
        before: Callable[[Call], None] = lambda call: None,
        after: Callable[[Call, Outcome], Outcome | None] = lambda call, outcome: None,
    ) -> None:
        self.name = name
        self.notes = notes
        self.do_before = before
        self.do_after = after

    async def before(self, call: Call) -> None:
        self.notes.append(f"before {self.name}")
        self.do_before(call)

    async def after(self, call: Call, outcome: Outcome) -> Outcome | None:
        self.notes.append(f"after {self.name}")
        return self.do_after(call, outcome)


def fail(*_: Any) -> None:
    raise RuntimeError("out of memory")


def action_with(
    *layers: Middleware, notes: list[str] | None = None, error: Exception | None = None
) -> type[Action]:
    """Return an action that records its run, and then returns a value or fails."""

    class Work(Action):
        name = "work"
        middleware = layers

        async def run(self, call: Call) -> dict[str, str]:
            if notes is not None:
                notes.append("run")
            if error is not None:
                raise error
            return {"done": "by the action"}

    return Work


@pytest.mark.parametrize("where", ["before", "run", "after"])
async def test_unexpected_errors_hide_their_text(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The client gets no internals; the log has the traceback."""
    notes: list[str] = []
    broken = {where: fail} if where != "run" else {}
    action = action_with(
        Recorder("outer", notes),
        Recorder("inner", notes, **broken),
        error=RuntimeError("out of memory") if where == "run" else None,
    )
    async with running_app(action) as app:
        outcome = await app.connect().outcome("work")

    assert outcome.error is not None
    assert outcome.error.message == "Internal error"
    assert outcome.error.type is ErrorType.ACTION_RUN
    assert outcome.stack is None
    assert notes == ["before outer", "before inner", "after inner", "after outer"]
    [record] = caplog.records
    assert record.getMessage() == "action 'work' failed: out of memory"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], RuntimeError)


async def test_tracebacks_are_shown_in_development() -> None:
    """The outcome has the traceback as text."""
    action = action_with(error=RuntimeError("out of memory"))
    async with running_app(action, environ={"ACTIONHERO_ENV": "development"}) as app:
        outcome = await app.connect().outcome("work")

    assert outcome.error is not None
    assert outcome.error.message == "Internal error"
    assert outcome.stack is not None
    assert outcome.stack.startswith("Traceback (most recent call last):")
    assert "RuntimeError: out of memory" in outcome.stack


async def test_a_lost_connection_is_service_unavailable(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The client may retry."""
    action = action_with(error=ConnectionRefusedError("10.0.0.7:5432"))
    async with running_app(action) as app:
        outcome = await app.connect().outcome("work")

    assert outcome.error is not None
    assert outcome.error.type is ErrorType.SERVICE_UNAVAILABLE
    assert outcome.error.message == "A service that this action needs is not available"
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_a_plugin_translates_the_errors_of_its_driver() -> None:
    """The translation of the nearest base class is used."""

    class DriverError(Exception):
        pass

    class RowLocked(DriverError):
        pass

    async with running_app(action_with(error=RowLocked("row 7"))) as app:
        app.app.pipeline.translate(DriverError, lambda error: TypedError("the driver failed"))
        app.app.pipeline.translate(RowLocked, lambda error: Conflict(f"locked: {error}"))

        with pytest.raises(Conflict, match="locked: row 7"):
            await app.call("work")
        app.app.pipeline.translate(RowLocked, lambda error: None)
        with pytest.raises(TypedError, match="the driver failed"):
            await app.call("work")
        app.app.pipeline.translate(DriverError, lambda error: None)
        with pytest.raises(TypedError, match="Internal error"):
            await app.call("work")


async def test_system_exit_is_an_error_of_the_call() -> None:
    """`sys.exit` in a library does not stop the server."""

    class Exits(Action):
        name = "exits"

        async def run(self, call: Call) -> None:
            raise SystemExit(3)

    async with running_app(Exits) as app:
        with pytest.raises(TypedError, match="Internal error"):
            await app.call("exits")


async def test_errors_outside_of_calls_are_handled_like_those_of_calls(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Transports also run operations that are not calls."""
    async with running_app() as app:
        pipeline = app.app.pipeline
        expected = pipeline.error_outcome("joining", Conflict("Full"))
        lost = pipeline.error_outcome("joining", ConnectionError("10.0.0.7 refused"))
        unexpected = pipeline.error_outcome("joining", RuntimeError("secret of ours"))

    assert expected.error is not None
    assert lost.error is not None
    assert unexpected.error is not None
    assert (expected.error.message, expected.error.type) == ("Full", ErrorType.CONFLICT)
    assert lost.error.type is ErrorType.SERVICE_UNAVAILABLE
    assert unexpected.error.message == "Internal error"
    assert [record.getMessage() for record in caplog.records if record.exc_info] == [
        "joining failed: secret of ours"
    ]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.ENOMEM])
async def test_exhausted_resources_are_an_unavailable_service(
    number: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Not an error of the action; the log names the resource."""

    class Exhausted(Action):
        name = "exhausted"

        async def run(self) -> None:
            raise OSError(number, os.strerror(number))

    async with running_app(Exhausted) as app:
        with pytest.raises(ServiceUnavailable, match="has no resources left") as raised:
            await app.call("exhausted")

    assert raised.value.retry_after_seconds == 1
    assert os.strerror(number) in caplog.text


@pytest.mark.parametrize(
    ("seconds", "whole"),
    [(None, None), (3, 3), (1.2, 2), (0.0, 0), (-4, 0), (math.inf, 31_536_000), (math.nan, 0)],
)
def test_the_time_of_a_retry_is_a_whole_number(seconds: float | None, whole: int | None) -> None:
    """A header with 1.2 would be ignored by clients."""
    error = RateLimited("too many", retry_after_seconds=seconds)

    assert error.retry_after_seconds == whole
    assert type(error.retry_after_seconds) is type(whole)


async def test_other_errors_of_the_system_are_errors_of_the_action() -> None:
    """Such as a file that does not exist."""

    class Missing(Action):
        name = "missing"

        async def run(self) -> None:
            raise FileNotFoundError(errno.ENOENT, "no such file")

    async with running_app(Missing) as app:
        with pytest.raises(TypedError) as raised:
            await app.call("missing")

    assert raised.value.type is ErrorType.ACTION_RUN
