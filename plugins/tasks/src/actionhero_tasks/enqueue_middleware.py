"""`EnqueueMiddleware`: code of plugins around the enqueueing of jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Application
    from actionhero_tasks.broker_signals import BrokerSignals
    from actionhero_tasks.job import NewJob

HOOK: Final = "actionhero_tasks_enqueue_middleware"


class EnqueueMiddleware:
    """A base class for middleware around enqueueing, from `actionhero_tasks_enqueue_middleware`.

    It is called wherever `Tasks` enqueues an action: by `enqueue`, `enqueue_many` and `fan_out`,
    and for schedules. One instance serves all calls concurrently.

    ```python
    class Quota(EnqueueMiddleware):
        async def before(self, job):
            if await self.exceeded(job.queue):
                raise RateLimited("Too many jobs")
            return None
    ```
    """

    async def before(self, job: NewJob) -> NewJob | None:
        """Run before a job is stored, from the outermost middleware inwards.

        In a transaction, it is not committed yet.

        Args:
            job: The job; its inputs are valid.

        Returns:
            A replacement, from `dataclasses.replace`, with another queue, priority, delay or key;
            `None`: the job as it is.

        Raises:
            TypedError: To refuse it. Then none of the jobs of the same step is enqueued.
        """
        return None

    async def after(self, job: NewJob, id: str) -> None:
        """Run after a job was stored, from the innermost middleware outwards.

        In a transaction, it is not committed yet. Not called after an error.

        Args:
            job: The job.
            id: Its id; that of an earlier job, if the deduplication key has one.
        """


class EnqueueChain:
    """The middleware of all plugins around enqueueing, and then the signals of dramatiq.

    Args:
        app: The application.
        signals: The signals.

    Raises:
        PluginError: A plugin returns something else than middleware.
    """

    def __init__(self, app: Application, signals: BrokerSignals) -> None:
        collected = app.plugins.collect(HOOK, EnqueueMiddleware, app=app)
        app.raise_for_problems()
        self._middleware = [item for _, item in collected]
        self._signals = signals

    async def before(self, jobs: list[NewJob]) -> list[NewJob]:
        """Call `before` for each job, and return the jobs to store."""
        if self._middleware:
            jobs = [await self._before(job) for job in jobs]
        return self._signals.before_enqueue(jobs)

    async def after(self, jobs: Sequence[NewJob], ids: Sequence[str]) -> None:
        """Call `after` for each job, in reverse order."""
        self._signals.after_enqueue(jobs, ids)
        if self._middleware:
            for job, id in zip(jobs, ids, strict=True):
                for middleware in reversed(self._middleware):
                    await middleware.after(job, id)

    async def _before(self, job: NewJob) -> NewJob:
        for middleware in self._middleware:
            job = await middleware.before(job) or job
        return job
