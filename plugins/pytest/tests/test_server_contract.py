"""The contract suite for servers, against transports that break it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import ErrorType, InvalidInput, Problem
from actionhero.testing import running_app
from actionhero.transport import ABSENT
from pytest_actionhero import (
    CallFailure,
    CallResult,
    ServerContract,
    TransportClient,
    contract_actions,
)
from pytest_actionhero.identity_contract import REFUSALS, Refusal
from pytest_actionhero.server_contract import CASES, Case

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path


def test_failures_of_documents_and_errors_are_equal() -> None:
    """The suite compares failures from any transport."""
    problem = Problem("/name", "too short", "string_too_short")
    error = InvalidInput("too short", key="name", value="A", problems=(problem,))
    document = {
        "error": {
            "message": "too short",
            "type": "CONNECTION_ACTION_PARAM_VALIDATION",
            "timestamp": 1,
            "key": "name",
            "value": "A",
            "errors": [{"pointer": "/name", "message": "too short", "type": "string_too_short"}],
        }
    }

    assert CallFailure.from_document(document) == CallFailure.from_error(error)
    assert CallFailure.from_document({"error": {"message": "x", "type": "y"}}).value is ABSENT


class ConstantTransport(TransportClient):
    """A transport with the same response to every call."""

    async def call(self, action: str, inputs: Mapping[str, str]) -> CallResult:
        return CallResult(failure=CallFailure("No", ErrorType.ACTION_RUN.value), text="No")

    async def call_with_token(
        self, action: str, inputs: Mapping[str, str], token: str
    ) -> CallResult:
        return await self.call(action, inputs)

    async def call_and_disconnect(
        self, action: str, inputs: Mapping[str, str], started: Callable[[], Awaitable[None]]
    ) -> None: ...


class TestConstantTransport(ServerContract):
    """Each test of the suite fails for an incorrect transport, with the reason."""

    @pytest.fixture
    async def transport(self) -> AsyncIterator[TransportClient]:
        async with running_app(contract_actions):
            yield ConstantTransport()

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    async def test_calls_have_the_same_outcome_as_on_other_transports(
        self, transport: TransportClient, case: Case, journal: Path
    ) -> None:
        with pytest.raises(pytest.fail.Exception, match=r"result:\n  expected|journal:"):
            await super().test_calls_have_the_same_outcome_as_on_other_transports(
                transport, case, journal
            )

    async def test_an_unknown_action_is_not_found(
        self, transport: TransportClient, journal: Path
    ) -> None:
        with pytest.raises(pytest.fail.Exception, match=r"type:\n  expected 'CONN"):
            await super().test_an_unknown_action_is_not_found(transport, journal)

    @pytest.mark.parametrize("refusal", REFUSALS, ids=lambda row: row.name)
    async def test_a_caller_is_refused_before_the_inputs_are_read(
        self, transport: TransportClient, refusal: Refusal, journal: Path
    ) -> None:
        with pytest.raises(pytest.fail.Exception, match=r"message:\n  expected"):
            await super().test_a_caller_is_refused_before_the_inputs_are_read(
                transport, refusal, journal
            )

    async def test_credentials_identify_the_principal(
        self, transport: TransportClient, journal: Path
    ) -> None:
        with pytest.raises(pytest.fail.Exception, match=r"principals:\n  expected"):
            await super().test_credentials_identify_the_principal(transport, journal)

    async def test_a_principal_with_the_scope_is_authorized(
        self, transport: TransportClient, journal: Path
    ) -> None:
        with pytest.raises(pytest.fail.Exception, match=r"value:\n  expected"):
            await super().test_a_principal_with_the_scope_is_authorized(transport, journal)

    @pytest.fixture(autouse=True)
    def no_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pytest_actionhero.server_contract.WAIT_SECONDS", 0.0)

    async def test_a_disconnect_cancels_the_call(
        self, transport: TransportClient, journal: Path
    ) -> None:
        with pytest.raises(pytest.fail.Exception, match="has no 'after outer: cancelled'"):
            await super().test_a_disconnect_cancels_the_call(transport, journal)


async def test_a_secret_in_the_response_fails_the_suite() -> None:
    """The failure is correct, but the text of the response contains the secret."""

    class LeakingTransport(ConstantTransport):
        async def call(self, action: str, inputs: Mapping[str, str]) -> CallResult:
            async with running_app(contract_actions) as app:
                outcome = await app.connect().outcome(action, **inputs)
            assert outcome.error is not None
            return CallResult(failure=CallFailure.from_error(outcome.error), text=str(inputs))

    case = next(case for case in CASES if case.hidden == ("hunter2",))

    class EmptyJournal:
        def exists(self) -> bool:
            return False

        def __str__(self) -> str:
            return "nowhere"

    journal: Any = EmptyJournal()
    with pytest.raises(pytest.fail.Exception, match="the response contains 'hunter2'"):
        await ServerContract().test_calls_have_the_same_outcome_as_on_other_transports(
            LeakingTransport(), case, journal
        )


@pytest.mark.parametrize(
    ("leak", "message"),
    [("text", "the response contains the token"), ("challenge", "has no error=")],
)
async def test_a_wrong_refusal_fails_the_suite(leak: str, message: str, tmp_path: Path) -> None:
    """The response has the token, or no challenge."""

    class WrongTransport(ConstantTransport):
        async def call_with_token(
            self, action: str, inputs: Mapping[str, str], token: str
        ) -> CallResult:
            failure = CallFailure(REFUSALS[0].message, REFUSALS[0].type.value)
            return CallResult(failure=failure, text=token if leak == "text" else "")

    with pytest.raises(pytest.fail.Exception, match=message):
        await ServerContract().test_a_caller_is_refused_before_the_inputs_are_read(
            WrongTransport(), REFUSALS[0], tmp_path / "journal"
        )


async def test_a_client_without_credentials_fails_with_a_hint() -> None:
    """It names the suite for such transports."""
    client = ConstantTransport()
    with pytest.raises(NotImplementedError, match="or inherit from TransportContract"):
        await TransportClient.call_with_token(client, "contract:ok", {}, "token")


def test_a_suite_without_the_fixture_fails_with_a_hint(tmp_path: Path) -> None:
    """The error names the fixture that a subclass defines."""
    suite = tmp_path / "test_suite.py"
    suite.write_text(
        "from pytest_actionhero import ServerContract\nclass TestIt(ServerContract): pass\n"
    )

    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", suite],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "a subclass of ServerContract defines the fixture 'transport'" in process.stdout
