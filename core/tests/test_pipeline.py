"""The pipeline: middleware, its order, and the outcomes and inputs that it may change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from actionhero import (
    Action,
    ActionNotFound,
    Application,
    Call,
    Conflict,
    Connection,
    ErrorType,
    Forbidden,
    Inputs,
    InvalidInput,
    Middleware,
    Outcome,
    TypedError,
)
from actionhero.inputs.payloads import EMPTY_PAYLOAD, InvalidPayload
from actionhero.logs import request_id
from actionhero.testing import running_app

if TYPE_CHECKING:
    from collections.abc import Callable


class Recorder(Middleware):
    """Records its calls, and runs the functions that it was created with."""

    def __init__(
        self,
        name: str,
        notes: list[str],
        *,
        before: Callable[[Call], None] = lambda call: None,
        after: Callable[[Call, Outcome], Outcome | None] = lambda call, outcome: None,
    ) -> None:
        self.name = name
        self.notes = notes
        self.do_before = before
        self.do_after = after

    async def before(self, call: Call) -> None:
        self.notes.append(f"before {self.name}")
        self.do_before(call)

    async def after(self, call: Call, outcome: Outcome) -> Outcome | None:
        self.notes.append(f"after {self.name}")
        return self.do_after(call, outcome)


def refuse(call: Call) -> None:
    raise Forbidden("not you")


def action_with(
    *layers: Middleware, notes: list[str] | None = None, error: Exception | None = None
) -> type[Action]:
    """Return an action that records its run, and then returns a value or fails."""

    class Work(Action):
        name = "work"
        middleware = layers

        async def run(self, call: Call) -> dict[str, str]:
            if notes is not None:
                notes.append("run")
            if error is not None:
                raise error
            return {"done": "by the action"}

    return Work


async def test_before_runs_inwards_and_after_outwards() -> None:
    """Middleware of plugins is outside of that of the action."""
    notes: list[str] = []
    action = action_with(Recorder("first", notes), Recorder("second", notes), notes=notes)
    async with running_app(action, Recorder("outer", notes), Recorder("inner", notes)) as app:
        value = await app.call("work")

    assert value == {"done": "by the action"}
    assert notes == [
        "before outer",
        "before inner",
        "before first",
        "before second",
        "run",
        "after second",
        "after first",
        "after inner",
        "after outer",
    ]


async def test_after_runs_only_if_before_was_called() -> None:
    """A refusal ends the way inwards; `after` of the refusing and the outer middleware runs."""
    notes: list[str] = []
    action = action_with(
        Recorder("outer", notes),
        Recorder("refusing", notes, before=refuse),
        Recorder("inner", notes),
        notes=notes,
    )
    async with running_app(action) as app:
        with pytest.raises(Forbidden, match="not you"):
            await app.call("work")

    assert notes == ["before outer", "before refusing", "after refusing", "after outer"]


async def test_invalid_inputs_reach_no_middleware() -> None:
    """Validation comes before middleware."""
    notes: list[str] = []
    async with running_app(action_with(Recorder("layer", notes), notes=notes)) as app:
        with pytest.raises(InvalidInput, match="Unknown param: color"):
            await app.call("work", color="red")

    assert notes == []


async def test_an_invalid_payload_goes_through_the_pipeline() -> None:
    """The error of the transport becomes the outcome, and no middleware runs."""
    notes: list[str] = []
    async with running_app(action_with(Recorder("layer", notes), notes=notes)) as app:
        outcome = await app.app.pipeline.execute(
            Connection("test"), "work", InvalidPayload(Conflict("two bodies"))
        )

    assert isinstance(outcome.error, Conflict)
    assert notes == []


async def test_an_unknown_action_is_an_outcome_with_a_suggestion() -> None:
    """The message has the nearest name."""
    async with running_app(action_with()) as app:
        with pytest.raises(ActionNotFound) as raised:
            await app.call("wrok")

    assert raised.value.message == "Action not found: wrok; did you mean 'work'?"
    assert raised.value.type is ErrorType.ACTION_NOT_FOUND


@pytest.mark.parametrize("by", ["name", "class"])
async def test_an_unknown_action_inside_of_a_call_is_an_internal_error(
    by: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The client has called an action that exists."""

    class Unregistered(Action):
        name = "unregistered"

        async def run(self) -> None: ...

    class Outer(Action):
        name = "outer"

        async def run(self, call: Call) -> None:
            registry = call.get(Application).actions
            registry.find("inner") if by == "name" else registry.of_type(Unregistered)

    async with running_app(Outer) as app:
        outcome = await app.connect().outcome("outer")

    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.message) == (ErrorType.ACTION_RUN, "Internal error")
    assert "action 'outer' failed: Action not found" in caplog.text


async def test_after_replaces_a_value() -> None:
    """The client gets the outcome of the outermost middleware."""
    action = action_with(Recorder("layer", [], after=lambda call, outcome: Outcome({"other": "1"})))
    async with running_app(action) as app:
        assert await app.call("work") == {"other": "1"}


