"""Jobs as messages of the outbox of a database."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any, Final

from actionhero import OutboxMessage
from actionhero.transport import dumps, loads
from actionhero_tasks.job import JobRecord, JobState, NewJob

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The fields of a job in the first line of a message; the others are its id and its body.
_FIELDS: Final = tuple(
    field.name for field in dataclasses.fields(NewJob) if field.name not in {"id", "body"}
)


def message_of(job: NewJob) -> OutboxMessage:
    """Return the message of a job: a line of JSON with its fields, then its body."""
    fields = dumps({name: getattr(job, name) for name in _FIELDS})
    return OutboxMessage(job.id, fields + b"\n" + job.body, key=job.key, item=job)


def job_in(message: OutboxMessage) -> NewJob:
    """Return the job in a message. Its delay is shorter by the age of the message.

    Raises:
        ValueError: It is not the message of a job.
    """
    if isinstance(message.item, NewJob):
        return message.item
    line, newline, body = message.body.partition(b"\n")
    fields: Mapping[str, Any] = loads(line) if newline else {}
    try:
        # Another version of the application may have written it, with further fields.
        job = NewJob(
            id=message.id,
            body=body,
            **{name: value for name, value in fields.items() if name in _FIELDS},
        )
    except TypeError as error:
        raise ValueError(f"message {message.id} is not the message of a job: {error}") from None
    return dataclasses.replace(job, delay_ms=max(0, job.delay_ms - message.age_ms))


def record_in(message: OutboxMessage) -> JobRecord:
    """Return the job in a message as it will be stored."""
    job = job_in(message)
    now_ms = time.time_ns() // 1_000_000
    return JobRecord(
        id=job.id,
        queue=job.queue,
        action=job.action,
        state=JobState.DELAYED if job.delay_ms else JobState.READY,
        priority=job.priority,
        body=job.body,
        attempts=0,
        deliveries=0,
        created_ms=now_ms - message.age_ms,
        due_ms=now_ms + job.delay_ms if job.delay_ms else None,
        key=job.key,
        batch=job.batch,
    )
