"""The messages by which a broker carries ready jobs, and those of other dramatiq clients."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any, Final

from dramatiq import Message

from actionhero import InvalidInput
from actionhero.transport import new_identifier
from actionhero_tasks.job import NewJob
from actionhero_tasks.job_options import (
    MAX_DELAY,
    MAX_PRIORITY,
    check_text,
    milliseconds,
    retry_delay_ms,
)

if TYPE_CHECKING:
    from dramatiq import MessageProxy

    from actionhero_tasks.stores.outbox import ReadyJob

#: The option of a message that contains the id of the stored job.
JOB_OPTION: Final = "actionhero_job"
#: The longest id and name of a message, which an index of any store can have.
MAX_TEXT: Final = 500
#: The options of dramatiq that are numbers.
_NUMBERS: Final = (
    *("eta", "broker_priority", "retries", "max_retries", "min_backoff", "max_backoff"),
    *("max_age", "time_limit"),
)
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
    # In this order, not a number becomes a number.
    level = min(max(-MAX_PRIORITY, _number(options.get("broker_priority"))), MAX_PRIORITY)
    return NewJob(
        id=message.message_id,
        queue=queue,
        action=message.actor_name,
        body=message.copy(queue_name=queue).encode(),
        # High numbers are urgent in dramatiq, low ones here.
        priority=-int(level),
        delay_ms=retry_delay_ms(_number(options.get("eta"), now_ms) - now_ms),
    )


def fault_in(message: MessageProxy) -> str | None:
    """Return why no store can have the job of a message, or `None` if one can.

    Other clients can send any JSON. A message that cannot be stored would be delivered again and
    again.
    """
    options: Any = message.options
    if not isinstance(options, dict):
        return f"its options are {options!r:.100}"
    try:
        check_text("id", job_id_of(message))
        if not is_foreign(message):
            return None
        for name in ("message_id", "actor_name"):
            text = getattr(message, name)
            check_text(name, text)
            if not 0 < len(text) <= MAX_TEXT:
                return f"its {name} has {len(text)} characters"
    except (InvalidInput, TypeError) as error:
        return str(error)
    for name in _NUMBERS:
        value = options.get(name)
        if not isinstance(value, int | float | None):
            return f"its option {name} is {value!r:.100}"
    # In this form, not a number is refused.
    if not _number(options.get("eta")) <= time.time() * 1000 + milliseconds(MAX_DELAY):
        return f"its option eta is in more than {MAX_DELAY.days} days"
    return None


def _is_uuid(id: str) -> bool:
    try:
        return str(uuid.UUID(id)) == id
    except ValueError:
        return False


def _number(value: float | None, default: int = 0) -> float:
    return default if value is None else value
