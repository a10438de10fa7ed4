"""What a door may do for calls that take long: hear how far they are, and set another limit."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated

import pytest
from pydantic import SecretStr

from actionhero import Action, Call, Connection, Inputs, Secret, Timeout
from actionhero.inputs.payloads import EMPTY_PAYLOAD
from actionhero.inputs.schema import InputSchema
from actionhero.testing import running_app


class Long(Action):
    """Tell how far it is, and wait a moment."""

    name = "long"
    timeout = timedelta(milliseconds=1)

    async def run(self, call: Call) -> str:
        call.progress(1)
        call.progress(2, 3)
        await asyncio.sleep(0.02)
        return "done"


class Listening(Connection):
    """A connection whose door tells somebody."""

    def __init__(self) -> None:
        super().__init__("test")
        self.told: list[tuple[float, float | None]] = []

    def progress(self, done: float, total: float | None = None) -> None:
        self.told.append((done, total))


async def test_how_far_a_call_is_reaches_its_door() -> None:
    """A door that has nobody to tell takes it as well."""
    async with running_app(Long) as app:
        execute = app.app.pipeline.execute
        listening = Listening()
        heard = await execute(listening, "long", EMPTY_PAYLOAD, limit_seconds=0)
        ignored = await execute(Connection("test"), "long", EMPTY_PAYLOAD, limit_seconds=30)

    assert heard.value == ignored.value == "done"
    assert listening.told == [(1, None), (2, 3)]


async def test_a_door_may_set_another_limit_than_the_action_has() -> None:
    """It is the one that is told."""
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


def test_a_schema_knows_which_inputs_have_to_be_hidden() -> None:
    """Those that are secret, and those that hold a secret."""
    assert InputSchema(Login).sensitive_names == {"password", "token", "keys"}
