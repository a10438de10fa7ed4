"""What a caller is told of what nobody foresaw, and what the log is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from actionhero import (
    Action,
    Call,
    Conflict,
    ErrorType,
    Middleware,
    Outcome,
    TypedError,
)
from actionhero.testing import running_app

if TYPE_CHECKING:
    from collections.abc import Callable


class Noting(Middleware):
    """Notes when it is asked, and does what it was made with."""

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


def break_down(*_: Any) -> None:
    raise RuntimeError("the cellar is flooded")


def action_with(
    *layers: Middleware, notes: list[str] | None = None, error: Exception | None = None
) -> type[Action]:
    """Return an action that notes its run, and then answers or fails."""

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
async def test_an_unexpected_exception_is_told_without_its_text(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller learns nothing of our insides; the log has the traceback."""
    notes: list[str] = []
    broken = {where: break_down} if where != "run" else {}
    action = action_with(
        Noting("outer", notes),
        Noting("inner", notes, **broken),
        error=RuntimeError("the cellar is flooded") if where == "run" else None,
    )
    async with running_app(action) as app:
        outcome = await app.connect().outcome("work")

    assert outcome.error is not None
    assert outcome.error.message == "Internal error"
    assert outcome.error.type is ErrorType.ACTION_RUN
    assert outcome.stack is None
    assert notes == ["before outer", "before inner", "after inner", "after outer"]
    [record] = caplog.records
    assert record.getMessage() == "action 'work' failed: the cellar is flooded"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], RuntimeError)


async def test_the_traceback_is_shown_if_that_is_wanted() -> None:
    """In development, the outcome carries the traceback as text."""
    action = action_with(error=RuntimeError("the cellar is flooded"))
    async with running_app(action, environ={"ACTIONHERO_ENV": "development"}) as app:
        outcome = await app.connect().outcome("work")

    assert outcome.error is not None
    assert outcome.error.message == "Internal error"
    assert outcome.stack is not None
    assert outcome.stack.startswith("Traceback (most recent call last):")
    assert "RuntimeError: the cellar is flooded" in outcome.stack


async def test_a_service_that_is_gone_is_no_failure_of_the_action(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A lost connection is told as a service that is unavailable, so that the caller may retry."""
    action = action_with(error=ConnectionRefusedError("10.0.0.7:5432"))
    async with running_app(action) as app:
        outcome = await app.connect().outcome("work")

    assert outcome.error is not None
    assert outcome.error.type is ErrorType.SERVICE_UNAVAILABLE
    assert outcome.error.message == "A service that this action needs is not available"
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_a_plugin_translates_the_errors_of_its_driver() -> None:
    """The nearest class that is known decides."""

    class DriverError(Exception):
        pass

    class RowLocked(DriverError):
        pass

    async with running_app(action_with(error=RowLocked("row 7"))) as app:
        app.app.pipeline.translate(DriverError, lambda error: TypedError("the driver failed"))
        app.app.pipeline.translate(RowLocked, lambda error: Conflict(f"locked: {error}"))

        with pytest.raises(Conflict, match="locked: row 7"):
            await app.call("work")


async def test_an_action_that_exits_does_not_take_the_process_along() -> None:
    """`sys.exit` in somebody's library is a failure of the call, and not the end of the server."""

    class Exits(Action):
        name = "exits"

        async def run(self, call: Call) -> None:
            raise SystemExit(3)

    async with running_app(Exits) as app:
        with pytest.raises(TypedError, match="Internal error"):
            await app.call("exits")


async def test_what_fails_beside_calls_is_told_like_a_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A door does more than call actions, and has the same words for what goes wrong."""
    async with running_app() as app:
        pipeline = app.app.pipeline
        foreseen = pipeline.error_outcome("joining", Conflict("Full"))
        away = pipeline.error_outcome("joining", ConnectionError("10.0.0.7 refused"))
        unforeseen = pipeline.error_outcome("joining", RuntimeError("secret of ours"))

    assert foreseen.error is not None
    assert away.error is not None
    assert unforeseen.error is not None
    assert (foreseen.error.message, foreseen.error.type) == ("Full", ErrorType.CONFLICT)
    assert away.error.type is ErrorType.SERVICE_UNAVAILABLE
    assert unforeseen.error.message == "Internal error"
    assert [record.getMessage() for record in caplog.records if record.exc_info] == [
        "joining failed: secret of ours"
    ]
