"""The actions of the contract suite for servers, as a plugin or as an application package.

Each action records its steps in a file, the journal, so that a test can read them in another
process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence  # noqa: TC003 - annotations may be resolved at run time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel

from actionhero import (
    Action,
    Authenticator,
    Call,
    Conflict,
    Field,
    Forbidden,
    Inputs,
    Middleware,
    Outcome,
    Scope,
    Secret,
    hookimpl,
)
from pytest_actionhero.contract_tokens import SCOPE, ContractTokens

if TYPE_CHECKING:
    from collections.abc import Callable

#: The text of unexpected errors, which clients must not see.
INTERNAL_TEXT = "internal text of the contract"


class JournalInputs(Inputs):
    """The inputs of all actions."""

    journal: str = Field(description="The file of the journal.")
    name: str = Field(default="Ada", min_length=2, description="A name.")


def record(inputs: Any, text: str) -> None:
    """Append a line to the journal in `inputs`."""
    with Path(inputs.journal).open("a", encoding="utf-8") as journal:
        journal.write(f"{text}\n")


class Recorder(Middleware):
    """Records `before` and `after`, and calls the functions that it was created with.

    Args:
        name: Its name in the journal.
        before: Called in `before`.
        after: Called in `after`; an outcome that it returns replaces the outcome.
    """

    def __init__(
        self,
        name: str,
        *,
        before: Callable[[], None] = lambda: None,
        after: Callable[[Outcome], Outcome | None] = lambda outcome: None,
    ) -> None:
        self._name = name
        self._before = before
        self._after = after

    async def before(self, call: Call) -> None:
        """Record the call."""
        record(call.inputs, f"before {self._name}")
        self._before()

    async def after(self, call: Call, outcome: Outcome) -> Outcome | None:
        """Record the outcome."""
        error = outcome.error
        kind = "cancelled" if outcome.cancelled else "value" if error is None else error.type.value
        record(call.inputs, f"after {self._name}: {kind}")
        return self._after(outcome)


def _refuse() -> None:
    raise Forbidden("You are not on the list")


def _fail(*_: Any) -> None:
    raise RuntimeError(INTERNAL_TEXT)


class _Greets(Action):
    async def run(self, inputs: JournalInputs, call: Call) -> dict[str, str]:
        record(inputs, "run")
        return {"greeting": f"Hello, {inputs.name}!"}


class _Refuses(Action):
    async def run(self, inputs: JournalInputs, call: Call) -> dict[str, str]:
        record(inputs, "run")
        raise Conflict(f"{inputs.name} exists already", key="name", value=inputs.name)


class Ok(_Greets):
    """Return a greeting."""

    name = "contract:ok"
    web = "POST /contract/ok"
    middleware = [Recorder("outer"), Recorder("inner")]


class Greeting(BaseModel):
    """The declared result."""

    greeting: str


class StoredGreeting(Greeting):
    """A result with data that is not declared."""

    undeclared: str


class Filtered(Action):
    """Return an instance of a subclass of the declared type."""

    name = "contract:filtered"
    web = "POST /contract/filtered"
    middleware = [Recorder("outer")]

    async def run(self, inputs: JournalInputs, call: Call) -> Greeting:
        """Return undeclared data."""
        record(inputs, "run")
        return StoredGreeting(greeting=f"Hello, {inputs.name}!", undeclared=INTERNAL_TEXT)


class Misfits(Action):
    """Return a result of another type."""

    name = "contract:misfit"
    web = "POST /contract/misfit"
    middleware = [Recorder("outer")]

    async def run(self, inputs: JournalInputs, call: Call) -> Greeting:
        """Return a value that does not match the annotation."""
        record(inputs, "run")
        return Greeting.model_construct(greeting=[INTERNAL_TEXT])


class StrangersRefused(Middleware):
    """Refuses every caller before the validation."""

    async def authorize(self, call: Call) -> None:
        """Refuse the call.

        Raises:
            Forbidden: Always.
        """
        _refuse()


class Unauthorized(Action):
    """Refuse callers before their inputs are validated."""

    name = "contract:unauthorized"
    web = "POST /contract/unauthorized"
    middleware = [Recorder("outer"), StrangersRefused()]

    async def run(self, inputs: JournalInputs, call: Call) -> None:
        """Never called."""
        record(inputs, "run")


class Guarded(_Greets):
    """Return a greeting to callers with a scope."""

    name = "contract:guarded"
    web = "POST /contract/guarded"
    requires = Scope(SCOPE)


class Identity(Action):
    """Return the caller."""

    name = "contract:identity"
    web = "POST /contract/identity"

    async def run(self, inputs: JournalInputs, call: Call) -> dict[str, Any]:
        """Return the principal."""
        principal = call.principal
        return {
            "user": principal.user,
            "scopes": sorted(principal.scopes or ()),
            "method": principal.method,
        }


class SeveralInputs(JournalInputs):
    """Inputs with several constraints."""

    color: str = Field(pattern="^(red|blue)$", description="One of two colors.")
    word: str = Field(description="Any word.")


class Several(Action):
    """Validate several inputs."""

    name = "contract:several"
    web = "POST /contract/several"
    middleware = [Recorder("outer")]

    async def run(self, inputs: SeveralInputs, call: Call) -> None:
        """Record the run."""
        record(inputs, "run")


def _not_common(password: str) -> str:
    if password == "correct horse":  # noqa: S105 - a test value
        raise ValueError(f"{password} is too common")
    return password


class SecretInputs(JournalInputs):
    """Inputs with a secret."""

    password: Secret[Annotated[str, Field(min_length=8), AfterValidator(_not_common)]]


class TakesSecret(Action):
    """Validate a password."""

    name = "contract:secret"
    web = "POST /contract/secret"
    middleware = [Recorder("outer")]

    async def run(self, inputs: SecretInputs, call: Call) -> None:
        """Fail with the password in the message."""
        record(inputs, "run")
        raise Conflict(f"{inputs.password} is taken", key="password", value=inputs.password)


class Refused(_Greets):
    """Refused by middleware."""

    name = "contract:refused"
    web = "POST /contract/refused"
    middleware = [Recorder("outer"), Recorder("refusing", before=_refuse), Recorder("inner")]


class FailsBefore(_Greets):
    """Fail in `before`."""

    name = "contract:fails-before"
    web = "POST /contract/fails-before"
    middleware = [Recorder("outer"), Recorder("broken", before=_fail), Recorder("inner")]


class FailsInRun(Action):
    """Fail in `run`."""

    name = "contract:fails"
    web = "POST /contract/fails"
    middleware = [Recorder("outer")]

    async def run(self, inputs: JournalInputs, call: Call) -> None:
        """Fail with an unexpected error."""
        record(inputs, "run")
        _fail()


class RefusesInRun(_Refuses):
    """Raise a typed error in `run`."""

    name = "contract:refuses"
    web = "POST /contract/refuses"
    middleware = [Recorder("outer")]


class FailsAfter(_Greets):
    """Fail in `after`."""

    name = "contract:fails-after"
    web = "POST /contract/fails-after"
    middleware = [Recorder("outer"), Recorder("broken", after=_fail)]


class _Waits(Action):
    async def run(self, inputs: JournalInputs, call: Call) -> None:
        record(inputs, "run")
        await asyncio.Event().wait()


class TimesOut(_Waits):
    """Exceed the time limit."""

    name = "contract:timeout"
    web = "POST /contract/timeout"
    middleware = [Recorder("outer")]
    timeout = timedelta(milliseconds=50)


class Hangs(_Waits):
    """Wait for a disconnect."""

    name = "contract:hangs"
    web = "POST /contract/hangs"
    middleware = [Recorder("outer")]


class ValueReplaced(_Greets):
    """The value is replaced by middleware."""

    name = "contract:value-replaced"
    web = "POST /contract/value-replaced"
    middleware = [
        Recorder("outer"),
        Recorder("replacing", after=lambda outcome: Outcome({"greeting": "Good night!"})),
    ]


class ErrorReplaced(_Refuses):
    """The error is replaced by a value."""

    name = "contract:error-replaced"
    web = "POST /contract/error-replaced"
    middleware = [
        Recorder("outer"),
        Recorder("replacing", after=lambda outcome: Outcome({"recovered": "yes"})),
    ]


class ValueRefused(_Greets):
    """The value is replaced by an error."""

    name = "contract:value-refused"
    web = "POST /contract/value-refused"
    middleware = [
        Recorder("outer"),
        Recorder("replacing", after=lambda outcome: Outcome(error=Conflict("Too late"))),
    ]


class Nested(Action):
    """Call another action, and return its result."""

    name = "contract:nested"
    web = "POST /contract/nested"
    middleware = [Recorder("around")]

    async def run(self, inputs: JournalInputs, call: Call) -> dict[str, Any]:
        """Return the result of the other action."""
        return {"inside": await call.run(Ok, inputs)}


class NestedFails(Action):
    """Call another action that fails."""

    name = "contract:nested-fails"
    web = "POST /contract/nested-fails"
    middleware = [Recorder("around")]

    async def run(self, inputs: JournalInputs, call: Call) -> dict[str, Any]:
        """Fail with the error of the other action."""
        return {"inside": await call.run(RefusesInRun, inputs)}


@hookimpl
def actionhero_authenticators() -> Sequence[Authenticator]:
    return [ContractTokens()]


@hookimpl
def actionhero_actions() -> Sequence[type[Action]]:
    return [
        Ok,
        Filtered,
        Misfits,
        Unauthorized,
        Guarded,
        Identity,
        Several,
        TakesSecret,
        Refused,
        FailsBefore,
        FailsInRun,
        RefusesInRun,
        FailsAfter,
        TimesOut,
        Hangs,
        ValueReplaced,
        ErrorReplaced,
        ValueRefused,
        Nested,
        NestedFails,
    ]
