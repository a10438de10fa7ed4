"""`drain`: runs all ready jobs, for tests of actions that enqueue jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actionhero.testing import RunningApp
from actionhero_tasks.reports import job_of
from actionhero_tasks.tasks import Tasks
from actionhero_tasks.worker.dispatcher import JobDispatcher, emit_boot
from actionhero_tasks.worker.runner import JobRunner
from actionhero_tasks.worker_id import new_worker_id

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_tasks.reports import Job
    from actionhero_tasks.stores.store import JobStore

#: How many jobs are claimed at a time.
BATCH: Final = 100


async def drain(app: Application | RunningApp) -> list[Job]:
    """Run the ready jobs, and those that they enqueue, in order; return their status.

    Delayed jobs and retries of failed jobs are not run.

    Args:
        app: A running application that runs no jobs itself, as in `RunMode.CLI`.
    """
    application = app.app if isinstance(app, RunningApp) else app
    tasks = application.get(Tasks)
    dispatcher = JobDispatcher(JobRunner(application, lambda *_: None), tasks.broker)
    emit_boot(tasks.broker, dispatcher, lambda: None)
    worker_id = new_worker_id()
    await tasks.use(lambda store: store.register_worker(worker_id))
    ids: list[str] = []
    try:
        while claims := (
            await tasks.use(lambda store: store.settle_and_claim(worker_id, None, BATCH))
        )[0]:
            for claim in claims:
                settlement = await dispatcher.run(claim)
                _, rejected = await tasks.use(
                    lambda store, s=settlement: store.settle_and_claim(worker_id, None, 0, [s])  # type: ignore[misc]
                )
                dispatcher.settled([settlement], rejected)
                ids.append(claim.id)
    finally:
        tasks.broker.emit_before("worker_shutdown", dispatcher)
        await dispatcher.close()
        tasks.broker.emit_after("worker_shutdown", dispatcher)
        await tasks.use(lambda store: store.remove_worker(worker_id, crashed=False))
    return await tasks.use(lambda store: _jobs(store, ids))


def _jobs(store: JobStore, ids: list[str]) -> list[Job]:
    records = [store.find(id) for id in ids]
    return [job_of(record) for record in records if record is not None]
