"""Exceptions outside of `Exception`: panics, groups, and the end of the process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator  # noqa: TC003 - resolved at run time
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import (
    Action,
    Call,
    Connection,
    Initializer,
    LifecycleError,
    Middleware,
    Outcome,
    TypedError,
)
from actionhero.inputs.payloads import EMPTY_PAYLOAD
from actionhero.testing import running_app

if TYPE_CHECKING:
    from pathlib import Path

    from actionhero import Application, Session


class PanicException(BaseException):
    """Like that of a Rust extension: `pyo3_runtime.PanicException`."""


PANIC = PanicException("index out of bounds")
FAILURES = [
    pytest.param(PANIC, id="panic"),
    pytest.param(BaseExceptionGroup("several", [PANIC]), id="group"),
    pytest.param(SystemExit(3), id="exit"),
    pytest.param(GeneratorExit("not a close"), id="generator-exit"),
    pytest.param(StopIteration(1), id="stop-iteration"),
    pytest.param(asyncio.CancelledError(), id="cancellation-of-something-else"),
]


class Recorded(Middleware):
    """Records the steps of a call."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    async def before(self, call: Call) -> None:
        self.steps.append("before")

    async def after(self, call: Call, outcome: Outcome) -> None:
        self.steps.append("ok" if outcome.ok else "error")


class Raises(Middleware):
    """Raises an error in one of its methods."""

    def __init__(self, method: str, error: BaseException) -> None:
        self._method = method
        self._error = error

    async def authorize(self, call: Call) -> None:
        self._raise("authorize")

    async def before(self, call: Call) -> None:
        self._raise("before")

    async def after(self, call: Call, outcome: Outcome) -> None:
        self._raise("after")

    def _raise(self, method: str) -> None:
        if method == self._method:
            raise self._error


def raising(error: BaseException, *, streams: bool) -> type[Action]:
    """Return an action that raises `error`."""

    class Work(Action):
        name = "work"

        async def run(self, call: Call) -> None:
            raise error

    class Stream(Action):
        name = "work"

        async def run(self, call: Call) -> AsyncIterator[int]:
            yield 1
            raise error

    return Stream if streams else Work


