"""A suite for authors of servers: what every door has to make of a call.

```python
from actionhero.testing import CallResult, TransportClient, ServerContract, contract_actions


class CarrierPigeons(TransportClient):
    async def call(self, action, inputs): ...
    async def call_and_disconnect(self, action, inputs, begun): ...


class TestCarrierPigeons(ServerContract):
    @pytest.fixture
    async def door(self):
        async with running_app(contract_actions, pigeons, mode=RunMode.SERVER) as app:
            yield CarrierPigeons(app)
```

`contract_actions` is a plugin with the actions that the suite calls. For a door in a process of
its own, start that with `ACTIONHERO_APP__PACKAGE=pytest_actionhero.contract_actions`.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import ErrorType, Problem
from actionhero.transport import ABSENT
from pytest_actionhero.contract_actions import INSIDES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from actionhero import TypedError

#: How long the suite waits for what happens on the other side of a door.
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class CallFailure:
    """Why there is no value, whichever way a door tells it."""

    message: str
    type: str
    key: str | None = None
    #: What was given for `key`, or `ABSENT`.
    value: Any = ABSENT
    problems: tuple[Problem, ...] = ()

    @classmethod
    def from_error(cls, error: TypedError) -> CallFailure:
        """Return what a door of the same process knows."""
        return cls(error.message, error.type.value, error.key, error.value, error.problems)

    @classmethod
    def from_envelope(cls, document: Mapping[str, Any]) -> CallFailure:
        """Return what stands in the JSON document `{"error": {...}}`."""
        error = document["error"]
        return cls(
            error["message"],
            error["type"],
            error.get("key"),
            error.get("value", ABSENT),
            tuple(
                Problem(problem["pointer"], problem["message"], problem["type"])
                for problem in error.get("errors", ())
            ),
        )


@dataclass(frozen=True)
class CallResult:
    """What a caller got: a value or a failure."""

    value: Any = None
    failure: CallFailure | None = None
    #: All that the caller received, as text. The suite looks in it for what must not be there.
    text: str = field(default="", compare=False)


class TransportClient(ABC):
    """Somebody who calls through a door. Write one for your server."""

    @abstractmethod
    async def call(self, action: str, inputs: Mapping[str, str]) -> CallResult:
        """Call `action`, and return what came back. All inputs of the suite are text."""

    @abstractmethod
    async def call_and_disconnect(
        self, action: str, inputs: Mapping[str, str], begun: Callable[[], Awaitable[None]]
    ) -> None:
        """Call `action`, await `begun()`, and go away without waiting for an answer.

        Hang up, close the window, press Ctrl-C: whatever leaving means at this door.
        """


@dataclass(frozen=True)
class Case:
    """One row of the table: what is called, and what has to come of it."""

    name: str
    action: str
    answer: CallResult
    #: What the journal has to say: which steps were taken, in which order.
    notes: tuple[str, ...]
    inputs: Mapping[str, str] = field(default_factory=dict)
    #: What must not be found in anything that the caller received.
    hidden: tuple[str, ...] = ()


def _failed(
    message: str, type_: ErrorType, key: str | None = None, value: Any = ABSENT
) -> CallResult:
    return CallResult(failure=CallFailure(message, type_.value, key, value))


def _invalid(*problems: Problem, value: Any = ABSENT) -> CallResult:
    first = problems[0]
    key = first.pointer.removeprefix("/")
    failure = CallFailure(first.message, ErrorType.PARAM_REQUIRED.value, key, value, problems)
    return CallResult(failure=failure)


_TOO_SHORT = Problem("/name", "String should have at least 2 characters", "string_too_short")
_INTERNAL = _failed("Internal error", ErrorType.ACTION_RUN)
_CONFLICT = _failed("Ada is here already", ErrorType.CONFLICT, "name", "Ada")
_FAILED = ErrorType.ACTION_RUN.value
_CONFLICTED = ErrorType.CONFLICT.value

CASES = (
    Case(
        "ok",
        "contract:ok",
        CallResult({"greeting": "Hello, Grace!"}),
        ("before outer", "before inner", "run", "after inner: value", "after outer: value"),
        {"name": "Grace"},
    ),
    Case("invalid input", "contract:ok", _invalid(_TOO_SHORT, value="A"), (), {"name": "A"}),
    Case(
        "several invalid inputs",
        "contract:several",
        _invalid(
            _TOO_SHORT,
            Problem(
                "/color", "String should match pattern '^(red|blue)$'", "string_pattern_mismatch"
            ),
            Problem("/word", "Missing required param: word", "missing"),
            value="A",
        ),
        (),
        {"color": "green", "name": "A"},
    ),
    Case(
        "secret invalid input",
        "contract:secret",
        _invalid(
            Problem("/password", "String should have at least 8 characters", "string_too_short")
        ),
        (),
        {"password": "hunter2"},
        ("hunter2",),
    ),
    Case(
        "secret input in the words of a validator",
        "contract:secret",
        _invalid(Problem("/password", "[redacted] is too common", "value_error")),
        (),
        {"password": "correct horse"},
        ("correct horse",),
    ),
    Case(
        "secret input in the words of the action",
        "contract:secret",
        _failed("[redacted] is taken", ErrorType.CONFLICT, "password"),
        ("before outer", "run", f"after outer: {_CONFLICTED}"),
        {"password": "battery staple"},
        ("battery staple",),
    ),
    Case(
        "refused by middleware",
        "contract:refused",
        _failed("You are not on the list", ErrorType.FORBIDDEN),
        (
            "before outer",
            "before refusing",
            f"after refusing: {ErrorType.FORBIDDEN.value}",
            f"after outer: {ErrorType.FORBIDDEN.value}",
        ),
    ),
    Case(
        "error in before",
        "contract:fails-before",
        _INTERNAL,
        ("before outer", "before broken", f"after broken: {_FAILED}", f"after outer: {_FAILED}"),
        hidden=(INSIDES, "Traceback"),
    ),
    Case(
        "error in run",
        "contract:fails",
        _INTERNAL,
        ("before outer", "run", f"after outer: {_FAILED}"),
        hidden=(INSIDES, "Traceback"),
    ),
    Case(
        "refusal in run",
        "contract:refuses",
        _CONFLICT,
        ("before outer", "run", f"after outer: {_CONFLICTED}"),
    ),
    Case(
        "error in after",
        "contract:fails-after",
        _INTERNAL,
        ("before outer", "before broken", "run", "after broken: value", f"after outer: {_FAILED}"),
        hidden=(INSIDES, "Traceback"),
    ),
    Case(
        "timeout",
        "contract:timeout",
        _failed("Action 'contract:timeout' timed out after 50ms", ErrorType.ACTION_TIMEOUT),
        ("before outer", "run", f"after outer: {ErrorType.ACTION_TIMEOUT.value}"),
    ),
    Case(
        "value replaced",
        "contract:value-replaced",
        CallResult({"greeting": "Good night!"}),
        ("before outer", "before replacing", "run", "after replacing: value", "after outer: value"),
    ),
    Case(
        "value turned into an error",
        "contract:value-refused",
        _failed("Too late", ErrorType.CONFLICT),
        (
            "before outer",
            "before replacing",
            "run",
            "after replacing: value",
            f"after outer: {_CONFLICTED}",
        ),
    ),
    Case(
        "error replaced",
        "contract:error-replaced",
        CallResult({"saved": True}),
        (
            "before outer",
            "before replacing",
            "run",
            f"after replacing: {_CONFLICTED}",
            "after outer: value",
        ),
    ),
    Case(
        "nested call",
        "contract:nested",
        CallResult({"inside": {"greeting": "Hello, Ada!"}}),
        (
            "before around",
            "before outer",
            "before inner",
            "run",
            "after inner: value",
            "after outer: value",
            "after around: value",
        ),
    ),
    Case(
        "failing nested call",
        "contract:nested-fails",
        _CONFLICT,
        (
            "before around",
            "before outer",
            "run",
            f"after outer: {_CONFLICTED}",
            f"after around: {_CONFLICTED}",
        ),
    ),
)


@pytest.mark.asyncio
class ServerContract:
    """Inherit from it in a class whose name begins with `Test`, and give the fixture `door`."""

    @pytest.fixture
    def door(self) -> TransportClient:
        """Give somebody who calls through the door that is tested."""
        raise NotImplementedError("a suite that inherits ServerContract gives a fixture 'door'")

    @pytest.fixture
    def journal(self, tmp_path: Path) -> Path:
        """Give the file in which the actions note what happens."""
        return tmp_path / "journal"

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
    async def test_every_door_makes_the_same_of_a_call(
        self, door: TransportClient, case: Case, journal: Path
    ) -> None:
        """Message, type, key, value and problems are those of every other door."""
        answer = await door.call(case.action, {"journal": str(journal), **case.inputs})

        _expect("answer", answer, replace(case.answer, text=answer.text))
        _expect("journal", _notes(journal), case.notes)
        for hidden in case.hidden:
            if hidden in answer.text:
                pytest.fail(f"the caller can read {hidden!r} in {answer.text!r}", pytrace=False)

    async def test_an_unknown_action_is_told_as_that(
        self, door: TransportClient, journal: Path
    ) -> None:
        """Whether a door looks for a name or for a path, nobody is there."""
        answer = await door.call("contract:unknown", {"journal": str(journal)})

        failure = answer.failure
        _expect("type", failure and failure.type, ErrorType.ACTION_NOT_FOUND.value)
        message = failure.message if failure else ""
        _expect("beginning of the message", message[:16], "Action not found")

    async def test_whoever_leaves_ends_the_call(self, door: TransportClient, journal: Path) -> None:
        """The action is cancelled, and what was begun around it is undone."""

        async def begun() -> None:
            await _noted(journal, "run")

        await door.call_and_disconnect("contract:hangs", {"journal": str(journal)}, begun)

        await _noted(journal, "after outer: cancelled")
        _expect("journal", _notes(journal), ("before outer", "run", "after outer: cancelled"))


async def _noted(journal: Path, note: str) -> None:
    """Wait until the journal has `note`."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            # It may be written by another process, and files cannot be awaited.
            while note not in _notes(journal):  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.005)
    except TimeoutError:
        pytest.fail(f"the journal has no {note!r}: {_notes(journal)}", pytrace=False)


def _notes(journal: Path) -> tuple[str, ...]:
    return tuple(journal.read_text("utf-8").splitlines()) if journal.exists() else ()


def _expect(what: str, got: Any, expected: Any) -> None:
    if got != expected:
        pytest.fail(f"{what}:\n  expected {expected!r}\n  and got  {got!r}", pytrace=False)
