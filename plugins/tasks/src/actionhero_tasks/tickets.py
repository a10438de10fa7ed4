"""`TicketBroker`: carries the word that a job is ready to whoever runs it."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from dramatiq import Message

from actionhero.transport import new_identifier
from actionhero_tasks.job import NewJob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero_tasks.outbox import ReadyJob

#: The option by which a message of ours says which job it is for.
JOB_OPTION: Final = "actionhero_job"
#: How many levels of urgency a broker tells apart, from 0; the highest is the most urgent.
LEVELS: Final = 10
#: That of a job whose priority is 0.
MIDDLE: Final = LEVELS // 2


@dataclass(frozen=True, slots=True)
class Ticket:
    """A message that a broker has handed out, and waits to be told of."""

    message: Message[Any]
    #: By which the broker knows it again.
    receipt: Any

    @property
    def job_id(self) -> str:
        """The job that it is for: ours, or the one that it is itself."""
        return str(self.message.options.get(JOB_OPTION, self.message.message_id))

    @property
    def is_foreign(self) -> bool:
        """Whether somebody who speaks dramatiq has sent it, and not our store."""
        return JOB_OPTION not in self.message.options

    def as_job(self, queue: str, now_ms: int) -> NewJob:
        """Return the job that a foreign message is.

        Args:
            queue: Where it waits from now on.
            now_ms: The time by the store's clock.
        """
        options = self.message.options
        return NewJob(
            id=self.message.message_id,
            queue=queue,
            action=self.message.actor_name,
            body=self.message.copy(queue_name=queue).encode(),
            # A high number is urgent in dramatiq, a low one with us.
            priority=-_number(options.get("broker_priority")),
            delay_ms=max(_number(options.get("eta"), now_ms) - now_ms, 0),
        )


class TicketBroker(ABC):
    """A broker that says which jobs are ready. What they are, the store knows.

    A ticket is lost without harm, and handed out twice without harm: the store sends it again, and
    lets each job begin once. Every method blocks, and may be called from any thread; a ticket is
    settled in the thread that took it.

    Raises:
        BrokerUnavailable: From any method but `close`, if the broker cannot be reached.
    """

    #: How it is called in messages.
    title: ClassVar[str]

    def __init__(self, address: str) -> None:
        #: Where it is, for people: no password in it.
        self.address = address

    @abstractmethod
    def send(self, jobs: Sequence[ReadyJob]) -> None:
        """Take the word that jobs are ready; all of it is written down when this returns."""

    @abstractmethod
    def take(self, queue: str, limit: int) -> list[Ticket]:
        """Return what waits in a queue now, no more than `limit`, the most urgent first."""

    @abstractmethod
    def take_delayed(self, queue: str, limit: int) -> list[Ticket]:
        """Return what others want to wait beside a queue, and we let wait in the store."""

    @abstractmethod
    def done(self, tickets: Sequence[Ticket]) -> None:
        """Forget tickets. Of a broker that is away nothing is told: it hands them out again."""

    @abstractmethod
    def put_back(self, tickets: Sequence[Ticket]) -> None:
        """Let others have tickets; also of a broker that is away."""

    @abstractmethod
    def waiting(self, queue: str) -> int:
        """Return how many tickets wait in a queue."""

    @abstractmethod
    def ping(self) -> None:
        """Raise if the broker cannot be used now."""

    @abstractmethod
    def close(self) -> None:
        """Close what is open. Tickets stay."""


def message_for(job: ReadyJob) -> Message[Any]:
    """Return the message that says that a job is ready. No input is in it."""
    level = min(max(MIDDLE - job.priority, 0), LEVELS)
    return Message(
        queue_name=job.queue,
        actor_name=job.action,
        args=(),
        kwargs={},
        options={JOB_OPTION: job.id, "broker_priority": level},
        message_id=job.id if _is_uuid(job.id) else new_identifier(),
    )


def _is_uuid(id: str) -> bool:
    try:
        return str(uuid.UUID(id)) == id
    except ValueError:
        return False


def _number(given: Any, otherwise: int = 0) -> int:
    """Return what a stranger gave as a number, if it is one."""
    return int(given) if isinstance(given, int | float) else otherwise
