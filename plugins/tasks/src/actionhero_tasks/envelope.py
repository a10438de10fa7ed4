"""`Envelope`: a call as a job, encoded in the message format of dramatiq."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from actionhero import InvalidInput, MalformedRequest, TypedError
from actionhero.transport import (
    REDACTED,
    ErrorHandler,
    TextPayload,
    ValuePayload,
    dumps,
    error_document,
    loads,
)
from actionhero_tasks.encryption import DecryptionError

if TYPE_CHECKING:
    from actionhero.transport import Payload, RegisteredAction
    from actionhero_tasks.encryption import Encryption

#: How deep nested values are converted.
_MAX_DEPTH: Final = 64
#: The types that are not converted.
_JSON_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


class UndecodableJob(Exception):
    """Raised for a message that cannot be decoded to a call."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The content of a job."""

    action: str
    #: The inputs as they were passed, without secret ones.
    inputs: Mapping[str, Any]
    #: The inputs that are secret, or contain a secret, encrypted.
    encrypted: str | None = None
    #: The names of the encrypted inputs.
    secret_names: Sequence[str] = ()
    #: Whether the inputs are strings by name, as the command line passes them.
    is_text: bool = False
    #: The id of the request that enqueued the job.
    request_id: str | None = None
    #: The user of the call that enqueued the job: the session's value of `tasks.user_key`.
    user: Any = None
    #: The limits and permissions of that user, as `grants_of` returns them.
    grants: Any = None
    #: The trace fields of the code that enqueued the job.
    carrier: Mapping[str, str] | None = None
    #: The options for dramatiq's middleware.
    options: Mapping[str, Any] = field(default_factory=dict)
    #: The id of the message: that of the job, unless the message was enqueued before.
    message_id: str | None = None

    def write(self, job_id: str, queue: str) -> bytes:
        """Return the encoded message.

        Raises:
            TypeError: An input has no JSON representation; the message names its type.
        """
        options = dict(self.options)
        for name in ("encrypted", "request_id", "user", "grants", "carrier"):
            value = getattr(self, name)
            if value is not None:
                options[name] = value
        if self.secret_names:
            options["secret_names"] = list(self.secret_names)
        if self.is_text:
            options["is_text"] = True
        return _encode(self.action, self.inputs, options, job_id, queue)

    @classmethod
    def read(cls, body: bytes) -> Envelope:
        """Decode a message.

        Raises:
            UndecodableJob: It is not a message of a job.
        """
        try:
            message = loads(body)
            options = dict(message["options"])
            inputs = message["kwargs"]
            if message["args"] or not isinstance(inputs, dict):
                raise UndecodableJob("inputs must be passed by name, and some are positional")
            return cls(
                action=str(message["actor_name"]),
                inputs=inputs,
                encrypted=options.pop("encrypted", None),
                secret_names=tuple(options.pop("secret_names", ())),
                is_text=bool(options.pop("is_text", False)),
                request_id=options.pop("request_id", None),
                user=options.pop("user", None),
                grants=options.pop("grants", None),
                carrier=_trace_fields(options.pop("carrier", None)),
                options=options,
                message_id=message.get("message_id"),
            )
        except (MalformedRequest, KeyError, TypeError, ValueError) as error:
            raise UndecodableJob(f"it is not a message of a job: {error}") from error

    def payload(self, encryption: Encryption, job_id: str) -> Payload:
        """Return the inputs as a payload for the pipeline.

        Args:
            encryption: Decrypts secret inputs.
            job_id: The id of the job, for a message that has none.

        Raises:
            UndecodableJob: The secret inputs cannot be decrypted.
        """
        inputs = dict(self.inputs)
        if self.encrypted is not None:
            try:
                inputs |= encryption.decrypt(self.encrypted, self.message_id or job_id)
            except DecryptionError as error:
                raise UndecodableJob(str(error)) from error
        if self.is_text:
            return TextPayload(inputs)
        # Unknown inputs are ignored: another version of the application may have enqueued the job.
        return ValuePayload(inputs, refuse_unknown=False)

    def redacted_inputs(self) -> dict[str, Any]:
        """Return the inputs with redacted secrets."""
        inputs = dict(self.inputs)
        if self.is_text:
            inputs = {
                name: values[0] if len(values) == 1 else values for name, values in inputs.items()
            }
        return inputs | dict.fromkeys(self.secret_names, REDACTED)


def carrier_in(body: bytes) -> Mapping[str, str]:
    """Return the trace fields in a message, perhaps of a job that cannot be decoded."""
    if b'"carrier"' not in body:
        return {}
    try:
        return _trace_fields(loads(body)["options"].get("carrier")) or {}
    except (MalformedRequest, KeyError, TypeError, ValueError, AttributeError):
        return {}


def _trace_fields(value: Any) -> Mapping[str, str] | None:
    """Return the trace fields in an option, which a middleware of dramatiq may have set."""
    if not isinstance(value, Mapping) or not value:
        return None
    return {name: text for name, text in value.items() if isinstance(text, str)}


