"""Enqueueing with a deduplication key, with a delay, and in bulk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Action, Inputs, InvalidInput, RunMode
from actionhero_tasks import JobState, Task, Tasks

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("limit")


class SumInputs(Inputs):
    a: int
    b: int = 1


class Sum(Action):
    """Add two numbers."""

    name = "sum"

    async def run(self, inputs: SumInputs) -> dict[str, int]:
        return {"sum": inputs.a + inputs.b}


class Other(Action):
    """Do nothing."""

    name = "other"

    async def run(self) -> None:
        pass


class OtherNow(Action):
    """Do nothing, in a later version."""

    name = "other"
    version = 2

    async def run(self) -> None:
        pass


async def test_a_job_has_the_version_of_its_action(tasks_app: Callable[..., Any]) -> None:
    """The name without a version is version 1."""
    async with tasks_app(Other, OtherNow) as app:
        tasks = app.get(Tasks)
        identifiers = [
            await tasks.enqueue(name) for name in ("other", "other@1", "other@2", OtherNow)
        ]
        jobs = [await tasks.job(identifier) for identifier in identifiers]

    assert [job.action for job in jobs] == ["other", "other", "other@2", "other@2"]


async def test_a_deduplication_key_suppresses_further_jobs(tasks_app: Callable[..., Any]) -> None:
    """The id of the first job is returned. Keys are separate for each action."""
    async with tasks_app(Sum, Other) as app:
        tasks = app.get(Tasks)
        first, second = [await tasks.enqueue(Sum, {"a": n}, key="order 7") for n in (1, 2)]
        other = await tasks.enqueue(Other, key="order 7")

    assert first == second != other


class Once(Action):
    """Be deduplicated by inputs."""

    name = "once"
    task = Task(unique_for=timedelta(hours=1))

    async def run(self, inputs: SumInputs) -> int:
        return inputs.a


async def test_unique_for_deduplicates_by_inputs(tasks_app: Callable[..., Any]) -> None:
    """Regardless of their order."""
    async with tasks_app(Once, mode=RunMode.CLI) as app:
        tasks = app.get(Tasks)
        ids = [
            await tasks.enqueue(Once, {"a": 1, "b": 2}),
            await tasks.enqueue(Once, {"b": 2, "a": 1}),
            await tasks.enqueue(Once, {"a": 1, "b": 3}),
        ]

    assert ids[0] == ids[1] != ids[2]


async def test_a_job_can_be_delayed(tasks_app: Callable[..., Any]) -> None:
    """By a duration or until a time; before that it can be cancelled."""
    async with tasks_app(Sum) as app:
        tasks = app.get(Tasks)
        soon = await tasks.enqueue(Sum, {"a": 1}, delay=timedelta(milliseconds=50))
        late = await tasks.enqueue(Sum, {"a": 2}, at=datetime.now(UTC) + timedelta(hours=1))
        done = await tasks.wait(soon)
        waiting = await tasks.job(late)
        cancelled = await tasks.cancel(late)
        ended = await tasks.wait(late)
        with pytest.raises(TypeError, match="without a time zone"):
            await tasks.enqueue(Sum, {"a": 1}, at=datetime(2030, 1, 1))  # noqa: DTZ001 - the error

    assert done.started is not None
    assert done.started - done.created >= timedelta(milliseconds=50)
    assert (waiting.state, cancelled, ended.state) == (JobState.DELAYED, True, JobState.CANCELLED)


@pytest.mark.parametrize(
    ("method", "action", "example"),
    [
        ("enqueue", Sum, "enqueue(Sum, {'a': …})"),
        ("enqueue", "sum", "enqueue('sum', {'a': …})"),
        ("enqueue_many", Sum, "enqueue_many(Sum, [{'a': …}, …])"),
        ("fan_out", Sum, "fan_out(Sum, [{'a': …}, …])"),
    ],
)
async def test_inputs_are_no_options(
    tasks_app: Callable[..., Any], method: str, action: Any, example: str
) -> None:
    """The message says how to pass them."""
    inputs: Any = [] if method != "enqueue" else None
    async with tasks_app(Sum) as app:
        with pytest.raises(TypeError) as raised:
            await getattr(app.get(Tasks), method)(action, inputs, a=1)

    assert str(raised.value).startswith(f"{method}() has no option 'a' (available: ")
    assert str(raised.value).endswith(f"; inputs are one argument, as in {example}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delay": timedelta.max}, "the delay is longer than 36500 days"),
        ({"at": datetime.max.replace(tzinfo=UTC)}, "the delay is longer than 36500 days"),
        ({"priority": 2**31}, "the priority 2147483648 is not between"),
        ({"queue": "\ud800"}, "the queue contains a lone surrogate"),
        ({"key": "\ud800"}, "the key contains a lone surrogate"),
    ],
)
async def test_options_out_of_bounds_are_invalid(
    tasks_app: Callable[..., Any], options: dict[str, Any], message: str
) -> None:
    """The same for every store."""
    async with tasks_app(Sum) as app:
        with pytest.raises(InvalidInput, match=message):
            await app.get(Tasks).enqueue(Sum, {"a": 1}, **options)
        with pytest.raises(InvalidInput, match="lone surrogate"):
            await app.get(Tasks).job("\ud800")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delay": 5}, r"delay is 5; pass a duration, such as timedelta\(seconds=30\)"),
        ({"at": "2030-01-01"}, "at is '2030-01-01'; pass a datetime with a time zone"),
        ({"at": timedelta(1)}, "at is .*; pass a datetime with a time zone"),
        ({"priority": "high"}, "priority is 'high'; pass an integer"),
        ({"key": 7}, "key is 7; pass a text"),
    ],
)
async def test_options_of_other_types_are_refused(
    tasks_app: Callable[..., Any], options: dict[str, Any], message: str
) -> None:
    """The message names the option, its value, and the type."""
    async with tasks_app(Sum) as app:
        with pytest.raises(TypeError, match=message):
            await app.get(Tasks).enqueue(Sum, {"a": 1}, **options)


async def test_enqueue_many_adds_all_jobs_or_none(tasks_app: Callable[..., Any]) -> None:
    """None if an input is invalid."""
    async with tasks_app(Sum) as app:
        tasks = app.get(Tasks)
        ids = await tasks.enqueue_many(Sum, ({"a": n} for n in range(300)))
        results = [(await tasks.wait(id)).result["sum"] for id in ids]
        with pytest.raises(InvalidInput):
            await tasks.enqueue_many(Sum, [{"a": 1}, {"a": "x"}])

        assert tasks.store.counts() == []

    assert results == [n + 1 for n in range(300)]