async def test_after_turns_an_error_into_a_value() -> None:
    """Middleware may recover from an error."""
    seen: list[TypedError | None] = []

    def recover(call: Call, outcome: Outcome) -> Outcome:
        seen.append(outcome.error)
        return Outcome({"recovered": "yes"})

    action = action_with(Recorder("layer", [], after=recover), error=Conflict("taken"))
    async with running_app(action) as app:
        assert await app.call("work") == {"recovered": "yes"}

    assert [type(error) for error in seen] == [Conflict]


async def test_after_turns_a_value_into_an_error() -> None:
    """Middleware may refuse a result, and outer middleware sees the error."""
    seen: list[bool] = []

    def record(call: Call, outcome: Outcome) -> None:
        seen.append(outcome.ok)

    action = action_with(
        Recorder("outer", [], after=record),
        Recorder("inner", [], after=lambda call, outcome: Outcome(error=Conflict("changed"))),
    )
    async with running_app(action) as app:
        with pytest.raises(Conflict, match="changed"):
            await app.call("work")

    assert seen == [False]


async def test_after_may_raise_an_error() -> None:
    """A `TypedError` in `after` is the outcome, and outer `after` methods still run."""
    notes: list[str] = []

    def raise_conflict(call: Call, outcome: Outcome) -> None:
        raise Conflict("late")

    action = action_with(Recorder("outer", notes), Recorder("inner", notes, after=raise_conflict))
    async with running_app(action) as app:
        with pytest.raises(Conflict, match="late"):
            await app.call("work")

    assert notes == ["before outer", "before inner", "after inner", "after outer"]


class Named(Inputs):
    name: str


class Greet(Action):
    name = "greet"

    async def run(self, inputs: Named, call: Call) -> str:
        return f"Hello, {inputs.name}!"


async def test_inputs_replaced_in_before_are_not_validated() -> None:
    """Middleware may replace the inputs."""

    def replace(call: Call) -> None:
        call.inputs = Named.model_construct(name=7)

    async with running_app(Greet, Recorder("layer", [], before=replace)) as app:
        assert await app.call("greet", name="Ada") == "Hello, 7!"


async def test_an_input_may_be_changed_in_place() -> None:
    """Middleware may change one input."""

    def strip(call: Call) -> None:
        call.inputs.name = call.inputs.name.strip()

    async with running_app(Greet, Recorder("layer", [], before=strip)) as app:
        assert await app.call("greet", name="  Ada ") == "Hello, Ada!"


async def test_scratch_belongs_to_one_call() -> None:
    """Concurrent calls of one connection do not share it."""
    seen: list[tuple[str, str]] = []
    both = asyncio.Barrier(2)

    class Slow(Action):
        name = "slow"

        async def run(self, inputs: Named, call: Call) -> None:
            await both.wait()

    def store(call: Call) -> None:
        call.scratch["name"] = call.inputs.name

    def compare(call: Call, outcome: Outcome) -> None:
        seen.append((call.inputs.name, call.scratch["name"]))

    async with running_app(Slow, Recorder("layer", [], before=store, after=compare)) as app:
        caller = app.connect()
        await asyncio.gather(caller.call("slow", name="Ada"), caller.call("slow", name="Grace"))

    assert sorted(seen) == [("Ada", "Ada"), ("Grace", "Grace")]


async def test_the_request_id_is_set_during_a_call_only() -> None:
    """Log lines of a call have its request id, later ones do not."""
    seen: list[tuple[str, str | None]] = []

    class Look(Action):
        name = "look"

        async def run(self, call: Call) -> None:
            seen.append((call.request_id, request_id.get()))

    async with running_app(Look) as app:
        pipeline = app.app.pipeline
        await pipeline.execute(Connection("test"), "look", EMPTY_PAYLOAD, request_id="r-1")
        await pipeline.execute(Connection("test"), "look", EMPTY_PAYLOAD)

        assert request_id.get() is None

    assert seen[0] == ("r-1", "r-1")
    generated, current = seen[1]
    assert generated == current != "r-1"


@pytest.mark.parametrize("name", ["fails", "nothing"])
async def test_the_request_id_is_reset_after_an_error(name: str) -> None:
    """The next log line does not have it."""

    class Fails(Action):
        name = "fails"

        async def run(self, call: Call) -> None:
            raise RuntimeError("boom")

    async with running_app(Fails) as app:
        await app.app.pipeline.execute(Connection("test"), name, EMPTY_PAYLOAD, request_id="r-1")

        assert request_id.get() is None


async def test_middleware_may_define_before_or_after_only() -> None:
    """One method is enough."""
    notes: list[str] = []

    class OnlyBefore(Middleware):
        async def before(self, call: Call) -> None:
            notes.append("before")

    class OnlyAfter(Middleware):
        async def after(self, call: Call, outcome: Outcome) -> None:
            notes.append("after")

    async with running_app(action_with(OnlyBefore(), Middleware(), OnlyAfter())) as app:
        await app.call("work")

    assert notes == ["before", "after"]


async def test_a_transport_can_refuse_a_call_without_an_action() -> None:
    """A path without a route is refused like an unknown name."""
    async with running_app() as app:
        outcome = app.app.pipeline.refuse(
            Connection("test"), ActionNotFound("Action not found"), request_id="r-1"
        )

    assert not outcome.ok
    assert isinstance(outcome.error, ActionNotFound)
