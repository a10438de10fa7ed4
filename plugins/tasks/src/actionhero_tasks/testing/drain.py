"""`drain`: runs the jobs that wait, now and here, for tests of actions that enqueue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actionhero import Application
from actionhero_tasks.reports import job_of
from actionhero_tasks.runner import JobRunner
from actionhero_tasks.servers import new_worker_id
from actionhero_tasks.tasks import Tasks

if TYPE_CHECKING:
    from actionhero.testing import RunningApp
    from actionhero_tasks.reports import Job
    from actionhero_tasks.store import JobStore

#: How many jobs are taken in one step.
MOST: Final = 100


async def drain(app: Application | RunningApp) -> list[Job]:
    """Run the jobs that are ready, and those that they enqueue, and return what became of them.

    They run one after the other. Those that are delayed stay, and so do those that failed and are
    to be tried again: enqueue without a delay, and look at the job that failed.

    Args:
        app: A running application that runs no jobs itself, as in `RunMode.CLI`.
    """
    running = app if not isinstance(app, RunningApp) else app.app
    tasks = running.get(Tasks)
    runner = JobRunner(running, lambda *_: None)
    owner = new_worker_id()
    await tasks.use(lambda store: store.join(owner))
    ids: list[str] = []
    try:
        while claims := (await tasks.use(lambda store: store.trade(owner, None, MOST)))[0]:
            for claim in claims:
                settlement = await runner.run(claim)
                await tasks.use(lambda store, s=settlement: store.trade(owner, None, 0, [s]))  # type: ignore[misc]
                ids.append(claim.id)
    finally:
        await tasks.use(lambda store: store.leave(owner, crashed=False))
    return await tasks.use(lambda store: _jobs(store, ids))


def _jobs(store: JobStore, ids: list[str]) -> list[Job]:
    found = [store.find(id) for id in ids]
    return [job_of(record) for record in found if record is not None]
