"""`edited_body`: the message of a job with other inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import ActionNotFound, Conflict, NotFound
from actionhero.transport import REDACTED, TextPayload, dumps
from actionhero_tasks.envelope import Envelope, UndecodableJob, encode_job
from actionhero_tasks.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Application
    from actionhero_tasks.encryption import Encryption
    from actionhero_tasks.job import JobRecord


def edited_body(app: Application, record: JobRecord, inputs: Mapping[str, Any]) -> bytes:
    """Return the message of a job with other inputs, which are validated.

    An input that is `[redacted]` keeps its value. The request, the user, the trace and the options
    of the job remain.

    Raises:
        NotFound: The action does not exist.
        Conflict: The job cannot be decoded.
        InvalidInput: The inputs are invalid.
    """
    try:
        action = app.actions.find(record.action)
    except ActionNotFound:
        raise NotFound(f"Action not found: {record.action}", key="id", value=record.id) from None
    encryption = app.get(Tasks).encryption
    try:
        envelope = Envelope.read(record.body)
        values = _values(envelope, encryption, record.id, inputs)
    except UndecodableJob as error:
        raise Conflict(f"Job {record.id} cannot be changed: {error}", key="id") from None
    return encode_job(
        action,
        _as_text(values) if envelope.is_text else values,
        encryption,
        record.id,
        record.queue,
        request_id=envelope.request_id,
        user=envelope.user,
        grants=envelope.grants,
        carrier=envelope.carrier,
        message_options=envelope.options,
    )


def _values(
    envelope: Envelope, encryption: Encryption, job_id: str, inputs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the new inputs, with the earlier values of those that are redacted."""
    unchanged = [name for name, value in inputs.items() if value == REDACTED]
    if not unchanged:
        return dict(inputs)
    payload = envelope.payload(encryption, job_id)
    earlier: Mapping[str, Any] = (
        payload.text if isinstance(payload, TextPayload) else payload.preview()
    )
    return {**inputs, **{name: earlier[name] for name in unchanged if name in earlier}}


def _as_text(values: Mapping[str, Any]) -> TextPayload:
    """Return inputs as the command line passes them."""
    return TextPayload(
        {
            name: [_text(item) for item in value] if isinstance(value, list) else [_text(value)]
            for name, value in values.items()
        }
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value).decode()
