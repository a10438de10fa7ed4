"""`JobQueue`: runs the jobs that wait, in the test's own process, when the test says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_tasks import Ending, JobRunner, Tasks, new_worker_id

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_tasks import Settlement

#: More rounds than any test means; jobs that enqueue themselves would run for ever.
MOST_ROUNDS = 1000


class JobQueue:
    """The queue of an application in which no worker runs.

    Args:
        app: The application, with `actionhero-tasks`.
    """

    def __init__(self, app: Application) -> None:
        self._tasks = app.get(Tasks)
        self._runner = JobRunner(app, lambda *_: None)
        self._owner = new_worker_id()
        self._joined = False

    async def drain(self) -> list[Settlement]:
        """Run all jobs that are due, and those that they enqueue, one after the other.

        Returns:
            What became of each, in the order in which they ran.

        Raises:
            AssertionError: A job failed, or jobs enqueue jobs without an end.
        """
        settled = await self.drain_all()
        failed = [one for one in settled if one.ending is not Ending.DONE]
        if failed:
            told = "\n".join(f"  job {one.id}: {one.ending}: {one.error!r}" for one in failed)
            raise AssertionError(f"of {len(settled)} jobs {len(failed)} failed:\n{told}")
        return settled

    async def drain_all(self) -> list[Settlement]:
        """Run all jobs that are due like `drain`, but let them fail."""
        if not self._joined:
            await self._tasks.use(lambda store: store.join(self._owner))
            self._joined = True
        settled: list[Settlement] = []
        ended: list[Settlement] = []
        for _ in range(MOST_ROUNDS):
            told = tuple(ended)
            claims, _gone = await self._tasks.use(
                lambda store, told=told: store.trade(self._owner, None, 1, told)  # type: ignore[misc]
            )
            if not claims:
                return settled
            ended = [await self._runner.run(claim) for claim in claims]
            settled += ended
        raise AssertionError(f"after {MOST_ROUNDS} jobs there are still more; do they end?")

    async def leave(self) -> None:
        """Give back what was not settled."""
        if self._joined:
            await self._tasks.use(lambda store: store.leave(self._owner, crashed=False))
