"""Queues with limits: their declaration, and jobs of an application."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from actionhero import Action, Inputs, PluginError
from actionhero_tasks import Queue, Task, Tasks
from actionhero_tasks.queue_limits import QueueLimit, limits_of

if TYPE_CHECKING:
    from collections.abc import Callable

MAIL = Queue("mail", concurrency=2, rate="1000/second")


class NumberInputs(Inputs):
    number: int


class Send(Action):
    """Count the concurrent jobs."""

    name = "send"
    task = Task(queue=MAIL)
    running: ClassVar[set[int]] = set()
    most: ClassVar[list[int]] = []

    async def run(self, inputs: NumberInputs) -> None:
        self.running.add(inputs.number)
        self.most.append(len(self.running))
        await asyncio.sleep(0)
        self.running.discard(inputs.number)


class SendElsewhere(Action):
    """The same queue with another limit."""

    name = "send:elsewhere"
    task = Task(queue=Queue("mail", concurrency=3))

    async def run(self) -> None:
        """Do nothing."""


def test_a_queue_is_its_name() -> None:
    """With limits."""
    assert MAIL == "mail"
    assert f"{MAIL}" == "mail"
    assert MAIL.limit == QueueLimit(concurrency=2, rate=1000, period_ms=1000)
    assert Queue("mail", rate="3/hour").limit == QueueLimit(rate=3, period_ms=3_600_000)
    assert Queue("mail").limit == QueueLimit()


@pytest.mark.parametrize("concurrency", [0, -1, True, 1.5, "4"])
def test_an_invalid_concurrency_is_refused(concurrency: Any) -> None:
    """The error shows the queue and the value."""
    with pytest.raises(ValueError, match=r"queue 'mail' has concurrency = .*; write an integer"):
        Queue("mail", concurrency=concurrency)


@pytest.mark.parametrize(
    "rate", ["10", "10/s", "0/second", "-1/second", "10 / second", "100001/day", 10, "1/second\n"]
)
def test_an_invalid_rate_is_refused(rate: Any) -> None:
    """The error shows the form of a rate."""
    with pytest.raises(ValueError, match=r"has rate = .*second, minute, hour, day, such as"):
        Queue("mail", rate=rate)


@pytest.mark.usefixtures("limit")
@pytest.mark.parametrize("queue", [None, "mail"])
async def test_the_jobs_of_an_application_observe_the_limits(
    tasks_app: Callable[..., Any], queue: str | None
) -> None:
    """However they are enqueued."""
    Send.most.clear()
    async with tasks_app(Send) as app:
        tasks = app.get(Tasks)
        assert limits_of(app.app) == {"mail": MAIL.limit}
        ids = await tasks.enqueue_many(Send, [{"number": n} for n in range(20)], queue=queue)
        jobs = [await tasks.wait(id) for id in ids]

    assert {job.state for job in jobs} == {"done"}
    assert {type(job.queue) for job in jobs} == {str}
    assert max(Send.most) <= 2


async def test_different_limits_of_one_queue_are_refused_at_the_start(
    tasks_app: Callable[..., Any],
) -> None:
    """The error names both actions."""
    with pytest.raises(PluginError, match=r"other limits of the queue 'mail' than .*declare the"):
        async with tasks_app(Send, SendElsewhere):
            pass
