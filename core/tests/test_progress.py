"""Options of a transport for long calls: progress and another time limit."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Any

import pytest
from pydantic import SecretStr

from actionhero import Action, Call, Connection, Inputs, Secret, Timeout
from actionhero.inputs.payloads import EMPTY_PAYLOAD
from actionhero.inputs.schema import InputSchema
from actionhero.testing import running_app


class Long(Action):
    """Report progress, and wait a moment."""

    name = "long"
    timeout = timedelta(milliseconds=1)

    async def run(self, call: Call) -> str:
        call.progress(1)
        call.progress(2, 3)
        await asyncio.sleep(0.02)
        return "done"


class RecordingConnection(Connection):
    """A connection that records the progress."""

    def __init__(self) -> None:
        super().__init__("test")
        self.reports: list[tuple[float, float | None]] = []

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        self.reports.append((done, total))


async def test_progress_is_reported_to_the_connection() -> None:
    """Transports without progress ignore it."""
    async with running_app(Long) as app:
        execute = app.app.pipeline.execute
        connection = RecordingConnection()
        reported = await execute(connection, "long", EMPTY_PAYLOAD, limit_seconds=0)
        ignored = await execute(Connection("test"), "long", EMPTY_PAYLOAD, limit_seconds=30)

    assert reported.value == ignored.value == "done"
    assert connection.reports == [(1, None), (2, 3)]


@pytest.mark.parametrize("amount", [float("nan"), float("-inf"), 10**400, "half", None])
async def test_progress_is_a_finite_number(amount: Any) -> None:
    """Others are errors of the action, on every transport."""

    class Faulty(Action):
        """Report progress that is not a number."""

        name = "faulty"

        async def run(self, call: Call) -> None:
            call.progress(amount)

    connection = RecordingConnection()
    async with running_app(Faulty) as app:
        outcome = await app.app.pipeline.execute(connection, "faulty", EMPTY_PAYLOAD)

    assert outcome.error is not None
    assert connection.reports == []


async def test_a_transport_can_override_the_time_limit() -> None:
    """The error has the limit of the transport."""
    async with running_app(Long) as app:
        execute = app.app.pipeline.execute
        own = await execute(Connection("test"), "long", EMPTY_PAYLOAD)
        other = await execute(Connection("test"), "long", EMPTY_PAYLOAD, limit_seconds=0.002)

    with pytest.raises(Timeout, match="timed out after 1ms"):
        own.unwrap()
    with pytest.raises(Timeout, match="timed out after 2ms"):
        other.unwrap()


class Key(Inputs):
    pin: Secret[int]


class Login(Inputs):
    name: str
    password: Secret[str]
    token: SecretStr | None = None
    keys: list[Key] = []
    tag: Annotated[str, "plain"] = ""


def test_sensitive_names_are_secret_inputs_and_their_containers() -> None:
    """Inputs that are secret, and those that contain a secret."""
    assert InputSchema(Login).sensitive_names == {"password", "token", "keys"}
