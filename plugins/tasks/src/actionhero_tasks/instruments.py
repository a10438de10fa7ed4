"""The figures of the job store, for metrics: the same in all processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actionhero import Instrument
from actionhero_tasks.job import QueueCounts
from actionhero_tasks.task import task_of
from actionhero_tasks.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Application

#: The states of jobs that are counted. The jobs that are retried are delayed.
STATES: Final = ("ready", "delayed", "running", "dead")


def instruments(app: Application) -> list[Instrument]:
    """Return the instruments of the job store."""
    if not app.has(Tasks):
        return []
    tasks = app.get(Tasks)

    # Zeros too, so that an empty queue is seen.
    empty = {name: QueueCounts(name) for name in {str(task_of(a).queue) for a in app.actions}}

    async def counts() -> list[QueueCounts]:
        counts = await tasks.use(lambda store: store.counts())
        return list((empty | {item.queue: item for item in counts}).values())

    async def jobs() -> list[tuple[Mapping[str, str], float]]:
        return [
            ({"queue": item.queue, "state": state}, getattr(item, state))
            for item in await counts()
            for state in STATES
        ]

    async def oldest() -> list[tuple[Mapping[str, str], float]]:
        return [({"queue": item.queue}, (item.oldest_ms or 0) / 1000) for item in await counts()]

    async def workers() -> list[tuple[Mapping[str, str], float]]:
        return [({}, len(await tasks.use(lambda store: store.worker_loads())))]

    return [
        Instrument(
            "actionhero.jobs",
            description="Jobs in the store.",
            read=jobs,
            scope="shared",
        ),
        Instrument(
            "actionhero.job.oldest",
            unit="s",
            description="How long the oldest ready job has been waiting.",
            read=oldest,
            scope="shared",
        ),
        Instrument(
            "actionhero.job.workers",
            description="Workers that claim jobs.",
            read=workers,
            scope="shared",
        ),
    ]
