"""Callbacks after a commit run to their end: despite cancellations, timeouts and other failures."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, Call, Inputs
from actionhero.errors import ErrorType
from actionhero.testing import running_app
from actionhero_db import Database, Transaction, plugin
from actionhero_db import after_commit as after_commit_module

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from actionhero.testing import RunningApp


class Steps:
    """The steps of callbacks, and events to control them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.slow_started = asyncio.Event()
        self.may_end = asyncio.Event()

    async def slow(self) -> None:
        self.slow_started.set()
        await self.may_end.wait()
        self.done.append("slow")

    def quick(self) -> None:
        self.done.append("quick")


class Register(Action):
    """Commit a row, with a slow callback and a quick one."""

    name = "register"
    middleware = [Transaction()]

    async def run(self, call: Call) -> None:
        await register(call)


class RegisterInside(Action):
    """Do the same in a transaction inside of `run`, which has a time limit."""

    name = "register:inside"
    timeout = timedelta(milliseconds=300)

    async def run(self, call: Call) -> None:
        async with call.get(Database).transaction():
            await register(call)


class FailureInputs(Inputs):
    kind: str


class FailedCallback(Action):
    """Commit a row, with a callback that fails, and another one."""

    name = "failed:callback"
    middleware = [Transaction()]

    async def run(self, inputs: FailureInputs, call: Call) -> None:
        async def fail() -> None:
            raise FAILURES[inputs.kind]

        await call.get(Database).after_commit(fail)
        await call.get(Database).after_commit(call.get(Steps).quick)


class Interruption(BaseException):
    """An error outside of `Exception`."""


FAILURES = {
    "exception": RuntimeError("failed"),
    "base": Interruption("failed"),
    "cancelled": asyncio.CancelledError(),
    "group": BaseExceptionGroup("failed", [Interruption("failed")]),
}


async def register(call: Call) -> None:
    steps = call.get(Steps)
    await call.get(People).Person.create(email="ada@example.org")
    await call.get(Database).after_commit(steps.slow)
    await call.get(Database).after_commit(steps.quick)


class People:
    """The type under which actions find the models."""

    Person: Any


@pytest.fixture
async def app(people: Any, each_url: str) -> AsyncIterator[RunningApp]:
    actions = (Register, RegisterInside, FailedCallback)
    async with running_app(plugin, people, *actions, environ={"DATABASE_URL": each_url}) as running:
        running.app.provide(Steps, Steps())
        running.app.provide(People, people)
        yield running


async def test_a_cancelled_call_waits_for_its_callbacks(app: RunningApp, people: Any) -> None:
    """A client that leaves takes no callback along; the cancellation follows."""
    steps = app.get(Steps)
    calling = asyncio.create_task(app.call("register"))
    await steps.slow_started.wait()

    calling.cancel()
    # A second one, as at the end of the grace period of a shutdown.
    await asyncio.sleep(0)
    calling.cancel()
    await asyncio.sleep(0)
    is_open = not calling.done()
    steps.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await calling

    assert is_open
    assert steps.done == ["slow", "quick"]
    assert await people.Person.all().count() == 1


async def test_a_time_limit_does_not_stop_callbacks(app: RunningApp, people: Any) -> None:
    """The call has timed out, and its rows and callbacks stand."""
    steps = app.get(Steps)
    calling = asyncio.create_task(app.connect().outcome("register:inside"))
    await steps.slow_started.wait()
    task = next(iter(app.get(Database).after_commit_runner._tasks))
    await asyncio.wait({calling}, timeout=0.5)
    steps.may_end.set()
    outcome = await calling

    assert outcome.error is not None
    assert outcome.error.type is ErrorType.ACTION_TIMEOUT
    assert task.done()
    assert steps.done == ["slow", "quick"]
    assert await people.Person.all().count() == 1


@pytest.mark.parametrize("kind", FAILURES)
async def test_a_callback_that_fails_does_not_stop_the_others(
    app: RunningApp, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    await app.call("failed:callback", kind=kind)

    assert app.get(Steps).done == ["quick"]
    assert "the after_commit callback " in caplog.text
    assert " of action 'failed:callback' failed: " in caplog.text


async def test_a_callback_that_never_ends_is_cancelled_after_the_limit(
    app: RunningApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The limit begins with the cancellation of the call."""
    monkeypatch.setattr(after_commit_module, "CANCELLED_SECONDS", 0.05)
    calling = asyncio.create_task(app.call("register"))
    await app.get(Steps).slow_started.wait()

    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling

    assert app.get(Steps).done == []
    assert "still ran 0.05 s after their call was cancelled" in caplog.text


async def test_a_shutdown_cancels_callbacks_that_still_run(people: Any, each_url: str) -> None:
    """After the grace period of the open calls, which include them."""
    environ = {"DATABASE_URL": each_url}
    async with running_app(plugin, people, Register, environ=environ) as app:
        steps = Steps()
        app.app.provide(Steps, steps)
        app.app.provide(People, people)
        calling = asyncio.create_task(app.call("register"))
        await steps.slow_started.wait()

    with contextlib.suppress(asyncio.CancelledError):
        await calling
    assert steps.done == []
