"""The job queue of a test, which runs jobs in the process of the test on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_tasks import JobRunner, SettlementKind, Tasks, new_worker_id

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_tasks import Settlement

#: The maximum number of jobs per drain, for jobs that enqueue themselves.
MAX_JOBS = 1000


class JobQueue:
    """The queue of an application without a worker.

    Args:
        app: The application, with `actionhero-tasks`.
    """

    def __init__(self, app: Application) -> None:
        self._tasks = app.get(Tasks)
        self._runner = JobRunner(app, lambda *_: None)
        self._worker_id = new_worker_id()
        self._registered = False

    async def drain(self) -> list[Settlement]:
        """Run all due jobs and the jobs that they enqueue, one after the other.

        Returns:
            The settlement of each job, in the order of execution.

        Raises:
            AssertionError: A job failed, or jobs enqueue jobs without end.
        """
        settlements = await self.drain_all()
        failed = [item for item in settlements if item.kind is not SettlementKind.DONE]
        if failed:
            lines = "\n".join(f"  job {item.id}: {item.kind}: {item.error!r}" for item in failed)
            raise AssertionError(f"{len(failed)} of {len(settlements)} jobs failed:\n{lines}")
        return settlements

    async def drain_all(self) -> list[Settlement]:
        """Run all due jobs like `drain`, but without an error if one fails."""
        if not self._registered:
            await self._tasks.use(lambda store: store.register_worker(self._worker_id))
            self._registered = True
        settlements: list[Settlement] = []
        new: list[Settlement] = []
        for _ in range(MAX_JOBS):
            unsettled = tuple(new)
            claims, _gone = await self._tasks.use(
                lambda store, unsettled=unsettled: store.settle_and_claim(  # type: ignore[misc]
                    self._worker_id, None, 1, unsettled
                )
            )
            if not claims:
                return settlements
            new = [await self._runner.run(claim) for claim in claims]
            settlements += new
        raise AssertionError(f"the queue is not empty after {MAX_JOBS} jobs; do jobs enqueue jobs?")

    async def close(self) -> None:
        """Return claimed jobs to the queue."""
        if self._registered:
            await self._tasks.use(lambda store: store.remove_worker(self._worker_id, crashed=False))
