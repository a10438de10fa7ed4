"""Actions that fail in every way there is."""

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

CLASSES: dict[str, type[TypedError]] = {
    kind.__name__: kind
    for kind in (
        ChannelRefused, Conflict, Forbidden, InvalidCredentials, InvalidInput, NotFound,
        RateLimited, ServiceUnavailable, Timeout,
    )
}  # fmt: skip


class KindInputs(Inputs):
    kind: str


class Fail(Action):
    """Fail with one type of error."""

    name = "fail"
    web = "GET /fail/{kind}"

    async def run(self, inputs: KindInputs) -> None:
        raise TypedError("it failed", type=ErrorType(inputs.kind))


class FailByClass(Action):
    """Fail with one class of error."""

    name = "fail:class"
    web = "GET /fail/class/{kind}"

    async def run(self, inputs: KindInputs) -> None:
        if inputs.kind == "SignInRequired":
            raise SignInRequired
        raise CLASSES[inputs.kind]("it failed")


class FailWithFacts(Action):
    """Fail with a key and a value."""

    name = "fail:facts"
    web = "GET /fail/facts"

    async def run(self) -> None:
        raise Conflict("taken", key="email", value="x" * 5000)


class FailForNow(Action):
    """Fail, and say when it makes sense to try again."""

    name = "fail:later"
    web = "GET /fail/later"

    async def run(self) -> None:
        raise ServiceUnavailable("later", retry_after_seconds=17)


class Crash(Action):
    """Raise what nobody foresaw."""

    name = "crash"
    web = "GET /crash"

    async def run(self) -> None:
        raise RuntimeError("SELECT token FROM users WHERE id = 7")


class Password(Inputs):
    password: Secret[str]


class CrashWithSecret(Action):
    """Raise an exception that tells a secret."""

    name = "crash:secret"
    web = "POST /crash"

    async def run(self, inputs: Password) -> None:
        raise RuntimeError(f"no such password: {inputs.password}")


class Slow(Action):
    """Take longer than it may."""

    name = "slow"
    web = "GET /slow"
    timeout = timedelta(milliseconds=20)

    async def run(self) -> None:
        await asyncio.Event().wait()
