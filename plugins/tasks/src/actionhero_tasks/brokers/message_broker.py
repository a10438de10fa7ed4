"""`MessageBroker`: the interface of message brokers that deliver ready jobs to workers."""

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

    from actionhero_tasks.stores.outbox import ReadyJob

#: The option of a message that contains the id of the stored job.
JOB_OPTION: Final = "actionhero_job"
#: The highest priority of a message; the lowest is 0.
LEVELS: Final = 10
#: The priority of a message whose job has the priority 0.
DEFAULT_LEVEL: Final = LEVELS // 2


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that a broker has delivered, to be acknowledged or requeued."""

    message: Message[Any]
    #: The broker's handle of the delivery.
    receipt: Any

    @property
    def job_id(self) -> str:
        """The id of the stored job; for a foreign message, the id of the message."""
        return str(self.message.options.get(JOB_OPTION, self.message.message_id))

    @property
    def is_foreign(self) -> bool:
        """Whether another dramatiq client has sent the message."""
        return JOB_OPTION not in self.message.options

    def as_job(self, queue: str, now_ms: int) -> NewJob:
        """Convert a foreign message to a job.

        Args:
            queue: The queue of the job.
            now_ms: The time of the store's clock.
        """
        options = self.message.options
        return NewJob(
            id=self.message.message_id,
            queue=queue,
            action=self.message.actor_name,
            body=self.message.copy(queue_name=queue).encode(),
            # High numbers are urgent in dramatiq, low ones here.
            priority=-_number(options.get("broker_priority")),
            delay_ms=max(_number(options.get("eta"), now_ms) - now_ms, 0),
        )


class MessageBroker(ABC):
    """A broker whose messages contain the ids of ready jobs. The jobs are in the store.

    Messages may be lost or delivered twice: the store sends a lost one again, and starts each job
    once. Every method blocks, and may be called from any thread; a delivery must be acknowledged in
    the thread that received it.

    Raises:
        BrokerUnavailable: From any method but `ack`, `requeue` and `close`, if the broker cannot be
            reached.
    """

    #: Its name in messages.
    title: ClassVar[str]

    def __init__(self, address: str) -> None:
        #: Its host and port, without a password.
        self.address = address

    @abstractmethod
    def publish(self, jobs: Sequence[ReadyJob]) -> None:
        """Send a message for each job; the broker has stored them when this returns."""

    @abstractmethod
    def receive(self, queue: str, limit: int) -> list[Delivery]:
        """Return the messages that wait in a queue, at most `limit`, by priority."""

    @abstractmethod
    def receive_delayed(self, queue: str, limit: int) -> list[Delivery]:
        """Return the delayed messages of other clients of a queue, to delay them in the store."""

    @abstractmethod
    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge deliveries. An unavailable broker is ignored: it delivers them again."""

    @abstractmethod
    def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """Return deliveries to their queue. An unavailable broker is ignored."""

    @abstractmethod
    def count_waiting(self, queue: str) -> int:
        """Return the number of messages that wait in a queue."""

    @abstractmethod
    def ping(self) -> None:
        """Raise if the broker cannot be used now."""

    @abstractmethod
    def close(self) -> None:
        """Close connections. Messages remain."""


def message_for(job: ReadyJob) -> Message[Any]:
    """Return the message for a ready job. It contains no inputs."""
    level = min(max(DEFAULT_LEVEL - job.priority, 0), LEVELS)
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


def _number(value: Any, default: int = 0) -> int:
    """Return a number from a foreign message, or the default if it is none."""
    return int(value) if isinstance(value, int | float) else default
