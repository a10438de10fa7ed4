"""`JobSource`: where workers get their jobs from."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from actionhero_tasks.job import Claim, Settlement


class JobSource(Protocol):
    """The jobs that are ready, as workers claim and settle them.

    A job store is one, and so are the queues of a message broker. What `JobStore` says of its
    methods holds for these.
    """

    #: The events of the waiting workers of this process, set when there may be ready jobs.
    wake_events: set[threading.Event]

    @abstractmethod
    def settle_and_claim(
        self,
        worker_id: str,
        queues: Sequence[str] | None,
        limit: int,
        settlements: Sequence[Settlement] = (),
    ) -> tuple[list[Claim], list[str]]:
        """Settle jobs that have ended, and claim ready jobs, in one step.

        A claim counts a delivery, and reserves the job until `worker_id` settles it or is removed.
        Jobs that were running during two crashes are suspects: a worker runs one of them at a
        time, so that only the job that causes the crashes is dead-lettered.

        Args:
            worker_id: The worker.
            queues: The queues to claim from, each once if it is repeated; `None`: all.
            limit: How many jobs to claim at most.
            settlements: The results of jobs that have ended.

        Returns:
            The claims in the order of priority, and the ids of rejected settlements: those jobs
            were reassigned.
        """

    @abstractmethod
    def wait(self, worker_id: str, wake_event: threading.Event, timeout_ms: int) -> None:
        """Block until there may be ready jobs, `wake_event` is set, or the timeout has passed.

        Args:
            worker_id: A worker whose last claim found no job.
            wake_event: One of `wake_events`.
            timeout_ms: The longest time to wait.
        """

    @abstractmethod
    def suspend(self, worker_id: str) -> None:
        """Return what was delivered ahead to a worker that claims no jobs for a while."""
