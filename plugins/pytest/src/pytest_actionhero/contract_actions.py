"""The actions of the contract for servers: a plugin, or an application to start by its name.

Each notes what happens to it in a file that an input names, so that a test can see what ran, also
in another process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence  # noqa: TC003 - annotations here may be read at run time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator

from actionhero import (
    Action,
    Call,
    Conflict,
    Field,
    Forbidden,
    Inputs,
    Middleware,
    Outcome,
    Secret,
    hookimpl,
)

if TYPE_CHECKING:
    from collections.abc import Callable

#: What only we know of a failure.
INSIDES = "the cellar of the contract is flooded"


class Noted(Inputs):
    """The inputs of every action here."""

    journal: str = Field(description="The file to note in.")
    name: str = Field(default="Ada", min_length=2, description="Somebody's name.")


def note(inputs: Any, text: str) -> None:
    """Add a line to the journal that `inputs` name."""
    with Path(inputs.journal).open("a", encoding="utf-8") as journal:
        journal.write(f"{text}\n")


class Noting(Middleware):
    """Notes the way in and the way out, and does what it was made with.

    Args:
        name: What it is called in the journal.
        before: Called on the way in.
        after: Called on the way out; what it returns takes the place of the outcome.
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
        """Note that the call came in."""
        note(call.inputs, f"before {self._name}")
        self._before()

    async def after(self, call: Call, outcome: Outcome) -> Outcome | None:
        """Note what came of the call."""
        error = outcome.error
        came = "cancelled" if outcome.cancelled else "value" if error is None else error.type.value
        note(call.inputs, f"after {self._name}: {came}")
        return self._after(outcome)


def _refuse() -> None:
    raise Forbidden("You are not on the list")


def _break_down(*_: Any) -> None:
    raise RuntimeError(INSIDES)


class _Greets(Action):
    async def run(self, inputs: Noted, call: Call) -> dict[str, str]:
        note(inputs, "run")
        return {"greeting": f"Hello, {inputs.name}!"}


class _Refuses(Action):
    async def run(self, inputs: Noted, call: Call) -> dict[str, str]:
        note(inputs, "run")
        raise Conflict(f"{inputs.name} is here already", key="name", value=inputs.name)


class Ok(_Greets):
    """Greet somebody."""

    name = "contract:ok"
    web = "POST /contract/ok"
    middleware = [Noting("outer"), Noting("inner")]


class SeveralInputs(Noted):
    """Inputs of which several may be wrong."""

    color: str = Field(pattern="^(red|blue)$", description="One of two colors.")
    word: str = Field(description="Any word.")


class Several(Action):
    """Take several inputs."""

    name = "contract:several"
    web = "POST /contract/several"
    middleware = [Noting("outer")]

    async def run(self, inputs: SeveralInputs, call: Call) -> None:
        """Note that it ran."""
        note(inputs, "run")


def _not_common(password: str) -> str:
    if password == "correct horse":  # noqa: S105 - of nobody
        raise ValueError(f"{password} is too common")
    return password


class SecretInputs(Noted):
    """Inputs of which one is secret."""

    password: Secret[Annotated[str, Field(min_length=8), AfterValidator(_not_common)]]


class TakesSecret(Action):
    """Take a password."""

    name = "contract:secret"
    web = "POST /contract/secret"
    middleware = [Noting("outer")]

    async def run(self, inputs: SecretInputs, call: Call) -> None:
        """Fail, and say the password aloud."""
        note(inputs, "run")
        raise Conflict(f"{inputs.password} is taken", key="password", value=inputs.password)


class Refused(_Greets):
    """Be refused by middleware."""

    name = "contract:refused"
    web = "POST /contract/refused"
    middleware = [Noting("outer"), Noting("refusing", before=_refuse), Noting("inner")]


class FailsBefore(_Greets):
    """Fail in `before`."""

    name = "contract:fails-before"
    web = "POST /contract/fails-before"
    middleware = [Noting("outer"), Noting("broken", before=_break_down), Noting("inner")]


class FailsInRun(Action):
    """Fail in `run`."""

    name = "contract:fails"
    web = "POST /contract/fails"
    middleware = [Noting("outer")]

    async def run(self, inputs: Noted, call: Call) -> None:
        """Fail as nobody foresaw."""
        note(inputs, "run")
        _break_down()


class RefusesInRun(_Refuses):
    """Refuse in `run`."""

    name = "contract:refuses"
    web = "POST /contract/refuses"
    middleware = [Noting("outer")]


class FailsAfter(_Greets):
    """Fail in `after`."""

    name = "contract:fails-after"
    web = "POST /contract/fails-after"
    middleware = [Noting("outer"), Noting("broken", after=_break_down)]


class _Waits(Action):
    async def run(self, inputs: Noted, call: Call) -> None:
        note(inputs, "run")
        await asyncio.Event().wait()


class TimesOut(_Waits):
    """Take longer than the limit."""

    name = "contract:timeout"
    web = "POST /contract/timeout"
    middleware = [Noting("outer")]
    timeout = timedelta(milliseconds=50)


class Hangs(_Waits):
    """Wait until the caller has left."""

    name = "contract:hangs"
    web = "POST /contract/hangs"
    middleware = [Noting("outer")]


class ValueReplaced(_Greets):
    """Have the value replaced."""

    name = "contract:value-replaced"
    web = "POST /contract/value-replaced"
    middleware = [
        Noting("outer"),
        Noting("replacing", after=lambda outcome: Outcome({"greeting": "Good night!"})),
    ]


class ErrorReplaced(_Refuses):
    """Have the error turned into a value."""

    name = "contract:error-replaced"
    web = "POST /contract/error-replaced"
    middleware = [
        Noting("outer"),
        Noting("replacing", after=lambda outcome: Outcome({"saved": True})),
    ]


class ValueRefused(_Greets):
    """Have the value turned into an error."""

    name = "contract:value-refused"
    web = "POST /contract/value-refused"
    middleware = [
        Noting("outer"),
        Noting("replacing", after=lambda outcome: Outcome(error=Conflict("Too late"))),
    ]


class Nested(Action):
    """Run another action, and wrap what it answers."""

    name = "contract:nested"
    web = "POST /contract/nested"
    middleware = [Noting("around")]

    async def run(self, inputs: Noted, call: Call) -> dict[str, Any]:
        """CallResult with what the other action answered."""
        return {"inside": await call.run(Ok, inputs)}


class NestedFails(Action):
    """Run another action that fails."""

    name = "contract:nested-fails"
    web = "POST /contract/nested-fails"
    middleware = [Noting("around")]

    async def run(self, inputs: Noted, call: Call) -> dict[str, Any]:
        """Fail with what the other action failed with."""
        return {"inside": await call.run(RefusesInRun, inputs)}


@hookimpl
def actionhero_actions() -> Sequence[type[Action]]:
    return [
        Ok,
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
