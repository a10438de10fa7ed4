"""`Envelope`: a call on its way through a queue, in the form of dramatiq's messages."""

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

#: How many levels of values are looked through for what JSON has no word for.
_MOST_LEVELS: Final = 64
#: What nothing is inside of.
_AS_IT_IS: Final = frozenset({str, int, float, bool, type(None)})


class UndecodableJob(Exception):
    """Raised for a message that nobody can make a call of."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a job is, apart from where it stands."""

    action: str
    #: The inputs as they were given, without those that are secret.
    inputs: Mapping[str, Any]
    #: Those that are secret, or hold a secret, sealed.
    sealed: str | None = None
    #: The names of those that are sealed.
    hidden: Sequence[str] = ()
    #: Whether the inputs are text by name, as a command line gives them.
    is_text: bool = False
    #: What ties the job to the request that it was enqueued by.
    request_id: str | None = None
    #: On whose behalf it runs: what the session had under `tasks.user_key`.
    user: Any = None
    #: What somebody who speaks dramatiq gave beside it.
    options: Mapping[str, Any] = field(default_factory=dict)

    def write(self, job_id: str, queue: str) -> bytes:
        """Return the message.

        Raises:
            TypeError: An input cannot be told in JSON; the message names its type.
        """
        options = dict(self.options)
        for name in ("sealed", "request_id", "user"):
            value = getattr(self, name)
            if value is not None:
                options[name] = value
        if self.hidden:
            options["hidden"] = list(self.hidden)
        if self.is_text:
            options["is_text"] = True
        return dumps(
            {
                "queue_name": queue,
                "actor_name": self.action,
                "args": [],
                "kwargs": self.inputs,
                "options": options,
                "message_id": job_id,
                "message_timestamp": time.time_ns() // 1_000_000,
            }
        )

    @classmethod
    def read(cls, body: bytes) -> Envelope:
        """Read a message.

        Raises:
            UndecodableJob: It is none.
        """
        try:
            message = loads(body)
            options = dict(message["options"])
            inputs = message["kwargs"]
            if message["args"] or not isinstance(inputs, dict):
                raise UndecodableJob("inputs are given by name, and there are some without")
            return cls(
                action=str(message["actor_name"]),
                inputs=inputs,
                sealed=options.pop("sealed", None),
                hidden=tuple(options.pop("hidden", ())),
                is_text=bool(options.pop("is_text", False)),
                request_id=options.pop("request_id", None),
                user=options.pop("user", None),
                options=options,
            )
        except (MalformedRequest, KeyError, TypeError, ValueError) as error:
            raise UndecodableJob(f"it is no message of a job: {error}") from error

    def raw(self, seal: Encryption, job_id: str) -> Payload:
        """Return the inputs, for the corridor.

        Raises:
            UndecodableJob: What was sealed cannot be opened.
        """
        inputs = dict(self.inputs)
        if self.sealed is not None:
            try:
                inputs |= seal.open(self.sealed, job_id)
            except DecryptionError as error:
                raise UndecodableJob(str(error)) from error
        if self.is_text:
            return TextPayload(inputs)
        # As from a stranger: an older or a newer version of the application may have written it.
        return ValuePayload(inputs, refuse_unknown=False)

    def shown(self) -> dict[str, Any]:
        """Return the inputs as they may be shown."""
        shown = dict(self.inputs)
        if self.is_text:
            shown = {n: given[0] if len(given) == 1 else given for n, given in shown.items()}
        return shown | dict.fromkeys(self.hidden, REDACTED)


def pack(
    action: RegisteredAction, inputs: Any, seal: Encryption, job_id: str, queue: str, **facts: Any
) -> bytes:
    """Validate inputs as the action will, and return the message that travels.

    Args:
        action: What will be called.
        inputs: By name, an instance of what the action takes, `TextPayload`, or `None`.
        seal: Closes what is secret.
        job_id: The job that it is for.
        queue: Where that waits.
        facts: Further fields of the envelope.

    Raises:
        InvalidInput: They do not fit, or one of them cannot wait in a queue.
    """
    values = plain_inputs(action, inputs)
    is_text = isinstance(inputs, TextPayload)
    hidden = sorted(name for name in values if name in action.inputs.hiding)
    sealed = None
    try:
        if hidden:
            sealed = seal.close({name: values.pop(name) for name in hidden}, job_id)
        envelope = Envelope(
            action.name, values, sealed=sealed, hidden=hidden, is_text=is_text, **facts
        )
        return envelope.write(job_id, queue)
    except TypeError as error:
        raise InvalidInput(
            f"the inputs of {action.name!r} cannot wait in a queue: {error}; keep a file or an "
            "object somewhere else, and give its name"
        ) from None


def plain_inputs(action: RegisteredAction, inputs: Any) -> dict[str, Any]:
    """Return inputs by name, after the action's schema has taken them.

    Raises:
        InvalidInput: It has not; in the words of the corridor.
    """
    schema = action.inputs
    raw: TextPayload | ValuePayload
    if inputs is None or isinstance(inputs, Mapping):
        values = {name: _plain(value) for name, value in (inputs or {}).items()}
        raw = ValuePayload(values)
    elif isinstance(inputs, TextPayload):
        values = {name: list(given) for name, given in inputs.text.items()}
        raw = inputs
    elif isinstance(schema.type, type) and isinstance(inputs, schema.type):
        # Validated when it was made. By the names that are given from outside, to be read so again.
        return {field.name: _plain(getattr(inputs, field.attribute)) for field in schema.fields}
    else:
        raise TypeError(
            f"inputs are {type(inputs).__name__!r}; give a mapping, or an instance of "
            f"{getattr(schema.type, '__name__', schema.type)!r}"
        )
    try:
        raw.parse(schema)
    except TypedError as error:
        # A validator of the author's own may repeat a secret.
        failures = ErrorHandler(show_tracebacks=False, keep_tracebacks=False)
        refused = failures.refused(error, action, raw).error
        raise refused or error from None
    return values


def _plain(value: Any, level: int = 0) -> Any:
    """Return `value` with what is secret inside of it as it is: it is sealed, not masked."""
    if type(value) in _AS_IT_IS:
        return value
    if level > _MOST_LEVELS:
        return value
    if hasattr(value, "get_secret_value"):
        return _plain(value.get_secret_value(), level + 1)
    if isinstance(value, Mapping):
        return {name: _plain(item, level + 1) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, level + 1) for item in value]
    if hasattr(value, "model_dump"):
        return _plain(value.model_dump(by_alias=True), level + 1)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {item.name: _plain(getattr(value, item.name), level + 1) for item in fields}
    return value


def describe(error: TypedError) -> bytes:
    """Return what a store keeps of a failure: what every door tells of it."""
    told = error_document(error, timestamp_ms=time.time_ns() // 1_000_000, request_id=None)
    return dumps(told["error"])
