"""`Outbox`: what a store keeps of jobs that wait for a worker in a broker."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero_tasks.job import Claim


@dataclass(frozen=True, slots=True)
class ReadyJob:
    """What a broker is told of a job: that it is ready, and no more."""

    id: str
    queue: str
    action: str
    #: The lower, the sooner.
    priority: int


class Outbox(ABC):
    """A store's part in the way of a job through a broker.

    A job that is ready is at first *unsent*. Whoever sends it says so before, and after the broker
    has written it down; in between it is nobody else's to send. That it was sent takes nothing from
    it: it is claimed by its id, by whoever got the word, and only once.

    Every method blocks, may be called from any thread, and is atomic, as those of the store.
    """

    @abstractmethod
    def begin_sending(self, limit: int) -> list[ReadyJob]:
        """Return jobs that are ready and unsent, the most urgent of each queue first."""

    @abstractmethod
    def mark_sent(self, ids: Sequence[str]) -> None:
        """Say that the broker has these, and wake who waits. Those that have begun are left."""

    @abstractmethod
    def give_up_sending(self, ids: Sequence[str]) -> None:
        """Let jobs be unsent again: the broker has not taken them."""

    @abstractmethod
    def unsend(self, queue: str, before_ms: int, limit: int) -> int:
        """Let jobs of a queue be unsent again that were sent before a time, the oldest first.

        Returns:
            How many there were, no more than `limit`.
        """

    @abstractmethod
    def mend(self, before_ms: int) -> int:
        """Let jobs be unsent again that somebody began to send before a time, and did not end."""

    @abstractmethod
    def sent(self) -> dict[str, int]:
        """Return how many jobs were sent and have not begun, by queue, where there are any."""

    @abstractmethod
    def claim(self, owner: str, queues: Sequence[str] | None, ids: Sequence[str]) -> list[Claim]:
        """Claim jobs by their ids: those of them that are ready still.

        Args:
            owner: Who begins.
            queues: From which queues; `None`: from all.
            ids: Which ones. None at all: one that was running twice when its worker ended, if
                there is one, and `owner` has no other. A broker never has those.
        """
