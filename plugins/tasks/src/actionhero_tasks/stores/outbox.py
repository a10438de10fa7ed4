"""`Outbox`: the delivery state of the jobs of a store that a message broker delivers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero_tasks.job import Claim


@dataclass(frozen=True, slots=True)
class ReadyJob:
    """The parts of a ready job that are sent to a message broker."""

    id: str
    queue: str
    action: str
    #: Lower numbers run first.
    priority: int


class Outbox(ABC):
    """The part of a store that tracks which ready jobs were sent to a message broker.

    A ready job is *unsent* at first. A process marks it as being sent, sends it, and marks it as
    sent when the broker has stored the message; until then no other process sends it. A worker that
    receives the message claims the job by its id, and only the first claim succeeds.

    Jobs of `excluded_queues` are not sent, and their suspects are not claimed here: the store's own
    claims start them.

    Every method blocks, may be called from any thread, and is atomic, as those of the store.
    """

    excluded_queues: frozenset[str] = frozenset()

    @abstractmethod
    def begin_sending(self, limit: int) -> list[ReadyJob]:
        """Mark unsent jobs as being sent, and return them, by priority within each queue."""

    @abstractmethod
    def mark_sent(self, ids: Sequence[str]) -> None:
        """Mark jobs as sent, except those that have started, and notify waiting workers."""

    @abstractmethod
    def mark_unsent(self, ids: Sequence[str]) -> None:
        """Mark jobs as unsent again, because the broker has not accepted them."""

    @abstractmethod
    def reset_sent(self, queue: str, before_ms: int, limit: int) -> int:
        """Mark jobs of a queue as unsent that were sent before a time, the oldest first.

        Returns:
            How many there were, at most `limit`.
        """

    @abstractmethod
    def reset_stale(self, before_ms: int) -> int:
        """Mark jobs as unsent whose sending began before a time and has not ended."""

    @abstractmethod
    def sent_counts(self) -> dict[str, int]:
        """Return the number of sent jobs that have not started, by queue, without zeros."""

    @abstractmethod
    def claim(
        self, worker_id: str, queues: Sequence[str] | None, ids: Sequence[str]
    ) -> list[Claim]:
        """Claim jobs by id, as far as they are ready.

        Those of paused queues are not claimed, but marked as unsent; their messages are
        acknowledged.

        Args:
            worker_id: The worker.
            queues: The queues to claim from; `None`: all.
            ids: The jobs. An empty sequence claims one suspect, unless the worker is running one:
                suspects are not sent to the broker.
        """
