"""The way of a call: what runs around an action, in which order, and what it may change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from actionhero import (
    Action,
    ActionNotFound,
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


class Noting(Middleware):
    """Notes when it is asked, and does what it was made with."""

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
    """Return an action that notes its run, and then answers or fails."""

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
    """Plugins' middleware is outside of the action's own; each sees the way in and the way out."""
    notes: list[str] = []
    action = action_with(Noting("first", notes), Noting("second", notes), notes=notes)
    async with running_app(action, Noting("outer", notes), Noting("inner", notes)) as app:
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


async def test_after_runs_only_for_what_was_entered() -> None:
    """A layer that refuses ends the way inwards; itself and those outside of it see the end."""
    notes: list[str] = []
    action = action_with(
        Noting("outer", notes),
        Noting("refusing", notes, before=refuse),
        Noting("inner", notes),
        notes=notes,
    )
    async with running_app(action) as app:
        with pytest.raises(Forbidden, match="not you"):
            await app.call("work")

    assert notes == ["before outer", "before refusing", "after refusing", "after outer"]


async def test_invalid_inputs_reach_no_middleware() -> None:
    """What cannot be read is refused before anything of the application runs."""
    notes: list[str] = []
    async with running_app(action_with(Noting("layer", notes), notes=notes)) as app:
        with pytest.raises(InvalidInput, match="Unknown param: color"):
            await app.call("work", color="red")

    assert notes == []


async def test_what_a_door_could_not_read_takes_the_same_way() -> None:
    """A failure that the door found itself becomes the outcome, and no middleware runs."""
    notes: list[str] = []
    async with running_app(action_with(Noting("layer", notes), notes=notes)) as app:
        outcome = await app.app.pipeline.execute(
            Connection("test"), "work", InvalidPayload(Conflict("two bodies"))
        )

    assert isinstance(outcome.error, Conflict)
    assert notes == []


async def test_an_unknown_action_is_an_outcome_that_names_the_nearest() -> None:
    """A slip of the pen is answered with what was probably meant."""
    async with running_app(action_with()) as app:
        with pytest.raises(ActionNotFound) as raised:
            await app.call("wrok")

    assert raised.value.message == "Action not found: wrok; did you mean 'work'?"
    assert raised.value.type is ErrorType.ACTION_NOT_FOUND


async def test_after_replaces_a_value() -> None:
    """What the outermost layer returns is what the caller gets."""
    action = action_with(Noting("layer", [], after=lambda call, outcome: Outcome({"other": 1})))
    async with running_app(action) as app:
        assert await app.call("work") == {"other": 1}


async def test_after_turns_an_error_into_a_value() -> None:
    """A layer may save what failed further in."""
    seen: list[TypedError | None] = []

    def save(call: Call, outcome: Outcome) -> Outcome:
        seen.append(outcome.error)
        return Outcome({"saved": True})

    action = action_with(Noting("layer", [], after=save), error=Conflict("taken"))
    async with running_app(action) as app:
        assert await app.call("work") == {"saved": True}

    assert [type(error) for error in seen] == [Conflict]


async def test_after_turns_a_value_into_an_error() -> None:
    """A layer may refuse what was done, and the layers outside of it see the refusal."""
    seen: list[bool] = []

    def look(call: Call, outcome: Outcome) -> None:
        seen.append(outcome.ok)

    action = action_with(
        Noting("outer", [], after=look),
        Noting("inner", [], after=lambda call, outcome: Outcome(error=Conflict("changed"))),
    )
    async with running_app(action) as app:
        with pytest.raises(Conflict, match="changed"):
            await app.call("work")

    assert seen == [False]


async def test_after_may_raise_a_refusal() -> None:
    """A TypedError in `after` is the outcome, and `after` further out still runs."""
    notes: list[str] = []

    def raise_conflict(call: Call, outcome: Outcome) -> None:
        raise Conflict("late")

    action = action_with(Noting("outer", notes), Noting("inner", notes, after=raise_conflict))
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


async def test_inputs_changed_in_before_are_used_as_they_are() -> None:
    """A layer may replace the inputs; they are not validated a second time."""

    def replace(call: Call) -> None:
        call.inputs = Named.model_construct(name=7)

    async with running_app(Greet, Noting("layer", [], before=replace)) as app:
        assert await app.call("greet", name="Ada") == "Hello, 7!"


async def test_an_input_may_be_changed_in_place() -> None:
    """A layer may change one input, such as to tidy it."""

    def tidy(call: Call) -> None:
        call.inputs.name = call.inputs.name.strip()

    async with running_app(Greet, Noting("layer", [], before=tidy)) as app:
        assert await app.call("greet", name="  Ada ") == "Hello, Ada!"


async def test_what_before_keeps_for_after_belongs_to_one_call() -> None:
    """Two calls at once over one connection do not see each other's scratch space."""
    seen: list[tuple[str, str]] = []
    both = asyncio.Barrier(2)

    class Slow(Action):
        name = "slow"

        async def run(self, inputs: Named, call: Call) -> None:
            await both.wait()

    def keep(call: Call) -> None:
        call.scratch["name"] = call.inputs.name

    def look(call: Call, outcome: Outcome) -> None:
        seen.append((call.inputs.name, call.scratch["name"]))

    async with running_app(Slow, Noting("layer", [], before=keep, after=look)) as app:
        caller = app.connect()
        await asyncio.gather(caller.call("slow", name="Ada"), caller.call("slow", name="Grace"))

    assert sorted(seen) == [("Ada", "Ada"), ("Grace", "Grace")]


async def test_the_request_id_is_known_inside_and_forgotten_outside() -> None:
    """Whatever is logged during a call has its request id, and nothing after it has."""
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
    made, current = seen[1]
    assert made == current != "r-1"


@pytest.mark.parametrize("name", ["fails", "nothing"])
async def test_the_request_id_is_forgotten_after_a_failure(name: str) -> None:
    """Whatever came of a call, the next line of the log does not carry its request id."""

    class Fails(Action):
        name = "fails"

        async def run(self, call: Call) -> None:
            raise RuntimeError("boom")

    async with running_app(Fails) as app:
        await app.app.pipeline.execute(Connection("test"), name, EMPTY_PAYLOAD, request_id="r-1")

        assert request_id.get() is None


async def test_a_layer_that_writes_only_one_half_is_asked_only_that() -> None:
    """`before` alone or `after` alone will do."""
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


async def test_a_door_that_finds_no_action_by_its_own_means_has_an_outcome() -> None:
    """A path without a route is refused like an unknown name."""
    async with running_app() as app:
        outcome = app.app.pipeline.refuse(
            Connection("test"), ActionNotFound("Action not found"), request_id="r-1"
        )

    assert not outcome.ok
    assert isinstance(outcome.error, ActionNotFound)
