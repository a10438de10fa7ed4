"""`JobStore`: what every place that keeps jobs can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import asyncio
    import threading
    from collections.abc import Sequence

    from actionhero_tasks.job import (
        BatchRecord,
        Claim,
        JobRecord,
        JobState,
        NewJob,
        QueueCounts,
        Settlement,
        Totals,
    )
    from actionhero_tasks.outbox import Outbox

#: How often a job may take its worker down with it.
MOST_DELIVERIES = 3


class Line(ABC):
    """A way into a store for an event loop: what is added is under way, and no thread waits."""

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether jobs can be added."""

    @abstractmethod
    async def start(self) -> None:
        """Belong to the running event loop from now on."""

    @abstractmethod
    def add(self, job: NewJob) -> asyncio.Future[str]:
        """Add one job, as `JobStore.add` does.

        Returns:
            What will have its id, or `PipelineBroken`: it is not known whether it was added.
        """

    @abstractmethod
    def close(self) -> None:
        """Hang up."""


class JobStore(ABC):
    """Keeps jobs: those that wait, run, have ended, are dead; and who runs them.

    Every method blocks and may be called from any thread. Each is atomic: whatever ends the
    process in its midst, all of it was done or nothing. Times are told by the store's own clock.

    An *owner* is one run of one worker process, by a name that no other has.

    Raises:
        StoreUnavailable: From any method, if the store cannot be reached.
    """

    #: How it is called in messages.
    kind: ClassVar[str]

    def __init__(self) -> None:
        #: What is set when there may be something to claim: whoever waits hangs up a bell first.
        self.bells: set[threading.Event] = set()

    def ring(self) -> None:
        """Let every worker of this process look for jobs."""
        for bell in tuple(self.bells):
            bell.set()

    # -- putting in ----------------------------------------------------------------------------

    @abstractmethod
    def add(self, jobs: Sequence[NewJob]) -> list[str]:
        """Keep new jobs, all or none, and return their ids.

        Of one whose key was seen within its window nothing is kept: its id is that of the first.
        One whose id is there already is the same job, and kept once.
        """

    def open_line(self) -> Line | None:
        """Return a new line for single jobs, or `None`: this store has none."""
        return None

    @abstractmethod
    def tick(self, name: str, fire_ms: int, job: NewJob, *, overlap: bool) -> bool:
        """Keep the job of one tick of a schedule, unless somebody else has claimed that tick.

        Args:
            name: The schedule.
            fire_ms: The time of the tick. One before the last that was claimed is none any more.
            job: What runs.
            overlap: Whether it is kept although one of the same schedule has not ended. If not,
                the tick is claimed and nothing runs.

        Returns:
            Whether the job was kept.
        """

    @abstractmethod
    def last_tick(self, name: str, or_from_ms: int) -> int:
        """Return the last tick of a schedule; of a new one `or_from_ms`, which is kept as that."""

    # -- many as one ---------------------------------------------------------------------------

    @abstractmethod
    def open_batch(self, id: str, then: NewJob | None) -> None:
        """Begin a fan-out, to which jobs belong that are added with its id.

        Args:
            id: A new one.
            then: What is kept when it is sealed and all its jobs have ended; once.
        """

    @abstractmethod
    def seal_batch(self, id: str) -> None:
        """Say that all jobs of a fan-out were added."""

    @abstractmethod
    def batch(self, id: str) -> BatchRecord | None:
        """Return what is known of a fan-out."""

    @abstractmethod
    def batch_jobs(
        self, id: str, state: JobState | None = None, *, offset: int = 0, limit: int = 100
    ) -> list[JobRecord]:
        """Return jobs of a fan-out, in the order in which they were added."""

    # -- running -------------------------------------------------------------------------------

    @abstractmethod
    def trade(
        self,
        owner: str,
        queues: Sequence[str] | None,
        limit: int,
        settlements: Sequence[Settlement] = (),
    ) -> tuple[list[Claim], list[str]]:
        """Settle what has ended, and claim what is to begin now.

        What is claimed counts as begun: its delivery is counted, and nobody else gets it until
        `owner` settles it or is gone. Of jobs that were running twice when their worker ended,
        one owner has no more than one at a time, so that only the guilty one is found dead.

        Args:
            owner: Who has ended and begins.
            queues: From which queues; `None`: from all.
            limit: How many to claim at most.
            settlements: What has ended.

        Returns:
            The claims, the most urgent first, and the ids of settlements that were refused:
            somebody else has the job.
        """

    @abstractmethod
    def progress(self, id: str, token: int, done: float, total: float | None) -> None:
        """Note how far a job is that runs."""

    @abstractmethod
    def wait(self, owner: str, bell: threading.Event, timeout_ms: int) -> None:
        """Return when there may be something to claim, when `bell` is set, or after a while.

        Args:
            owner: Who has traded, and found nothing.
            bell: One of `bells`.
            timeout_ms: After which time it returns in any case.
        """

    # -- who runs ------------------------------------------------------------------------------

    @abstractmethod
    def join(self, owner: str) -> None:
        """Let `owner`, which is this process, claim from now on."""

    @abstractmethod
    def beat(self, owner: str) -> None:
        """Say that `owner` is alive. Called by whoever watches over it, every few seconds."""

    @abstractmethod
    def leave(self, owner: str, *, crashed: bool) -> int:
        """Take `owner` for gone: its jobs are ready again. Returns how many there were.

        Args:
            owner: Which one.
            crashed: Whether it ended in the midst of them. A job that has seen that
                `MOST_DELIVERIES` times is dead; otherwise the delivery is not counted.
        """

    @abstractmethod
    def sweep(self) -> int:
        """Look for owners that are gone without a word, and drop results that are too old.

        Returns:
            How many jobs are ready again.
        """

    # -- looking in ----------------------------------------------------------------------------

    @abstractmethod
    def now_ms(self) -> int:
        """Return the time by the store's clock."""

    @abstractmethod
    def find(self, id: str) -> JobRecord | None:
        """Return what is known of a job."""

    @abstractmethod
    def jobs(
        self,
        state: JobState,
        queue: str | None = None,
        *,
        before: int | None = None,
        limit: int = 100,
    ) -> list[JobRecord]:
        """Return the jobs of a state, the newest first.

        Args:
            state: Which.
            queue: Of which queue; `None`: of all.
            before: The `seq` of the last one of the page before.
            limit: How many at most.
        """

    @abstractmethod
    def counts(self) -> list[QueueCounts]:
        """Return how many jobs there are, by queue."""

    @abstractmethod
    def totals(self) -> Totals:
        """Return how many runs have ended."""

    @abstractmethod
    def owners(self) -> list[str]:
        """Return who may claim now."""

    @abstractmethod
    def loads(self) -> dict[str, int]:
        """Return who may claim now, each with how many jobs it runs."""

    # -- by hand -------------------------------------------------------------------------------

    @abstractmethod
    def cancel(self, id: str) -> bool:
        """Let a job that has not begun never begin. Returns whether that was so."""

    @abstractmethod
    def retry(self, id: str) -> bool:
        """Let a dead job run again, as if for the first time. Returns whether it was dead."""

    @abstractmethod
    def discard(self, id: str) -> bool:
        """Forget a dead job. Returns whether it was dead."""

    # -- through a broker ----------------------------------------------------------------------

    def outbox(self) -> Outbox | None:
        """Return its part in the way of jobs through a broker; `None`: it can do without only."""
        return None

    # -- itself --------------------------------------------------------------------------------

    @abstractmethod
    def ping(self) -> None:
        """Raise if the store cannot be used now."""

    @abstractmethod
    def close(self) -> None:
        """Close what is open. Jobs stay."""
