"""`JobStore`: the interface of every job store."""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from actionhero_tasks.stores.inspection import JobInspection
from actionhero_tasks.stores.job_queue import JobQueue
from actionhero_tasks.stores.schedules_and_batches import SchedulesAndBatches
from actionhero_tasks.stores.worker_registry import WorkerRegistry

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from actionhero_tasks.queue_limits import QueueLimit
    from actionhero_tasks.stores.outbox import Outbox

#: The number of worker crashes after which a job is dead-lettered.
MAX_DELIVERIES: Final = 3
#: The error of these jobs.
LOST_ERROR: Final = json.dumps(
    {"message": f"its worker crashed {MAX_DELIVERIES} times while it ran", "type": "WORKER_LOST"}
)


class JobStore(JobQueue, WorkerRegistry, JobInspection, SchedulesAndBatches):
    """Stores jobs, the workers that run them, schedules and fan-outs.

    Its four interfaces are what their users need: workers, the processes that monitor them,
    operators, and the scheduler.

    Every method that is not asynchronous blocks, may be called from any thread, and is atomic: if
    the process ends during a call, either everything was written or nothing. Times are those of the
    store's clock.

    Raises:
        StoreUnavailable: From any method, if the store cannot be reached.
    """

    def __init__(self) -> None:
        self.wake_events: set[threading.Event] = set()
        #: The limits that the claims of this process observe, by queue. A claim counts the running
        #: jobs of all workers, so that those of a crashed worker count until they are ready again.
        self.queue_limits: Mapping[str, QueueLimit] = {}
        self.sender_events: set[threading.Event] = set()

    def suspend(self, worker_id: str) -> None:
        """Do nothing: a store delivers no jobs ahead."""

    # -- delivery through a broker -------------------------------------------------------------

    def outbox(self) -> Outbox | None:
        """Return the outbox for a message broker, or `None` if the store does not support one."""
        return None

    # -- lifecycle -----------------------------------------------------------------------------

    @abstractmethod
    def ping(self) -> None:
        """Raise if the store cannot be used now."""

    async def ping_nowait(self) -> bool:
        """Check the store on an event loop, without blocking it.

        Returns:
            Whether it was checked; otherwise only `ping` can check it now.

        Raises:
            StoreUnavailable: The store cannot be used now.
        """
        return False

    @abstractmethod
    def close(self) -> None:
        """Close connections. Jobs remain."""
