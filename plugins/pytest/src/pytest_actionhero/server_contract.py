"""The contract suite for servers: calls with the outcome that every transport must return.

```python
from actionhero.testing import running_app
from pytest_actionhero import CallResult, ServerContract, TransportClient, contract_actions


class SmtpClient(TransportClient):
    async def call(self, action, inputs): ...
    async def call_with_token(self, action, inputs, token): ...
    async def call_and_disconnect(self, action, inputs, started): ...


class TestSmtp(ServerContract):
    @pytest.fixture
    async def transport(self):
        async with running_app(contract_actions, smtp_plugin, mode=RunMode.SERVER) as app:
            yield SmtpClient(app)
```

A transport whose clients send no credentials, such as a queue, inherits from `TransportContract`.

`contract_actions` is a plugin with the actions that the suite calls. To run the server in its own
process, start it with `ACTIONHERO_APP__PACKAGE=pytest_actionhero.contract_actions`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from actionhero import ErrorType, Problem
from actionhero.transport import ABSENT
from pytest_actionhero.contract_actions import INTERNAL_TEXT
from pytest_actionhero.identity_contract import IdentityContract
from pytest_actionhero.transport_client import CallFailure, CallResult, TransportClient

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: How long the suite waits for the server.
WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class Case:
    """One row of the table: a call and its expected result."""

    name: str
    action: str
    result: CallResult
    #: The expected entries of the journal, in order.
    journal: tuple[str, ...]
    inputs: Mapping[str, str] = field(default_factory=dict)
    #: Texts that the response must not contain.
    hidden: tuple[str, ...] = ()
    #: Valid inputs in place of `inputs`, for a transport that validates them first.
    valid_inputs: Mapping[str, str] | None = None


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
_CONFLICT = _failed("Ada exists already", ErrorType.CONFLICT, "name", "Ada")
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
        "secret input in a message of a validator",
        "contract:secret",
        _invalid(Problem("/password", "[redacted] is too common", "value_error")),
        (),
        {"password": "correct horse"},
        ("correct horse",),
    ),
    Case(
        "secret input in a message of the action",
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
        hidden=(INTERNAL_TEXT, "Traceback"),
    ),
    Case(
        "error in run",
        "contract:fails",
        _INTERNAL,
        ("before outer", "run", f"after outer: {_FAILED}"),
        hidden=(INTERNAL_TEXT, "Traceback"),
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
        hidden=(INTERNAL_TEXT, "Traceback"),
    ),
    Case(
        "undeclared data",
        "contract:filtered",
        CallResult({"greeting": "Hello, Ada!"}),
        ("before outer", "run", "after outer: value"),
        hidden=(INTERNAL_TEXT, "undeclared"),
    ),
    Case(
        "result of another type",
        "contract:misfit",
        _INTERNAL,
        ("before outer", "run", f"after outer: {_FAILED}"),
        hidden=(INTERNAL_TEXT,),
    ),
    Case(
        "refused before the validation",
        "contract:unauthorized",
        _failed("You are not on the list", ErrorType.FORBIDDEN),
        (),
        {"name": "A"},
        valid_inputs={"name": "Ada"},
    ),
    Case(
        "anonymous caller",
        "contract:guarded",
        _failed("Session not found", ErrorType.SESSION_NOT_FOUND),
        (),
        {"name": "A"},
        valid_inputs={"name": "Ada"},
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
        CallResult({"recovered": "yes"}),
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
class TransportContract:
    """The suite for a transport whose clients send no credentials; see `ServerContract`."""

    #: Whether a call is validated when it is accepted, and authorized when it runs, as in a queue.
    validates_before_authorization: ClassVar[bool] = False

    @pytest.fixture
    def transport(self) -> TransportClient:
        """Return a client of the tested server."""
        raise NotImplementedError(
            f"a subclass of {type(self).__bases__[0].__name__} defines the fixture 'transport'"
        )

    @pytest.fixture
    def journal(self, tmp_path: Path) -> Path:
        """Return the file in which the actions record their steps."""
        return tmp_path / "journal"

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
    async def test_calls_have_the_same_outcome_as_on_other_transports(
        self, transport: TransportClient, case: Case, journal: Path
    ) -> None:
        """Message, type, key, value and problems are those of all transports."""
        inputs = case.inputs
        if self.validates_before_authorization and case.valid_inputs is not None:
            inputs = case.valid_inputs
        result = await transport.call(case.action, {"journal": str(journal), **inputs})

        _expect("result", result, replace(case.result, text=result.text))
        _expect("journal", _entries(journal), case.journal)
        for hidden in case.hidden:
            if hidden in result.text:
                pytest.fail(f"the response contains {hidden!r}: {result.text!r}", pytrace=False)

    async def test_an_unknown_action_is_not_found(
        self, transport: TransportClient, journal: Path
    ) -> None:
        """Whether the transport looks up a name or a path."""
        result = await transport.call("contract:unknown", {"journal": str(journal)})

        failure = result.failure
        _expect("type", failure and failure.type, ErrorType.ACTION_NOT_FOUND.value)
        message = failure.message if failure else ""
        _expect("start of the message", message[:16], "Action not found")

    async def test_a_disconnect_cancels_the_call(
        self, transport: TransportClient, journal: Path
    ) -> None:
        """The action is cancelled, and `after` of its middleware runs."""

        async def started() -> None:
            await _wait_for(journal, "run")

        await transport.call_and_disconnect("contract:hangs", {"journal": str(journal)}, started)

        await _wait_for(journal, "after outer: cancelled")
        _expect("journal", _entries(journal), ("before outer", "run", "after outer: cancelled"))


@pytest.mark.asyncio
class ServerContract(TransportContract, IdentityContract):
    """Inherit from it in a class `Test…`, and define the fixture `transport`."""


async def _wait_for(journal: Path, entry: str) -> None:
    """Wait until the journal has `entry`."""
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            # Another process may write it, and files cannot be awaited.
            while entry not in _entries(journal):  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.005)
    except TimeoutError:
        pytest.fail(f"the journal has no {entry!r}: {_entries(journal)}", pytrace=False)


def _entries(journal: Path) -> tuple[str, ...]:
    return tuple(journal.read_text("utf-8").splitlines()) if journal.exists() else ()


def _expect(name: str, actual: Any, expected: Any) -> None:
    if actual != expected:
        pytest.fail(f"{name}:\n  expected {expected!r}\n  got      {actual!r}", pytrace=False)
