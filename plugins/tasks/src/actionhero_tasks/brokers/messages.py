"""The messages by which a broker carries ready jobs, and those of other dramatiq clients."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from dramatiq import Message

from actionhero.transport import new_identifier
from actionhero_tasks.job import NewJob

if TYPE_CHECKING:
    from dramatiq import MessageProxy

    from actionhero_tasks.stores.outbox import ReadyJob

#: The option of a message that contains the id of the stored job.
JOB_OPTION: Final = "actionhero_job"
#: The highest priority of a message; the lowest is 0.
LEVELS: Final = 10
#: The priority of a message whose job has the priority 0.
DEFAULT_LEVEL: Final = LEVELS // 2


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


def job_id_of(message: MessageProxy) -> str:
    """Return the id of the stored job; for a foreign message, the id of the message."""
    return str(message.options.get(JOB_OPTION, message.message_id))


def is_foreign(message: MessageProxy) -> bool:
    """Return whether another dramatiq client has sent a message."""
    return JOB_OPTION not in message.options


def job_for(message: MessageProxy, queue: str, now_ms: int) -> NewJob:
    """Convert a foreign message to a job.

    Args:
        message: The message.
        queue: The queue of the job.
        now_ms: The time of the store's clock.
    """
    options = message.options
    return NewJob(
        id=message.message_id,
        queue=queue,
        action=message.actor_name,
        body=message.copy(queue_name=queue).encode(),
        # High numbers are urgent in dramatiq, low ones here.
        priority=-_number(options.get("broker_priority")),
        delay_ms=max(_number(options.get("eta"), now_ms) - now_ms, 0),
    )


def _is_uuid(id: str) -> bool:
    try:
        return str(uuid.UUID(id)) == id
    except ValueError:
        return False


def _number(value: Any, default: int = 0) -> int:
    """Return a number from a foreign message, or the default if it is none."""
    return int(value) if isinstance(value, int | float) else default