def encode_job(
    action: RegisteredAction,
    inputs: Any,
    encryption: Encryption,
    job_id: str,
    queue: str,
    *,
    request_id: str | None = None,
    user: Any = None,
    grants: Any = None,
    carrier: Mapping[str, str] | None = None,
    message_options: Mapping[str, Any] | None = None,
) -> bytes:
    """Validate the inputs of an action, and return the message of a job, as `Envelope` writes it.

    Args:
        action: The action to run.
        inputs: A mapping, an instance of the action's input type, `TextPayload`, or `None`.
        encryption: Encrypts secret inputs.
        job_id: The id of the job.
        queue: The queue of the job.
        request_id: See `Envelope`.
        user: See `Envelope`.
        grants: See `Envelope`.
        carrier: See `Envelope`.
        message_options: Options for dramatiq's middleware.

    Raises:
        InvalidInput: The inputs are invalid, or one of them cannot be encoded.
    """
    values = validated_inputs(action, inputs)
    # Without an `Envelope`, which takes a third of the time of a job.
    options: dict[str, Any] = dict(message_options) if message_options else {}
    if request_id is not None:
        options["request_id"] = request_id
    if user is not None:
        options["user"] = user
        if grants is not None:
            options["grants"] = grants
    if carrier is not None:
        options["carrier"] = carrier
    if isinstance(inputs, TextPayload):
        options["is_text"] = True
    sensitive_names = action.inputs.sensitive_names
    try:
        if sensitive_names and (secret_names := sorted(values.keys() & sensitive_names)):
            secrets = {name: values.pop(name) for name in secret_names}
            options["encrypted"] = encryption.encrypt(secrets, job_id)
            options["secret_names"] = secret_names
        return _encode(action.name, values, options, job_id, queue)
    except TypeError as error:
        raise InvalidInput(
            f"the inputs of {action.name!r} cannot be enqueued: {error}; store a file or an object "
            "elsewhere, and pass its name"
        ) from None


def _encode(
    action: str, inputs: Mapping[str, Any], options: Mapping[str, Any], job_id: str, queue: str
) -> bytes:
    return dumps(
        {
            "queue_name": queue,
            "actor_name": action,
            "args": [],
            "kwargs": inputs,
            "options": options,
            "message_id": job_id,
            "message_timestamp": time.time_ns() // 1_000_000,
        }
    )


def validated_inputs(action: RegisteredAction, inputs: Any) -> dict[str, Any]:
    """Validate inputs with the action's schema, and return them by name.

    Raises:
        InvalidInput: They are invalid; the message is that of the pipeline.
    """
    values = _values(action, inputs)
    if not _is_instance(action, inputs):
        # An instance was validated when it was created.
        _parse(action, _payload(inputs, values))
    return values


def parsed_inputs(action: RegisteredAction, inputs: Any) -> Any:
    """Return the inputs as the action receives them in its job.

    Raises:
        InvalidInput: They are invalid; the message is that of the pipeline.
    """
    return _parse(action, _payload(inputs, _values(action, inputs)))


def _values(action: RegisteredAction, inputs: Any) -> dict[str, Any]:
    """Return inputs by the names that clients use, so that a worker can validate them."""
    schema = action.inputs
    if inputs is None or isinstance(inputs, Mapping):
        return {name: _json_value(value) for name, value in (inputs or {}).items()}
    if isinstance(inputs, TextPayload):
        return {name: list(texts) for name, texts in inputs.text.items()}
    if _is_instance(action, inputs):
        return {
            field.name: _json_value(getattr(inputs, field.attribute)) for field in schema.fields
        }
    raise TypeError(
        f"inputs are {type(inputs).__name__!r}; pass a mapping, or an instance of "
        f"{getattr(schema.type, '__name__', schema.type)!r}"
    )


def _is_instance(action: RegisteredAction, inputs: Any) -> bool:
    type_ = action.inputs.type
    is_other = inputs is None or isinstance(inputs, Mapping | TextPayload)
    return isinstance(type_, type) and not is_other and isinstance(inputs, type_)


def _payload(inputs: Any, values: dict[str, Any]) -> TextPayload | ValuePayload:
    return inputs if isinstance(inputs, TextPayload) else ValuePayload(values)


def _parse(action: RegisteredAction, payload: TextPayload | ValuePayload) -> Any:
    try:
        return payload.parse(action.inputs)
    except TypedError as error:
        # The message of a custom validator may contain a secret.
        handler = ErrorHandler(show_tracebacks=False, keep_tracebacks=False)
        redacted = handler.reject(error, action, payload).error
        raise redacted or error from None


def _json_value(value: Any, depth: int = 0) -> Any:
    """Convert `value` for JSON; secrets in it are not masked, because they will be encrypted."""
    if type(value) in _JSON_SCALARS:
        return value
    if depth > _MAX_DEPTH:
        return value
    if hasattr(value, "get_secret_value"):
        return _json_value(value.get_secret_value(), depth + 1)
    if isinstance(value, Mapping):
        return {name: _json_value(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json_value(item, depth + 1) for item in value]
    if hasattr(value, "model_dump"):
        return _json_value(value.model_dump(by_alias=True), depth + 1)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {item.name: _json_value(getattr(value, item.name), depth + 1) for item in fields}
    return value


def encode_error(error: TypedError) -> bytes:
    """Return an error as JSON for a store, as other transports report it."""
    document = error_document(error, timestamp_ms=time.time_ns() // 1_000_000, request_id=None)
    return dumps(document["error"])
