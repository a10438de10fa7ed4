"""Actions that fail, with every error type and class."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from actionhero import Action, ErrorType, Inputs, Secret, TypedError
from actionhero.errors import (
    ChannelRefused,
    Conflict,
    Forbidden,
    InvalidCredentials,
    InvalidInput,
    NotFound,
    RateLimited,
    ServiceUnavailable,
    SignInRequired,
    Timeout,
)
from actionhero_web import Route

CLASSES: dict[str, type[TypedError]] = {
    error_class.__name__: error_class
    for error_class in (
        ChannelRefused, Conflict, Forbidden, InvalidCredentials, InvalidInput, NotFound,
        RateLimited, ServiceUnavailable, Timeout,
    )
}  # fmt: skip


class Panic(BaseException):
    """As raised by a library in Rust."""


BASE_EXCEPTIONS: dict[str, type[BaseException]] = {
    error_class.__name__: error_class
    for error_class in (
        Panic, GeneratorExit, SystemExit, StopIteration, StopAsyncIteration, asyncio.CancelledError,
    )
}  # fmt: skip


class FailInputs(Inputs):
    error: str


class Fail(Action):
    """Raise an error of a given type."""

    name = "fail"
    web = "GET /fail/{error}"

    async def run(self, inputs: FailInputs) -> None:
        raise TypedError("it failed", type=ErrorType(inputs.error))


class FailByClass(Action):
    """Raise an error of a given class."""

    name = "fail:class"
    web = "GET /fail/class/{error}"

    async def run(self, inputs: FailInputs) -> None:
        if inputs.error == "SignInRequired":
            raise SignInRequired
        raise CLASSES[inputs.error]("it failed")


class FailWithValue(Action):
    """Raise an error with a key and a value."""

    name = "fail:value"
    web = "GET /fail/value"

    async def run(self) -> None:
        raise Conflict("taken", key="email", value="x" * 5000)


class FailWithRetryAfter(Action):
    """Raise an error with the time of a retry."""

    name = "fail:later"
    web = "GET /fail/later"

    async def run(self) -> None:
        raise ServiceUnavailable("later", retry_after_seconds=17)


class Crash(Action):
    """Raise an unexpected exception."""

    name = "crash"
    web = "GET /crash"

    async def run(self) -> None:
        raise RuntimeError("SELECT token FROM users WHERE id = 7")


class Name(Inputs):
    name: str


class RaiseInRun(Action):
    """Raise an exception outside of `Exception`."""

    name = "raise:run"
    web = "GET /raise/run"

    async def run(self, inputs: Name) -> None:
        raise BASE_EXCEPTIONS[inputs.name]("out of bounds")


def raising_status(name: str) -> int:
    raise BASE_EXCEPTIONS[name]("out of bounds")


class CancelItself(Action):
    """Cancel the task in which the action runs."""

    name = "cancel"
    web = "GET /cancel"

    async def run(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)


class RaiseInStatus(Action):
    """Raise an exception in the function for the status."""

    name = "raise:status"
    web = Route.get("/raise/status", status=raising_status)

    async def run(self, inputs: Name) -> str:
        return inputs.name


class Password(Inputs):
    password: Secret[str]


class CrashWithSecret(Action):
    """Raise an exception whose message contains a secret."""

    name = "crash:secret"
    web = "POST /crash"

    async def run(self, inputs: Password) -> None:
        raise RuntimeError(f"no such password: {inputs.password}")


class Slow(Action):
    """Exceed the timeout."""

    name = "slow"
    web = "GET /slow"
    timeout = timedelta(milliseconds=20)

    async def run(self) -> None:
        await asyncio.Event().wait()