@pytest.mark.parametrize("error", FAILURES)
@pytest.mark.parametrize("streams", [False, True])
async def test_every_exception_of_run_is_an_outcome(
    error: BaseException,
    streams: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged, and `after` runs."""
    recorded = Recorded()

    async with running_app(recorded, raising(error, streams=streams)) as app:
        outcome = await app.connect().outcome("work")

    assert isinstance(outcome.error, TypedError)
    assert outcome.error.message == "Internal error"
    assert recorded.steps == ["before", "error"]
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"]


@pytest.mark.parametrize("error", FAILURES)
@pytest.mark.parametrize(
    ("method", "steps"),
    [("authorize", []), ("before", ["before", "error"]), ("after", ["before", "error"])],
)
async def test_every_exception_of_middleware_is_an_outcome(
    error: BaseException, method: str, steps: list[str]
) -> None:
    """The middleware outside of it sees the error."""
    recorded = Recorded()

    class Work(Action):
        name = "work"
        middleware = [recorded, Raises(method, error)]

        async def run(self) -> None: ...

    async with running_app(Work) as app:
        outcome = await app.connect().outcome("work")

    assert isinstance(outcome.error, TypedError)
    assert outcome.error.message == "Internal error"
    assert recorded.steps == steps


class BrokenStore:
    """A session store that raises."""

    def __init__(self, method: str, error: BaseException) -> None:
        self._method = method
        self._error = error

    async def open(self, connection: Connection) -> Session:
        if self._method == "open":
            raise self._error
        session = connection.session
        if session is None:
            from actionhero import Session  # noqa: PLC0415

            session = Session()
        return session

    async def save(self, connection: Connection, session: Session) -> None:
        raise self._error


@pytest.mark.parametrize("error", FAILURES)
@pytest.mark.parametrize("method", ["open", "save"])
async def test_every_exception_of_a_session_store_is_an_outcome(
    error: BaseException, method: str
) -> None:
    """Without its session, no result is valid."""

    class SignIn(Action):
        name = "sign:in"

        async def run(self, call: Call) -> None:
            call.session["user"] = 1

    async with running_app(SignIn) as app:
        store: Any = BrokenStore(method, error)
        app.app.pipeline.session_store = store
        outcome = await app.connect().outcome("sign:in")

    assert isinstance(outcome.error, TypedError)


async def test_an_error_whose_text_cannot_be_read_is_an_outcome() -> None:
    """Its `__str__` raises."""

    class Untranslatable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    async with running_app(raising(Untranslatable(), streams=False)) as app:
        app.app.pipeline.show_tracebacks = True
        outcome = await app.connect().outcome("work")

    assert isinstance(outcome.error, TypedError)


async def test_a_failing_translation_is_an_outcome() -> None:
    """A translation is code of a plugin."""
    async with running_app(raising(KeyError("x"), streams=False)) as app:
        app.app.pipeline.translate(KeyError, lambda error: error.missing)
        outcome = await app.connect().outcome("work")

    assert isinstance(outcome.error, TypedError)


class _Part(Initializer):
    async def stop(self, app: Application) -> None:
        STOPPED.append(self.name)


STOPPED: list[str] = []


@pytest.mark.parametrize("error", [PANIC, BaseExceptionGroup("several", [PANIC]), SystemExit(3)])
async def test_a_failing_stop_of_an_initializer_does_not_prevent_the_others(
    error: BaseException,
) -> None:
    """The failure is reported at the end."""
    STOPPED.clear()

    class First(_Part):
        name = "first"

    class Second(_Part):
        name = "second"
        after = ("first",)

        async def stop(self, app: Application) -> None:
            raise error

    with pytest.raises(LifecycleError, match=r"initializer 'second' .* failed to stop"):
        async with running_app(First, Second):
            pass

    assert STOPPED == ["first"]


async def test_a_panic_at_the_start_is_an_error_of_the_initializer() -> None:
    """The others are stopped."""
    STOPPED.clear()

    class First(_Part):
        name = "first"

    class Second(_Part):
        name = "second"
        after = ("first",)

        async def start(self, app: Application) -> None:
            raise PANIC

    with pytest.raises(LifecycleError, match=r"initializer 'second' .* failed to start"):
        async with running_app(First, Second):
            pass

    assert STOPPED == ["second", "first"]


@pytest.mark.parametrize("error", [PANIC, asyncio.CancelledError()])
async def test_a_failing_health_check_is_unhealthy(error: BaseException) -> None:
    """With any exception."""

    class Pool(Initializer):
        name = "pool"

        async def check(self) -> None:
            raise error

    async with running_app(Pool) as app:
        status = await app.call("status")

    assert status["healthy"] is False


PROGRAM = """
import asyncio, sys
from actionhero import Action, Call, Initializer, RunMode
from actionhero.app import App
from actionhero.connection import Connection
from actionhero.inputs.payloads import EMPTY_PAYLOAD
from actionhero.plugins.hookspecs import hookimpl
from actionhero.process import serve
from actionhero.settings.sources import read_sources
import pathlib

def call_soon(error):
    def raises():
        raise error
    asyncio.get_running_loop().call_soon(raises)

class Interrupts(Action):
    name = "interrupts"
    async def run(self, call: Call) -> None:
        raise ERROR

class Slow(Action):
    name = "slow"
    async def run(self, call: Call) -> str:
        await asyncio.sleep(0.2)
        return "finished"

class Caller(Initializer):
    name = "caller"
    async def start(self, app):
        self.task = asyncio.create_task(self.call(app))
    async def call(self, app):
        slow = asyncio.create_task(app.pipeline.execute(Connection("x"), "slow", EMPTY_PAYLOAD))
        await asyncio.sleep(0)
        RAISE
        print((await slow).value)
    async def stop(self, app):
        await self.task
        print("stopped")

class Plugin:
    @hookimpl
    def actionhero_actions(self):
        return [Interrupts, Slow]
    @hookimpl
    def actionhero_initializers(self):
        return [Caller()]

app = App.from_plugins([Plugin()], read_sources(pathlib.Path(sys.argv[1]), environ={}))
print("exit", serve(app))
"""

OF_AN_ACTION = """outcome = await app.pipeline.execute(
            Connection("x"), "interrupts", EMPTY_PAYLOAD)
        print(outcome.error.message)"""


@pytest.mark.parametrize(
    ("error", "raises", "printed"),
    [
        ("KeyboardInterrupt()", OF_AN_ACTION, "Internal error\n"),
        ("BaseExceptionGroup('two', [KeyboardInterrupt()])", OF_AN_ACTION, "Internal error\n"),
        ("None", "call_soon(KeyboardInterrupt())", ""),
        ("None", "call_soon(SystemExit(3))", ""),
    ],
)
def test_an_interrupt_leads_to_an_orderly_shutdown(
    tmp_path: Path, error: str, raises: str, printed: str
) -> None:
    """Open calls finish, initializers stop, and the exit code is 0."""
    program = PROGRAM.replace("ERROR", error).replace("RAISE", raises)

    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert done.stdout == f"{printed}finished\nstopped\nexit 0\n", done.stderr


async def test_a_coroutine_that_is_closed_does_not_wait() -> None:
    """Then `GeneratorExit` is no error of the call; it comes from outside of its context."""
    recorded = Recorded()

    class Waits(Action):
        name = "waits"

        async def run(self) -> None:
            await asyncio.Event().wait()

    async with running_app(recorded, Waits) as app:
        # `close` of a coroutine raises `GeneratorExit` in it.
        pipeline: Any = app.app.pipeline
        coroutine = pipeline.execute(Connection("test"), "waits", EMPTY_PAYLOAD, limit_seconds=0)
        copy_context().run(coroutine.send, None)
        coroutine.close()

    assert recorded.steps == ["before"]
